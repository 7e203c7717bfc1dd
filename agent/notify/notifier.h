#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/guarded.h"
#include "agent/model/binding.h"
#include "agent/notify/channel.h"
#include "agent/notify/host_watch.h"
#include "agent/notify/outgoing.h"
#include "agent/notify/sender.h"
#include "agent/notify/troubles.h"
#include "agent/store/notice_book.h"

namespace gitferry {

struct NotifyOptions {
  std::vector<Channel> channels;  ///< with names of their own
  Patience patience;
  OutgoingOptions outgoing;
  std::string public_url;  ///< of the page, with a slash at its end; empty: no links
};

/// Tells people what went bad and what got well.
///
/// It looks at what the store has, from time to time, and compares it with what people were told. So it
/// misses nothing by a restart, repeats nothing, and no sync waits for it. What is to be sent is in the store
/// before it is sent, each notice once for each channel; a message is sent until the receiver took it, or for
/// a day. Between two messages to one channel there is a gap, in which notices gather.
///
/// Owns:      one thread. Threading: start() once, then stop() once; the others from any thread.
/// Blocking:  stop() for a transfer's end, which it cuts.
/// Errors:    logged, and shown by state().
class Notifier {
 public:
  struct Pace {
    std::chrono::milliseconds look{2'000};
    std::chrono::milliseconds look_at_hooks{60'000};
    std::chrono::milliseconds gap{5'000};  ///< the narrowest limit is 20 messages a minute
    std::chrono::milliseconds first_retry{10'000};
    std::chrono::milliseconds longest_retry{900'000};
    std::chrono::milliseconds give_up_after{86'400'000};
  };
  struct Parts {
    NoticeBook& book;
    const Clock& clock;
    std::function<Snapshot()> bindings;
    std::function<std::vector<std::string>()> resting_hosts;
    Pace pace = {};
  };

  Notifier(Parts parts, NotifyOptions options);
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;
  ~Notifier();

  void start();
  void stop();
  /// Takes other channels up; what waits for those that are gone is dropped.
  void replace(NotifyOptions options);
  /// `ok`, `off`, or how many channels fail: names nothing, since everybody may ask.
  [[nodiscard]] std::string state();

 private:
  using SharedOptions = std::shared_ptr<const NotifyOptions>;
  struct State {
    SharedOptions options;
    bool is_stopping = false;
    std::uint64_t wakes = 0;
    std::size_t failing = 0;
  };

  void work();
  void step(const SharedOptions& options);
  /// Looks for what changed, and writes what is to be told.
  Status look(const NotifyOptions& options);
  Result<Findings> find(const NotifyOptions& options);
  Status send_due(const NotifyOptions& options);
  Status serve(const Channel& channel, const ChannelState& state, const Sender& sender);
  Status attempt_to_send(const Channel& channel, const NoticeMessage& message, const ChannelState& state,
                         const Sender& sender);
  Status note_failure(const NoticeMessage& message, const ChannelState& state, const Error& error,
                      std::int64_t now_ms);
  void wait(std::chrono::milliseconds longest);

  Parts parts_;
  Guarded<State> state_;
  std::condition_variable changed_;
  std::stop_source stop_;
  std::thread thread_;
  // Of the thread alone.
  SharedOptions known_;
  std::optional<HostWatch> hosts_;
  std::optional<MonotonicTime> hooks_seen_at_;
  std::map<std::string, MonotonicTime> tried_at_;
  std::chrono::milliseconds rest_{0};  ///< after a look that took long
};

}  // namespace gitferry

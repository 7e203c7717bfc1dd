#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/error.h"
#include "agent/model/binding.h"
#include "agent/sync/sync_service.h"

namespace gitferry {

/// What comparing one repository came to.
struct ComparisonEnd {
  std::optional<Error> error = std::nullopt;
  /// The side that could not be listed; unset where the failure is our own (the store, a credential).
  std::optional<Side> side = std::nullopt;
};

/// When each repository is compared next. No thread, no clock, no I/O: who uses it says what time it is.
///
/// - After a start, and where bindings are new or changed, repositories are due soon, but not all at once.
///   From then on each is due once every interval, the time being drawn, so that they stay spread over it.
/// - At most kPerHost comparisons touch a host at a time, and one alone until the host has answered. What has
///   to wait for a host waits at that host, so that it is not looked at again with every step.
/// - A host that does not answer rests: a minute, twice as long each time up to the interval, or what its
///   Retry-After says. What is due meanwhile is put off until then, and the rest goes on undisturbed.
/// - What somebody asked for goes before what is due by itself. A proven claim stays until the repository was
///   compared; one that was only heard counts once, within narrow limits.
///
/// A step costs O(log n), replace() O(n). A repository takes at most 150 bytes.
/// Threading: one thread at a time.
class ReconcileSchedule {
 public:
  struct Options {
    std::chrono::milliseconds interval{600'000};  ///< zero: nothing is due by itself
    std::function<double()> fraction;             ///< a random number in [0, 1)
  };
  /// What is worth a line in the log. A failure that repeats itself is none.
  struct News {
    bool is_failing = false;             ///< the repository, or its host, began to fail, or fails differently
    bool is_well_again = false;          ///< the repository was compared for the first time after a failure
    std::string host;                    ///< where it is the host that rests: which
    std::chrono::milliseconds rest{0};   ///< for how long
    std::vector<std::string> answering;  ///< hosts that did not answer, and do again
  };

  static constexpr int kPerHost = 2;
  static constexpr std::chrono::milliseconds kFirstSweep{60'000};  ///< longest spread of what is due soon
  static constexpr std::chrono::milliseconds kBetweenFirst{100};   ///< its usual distance
  static constexpr std::chrono::milliseconds kFirstRest{60'000};
  static constexpr std::chrono::milliseconds kProvenPause{
      5'000};  ///< between two comparisons of one repository
  static constexpr std::chrono::milliseconds kHeardPause{60'000};
  static constexpr std::size_t kHeardAtOnce = 10;  ///< of all repositories together in kHeardPause

  explicit ReconcileSchedule(Options options) : options_(std::move(options)) {}

  /// Takes up the bindings in force: what is new, or runs unlike it did in `before`, is due soon; what is
  /// gone or disabled is forgotten; of everything else the times stay.
  void replace(const BindingSnapshot& before, const BindingSnapshot& bindings, MonotonicTime now);
  /// Does nothing for a repository that is not bound, or not enabled.
  void ask(std::string_view repository, Claim claim, MonotonicTime now);
  /// The repository to be compared now; it is under way until finish(). Unset: none may begin before next().
  std::optional<std::string> take(MonotonicTime now);
  News finish(const std::string& repository, const ComparisonEnd& end, MonotonicTime now);
  /// When take() may have something again, if nothing else happens; unset: never.
  [[nodiscard]] std::optional<MonotonicTime> next();
  /// Something has been due for longer than an interval.
  [[nodiscard]] bool is_behind(MonotonicTime now);

 private:
  enum class State : std::uint8_t {
    Idle,     ///< due never, unless asked for
    Queued,   ///< in a heap
    Waiting,  ///< due, and in the list of a host that has no room
    Running,
  };
  enum class Want : std::uint8_t { Regular, Heard, Proven };

  struct Host {
    int running = 0;
    int failures = 0;  ///< in a row
    bool has_answered = false;
    bool is_reported = false;  ///< that it does not answer
    MonotonicTime rests_until = MonotonicTime::min();
    std::uint32_t repositories = 0;
    std::list<std::uint32_t> waiting;

    [[nodiscard]] int room() const;
  };
  using Hosts = std::map<std::string, Host, std::less<>>;
  using HostPair = std::array<Hosts::value_type*, 2>;  ///< of internal and external; both may be one

  struct Entry {
    std::string name;
    HostPair hosts{};
    MonotonicTime due = MonotonicTime::min();
    MonotonicTime started = MonotonicTime::min();  ///< of the last comparison
    State state = State::Idle;
    Want want = Want::Regular;
    std::optional<Want> again;          ///< it has to be compared once more after the comparison that runs
    bool is_spread = false;             ///< it has its place in the interval
    std::uint8_t failures = 0;          ///< in a row
    std::optional<ErrorCode> reported;  ///< what it failed with, as the log says
  };
  struct Queued {
    MonotonicTime due;
    std::uint32_t index;
  };
  /// The earliest first. What was rescheduled stays in it and is passed over when its time comes.
  class Heap {
   public:
    void push(Queued queued);
    void pop();
    [[nodiscard]] const Queued* top() const { return queue_.empty() ? nullptr : queue_.data(); }
    [[nodiscard]] std::size_t size() const { return queue_.size(); }
    void clear() { queue_.clear(); }

   private:
    std::vector<Queued> queue_;
  };

  Entry* find(std::string_view repository);
  Hosts::value_type* host_of(const RemoteUrl& address);
  void take_up(std::vector<Entry> known, const BindingSnapshot& before, const BindingSnapshot& bindings,
               std::vector<std::uint32_t>& soon);
  void spread(const std::vector<std::uint32_t>& soon, MonotonicTime now);
  void rebuild_heaps();

  Heap& heap_of(const Entry& entry) { return entry.want == Want::Regular ? regular_ : wanted_; }
  void enqueue(std::uint32_t index, MonotonicTime due);
  void drop_stale(Heap& heap);
  std::optional<std::uint32_t> pop_due(MonotonicTime now);
  void begin(Entry& entry, MonotonicTime now);
  void put_off(std::uint32_t index, MonotonicTime until);
  void wait_at(Host& host, std::uint32_t index);
  void let_in(Host& host);

  bool admit_heard(MonotonicTime now);
  static void note_answer(Hosts::value_type& host, News& news);
  void note_silence(Hosts::value_type& host, const Error& error, MonotonicTime now, News& news) const;
  void judge_hosts(const HostPair& hosts, const ComparisonEnd& end, MonotonicTime now, News& news) const;
  static void judge_repository(Entry& entry, const ComparisonEnd& end, News& news);
  std::optional<MonotonicTime> due_after(Entry& entry, const ComparisonEnd& end, MonotonicTime now);
  std::optional<MonotonicTime> next_round(Entry& entry);
  [[nodiscard]] std::chrono::milliseconds longest_pause() const;
  [[nodiscard]] std::chrono::milliseconds fraction_of(std::chrono::milliseconds whole) const;

  Options options_;
  std::vector<Entry> entries_;  ///< by name
  Hosts hosts_;
  Heap wanted_;   ///< asked for
  Heap regular_;  ///< due by themselves
  /// What is under way, and the hosts it touches: the entry itself may be gone before it ends.
  std::map<std::string, HostPair, std::less<>> running_;
  std::deque<MonotonicTime> heard_;  ///< claims taken within the last kHeardPause
};

}  // namespace gitferry

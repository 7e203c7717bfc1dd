#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/result.h"
#include "agent/model/notice.h"
#include "agent/store/store.h"

namespace gitferry {

/// What of a lane says whether it is in a bad way.
struct LaneHealth {
  std::int64_t lane_id = 0;
  LaneKey key;
  bool is_pending = false;
  bool quarantined = false;
  int attempts = 0;                 ///< transient failures in a row
  std::int64_t marked_at_ms = 0;    ///< the oldest mark that is still pending
  std::int64_t last_run_at_ms = 0;  ///< 0: none of its present addresses
  std::int64_t last_success_at_ms = 0;
  std::string last_error;  ///< ErrorInfo::name, empty after a success
  int last_code_status = 0;
  std::string last_text;
};

/// That people were told of something bad which has not ended, as far as they know.
struct Told {
  NoticeSubject subject;
  NoticeEvent event = NoticeEvent::Failed;
  std::int64_t since_ms = 0;
  std::int64_t told_at_ms = 0;
};

/// What is bad, and what people know of it, at one moment.
struct TroubleView {
  std::vector<LaneHealth> lanes;  ///< whose last run failed, that are set aside, or that were told of; by id
  std::vector<Told> told;
};

/// A side of a repository for which a reconcile found what no webhook had told.
struct MissedPushes {
  std::string repository;
  Side side = Side::Internal;
  std::int64_t found = 0;  ///< comparisons that found something since its last delivery
  std::int64_t first_found_at_ms = 0;
  std::int64_t last_found_at_ms = 0;
  std::int64_t last_delivery_at_ms = 0;  ///< 0: none is kept
};

/// What a look at the troubles comes to: written as one transaction.
struct Telling {
  struct Copy {
    std::string channel;
    Notice notice;
  };
  std::vector<Told> put;
  std::vector<NoticeSubject> forget;
  std::vector<Copy> copies;  ///< one for each channel that is to get it
};

/// Notices that go out together. Its id stays the same at each attempt, so that a receiver which got it twice
/// can tell.
struct NoticeMessage {
  std::string id;
  std::string channel;
  std::int64_t made_at_ms = 0;
  int attempts = 0;  ///< that failed
  std::int64_t next_attempt_at_ms = 0;
  std::vector<Notice> notices;  ///< the oldest first
};

/// How a channel stands. One that never had anything to send is not known here.
struct ChannelState {
  std::string name;
  std::int64_t waiting = 0;               ///< notices that were not sent yet
  std::int64_t oldest_waiting_at_ms = 0;  ///< of those that are in no message yet; 0: there is none
  std::int64_t last_sent_at_ms = 0;
  std::int64_t failing_since_ms = 0;  ///< 0: the last attempt succeeded
  std::string last_error;
  std::int64_t given_up = 0;  ///< notices that were never delivered, since the last success
};

/// Notices that wait for one channel; the oldest beyond it are given up.
constexpr std::int64_t kMostWaitingNotices = 10'000;

/// What people were told, and what is still to be sent to them, durably.
///
/// Whether something is bad is not kept here: it is in the lanes. So nothing can be missed by looking late,
/// and a change is told once, because what was told is written with the notices themselves.
///
/// Threading: all calls from any thread; one alone tells and makes messages.
/// Blocking:  writes until their commit; reads for the query. Errors: those of Store.
class NoticeBook {
 public:
  virtual ~NoticeBook() = default;

  virtual Result<TroubleView> look() = 0;
  /// Of the runs that ended after `since_ms`. Comparisons less than a minute apart count as one.
  virtual Result<std::vector<MissedPushes>> missed_pushes(std::int64_t since_ms) = 0;
  /// When the webhook of a side was last heard of; 0: not since what is kept.
  virtual Result<std::int64_t> last_delivery_at_ms(const std::string& repository, Side side) = 0;
  /// Whether a run of any of the repositories succeeded after `since_ms`.
  virtual Result<bool> has_succeeded_since(std::span<const std::string> repositories,
                                           std::int64_t since_ms) = 0;
  /// A good notice takes a bad one of the same subject that waits for the same channel along: neither of them
  /// is sent, since nobody heard of the trouble.
  virtual Status tell(const Telling& telling) = 0;

  /// The message that is under way to a channel.
  virtual Result<std::optional<NoticeMessage>> open_message(const std::string& channel) = 0;
  /// Puts what waits for the channel into a message of this id, the oldest `most` of it. Unset: nothing
  /// waits.
  virtual Result<std::optional<NoticeMessage>> make_message(const std::string& channel, const std::string& id,
                                                            std::size_t most, std::int64_t now_ms) = 0;
  virtual Status note_sent(const NoticeMessage& message, std::int64_t now_ms) = 0;
  virtual Status note_failed(const NoticeMessage& message, const std::string& error, std::int64_t now_ms,
                             std::int64_t next_attempt_at_ms) = 0;
  /// The message is not tried again.
  virtual Status give_up(const NoticeMessage& message, const std::string& error, std::int64_t now_ms) = 0;
  /// Forgets what waits for other channels than these.
  virtual Status keep_channels(std::span<const std::string> names) = 0;
  virtual Result<std::vector<ChannelState>> channels() = 0;
};

/// A store, and what people were told of what is in it: the book lives as long as the store.
struct StoreWithNotices {
  std::unique_ptr<Store> store;
  NoticeBook* notices = nullptr;
};
/// As Store::open().
Result<StoreWithNotices> open_store_with_notices(const StoreOptions& options, const Clock& clock);

}  // namespace gitferry

#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/result.h"
#include "agent/model/binding.h"
#include "agent/model/run_report.h"
#include "agent/store/binding_rows.h"

namespace gitferry {

/// Bits of LaneRow::requested_directions: those of the marks newer than `done_seq`. A lane may be asked for
/// in both; of a two-way binding that is what pushes to both sides come to.
constexpr unsigned direction_bit(Direction direction) {
  return direction == Direction::ToOuter ? 1U : 2U;
}

/// Why a lane was marked; kept with the runs.
enum class Trigger {
  Webhook,
  Manual,
  Boot,
  Configuration,  ///< the binding changed, and the last run had failed
  Reconcile,      ///< a comparison of both hosts found that they differ
};
constexpr std::string_view name_of(Trigger trigger) {
  switch (trigger) {
    case Trigger::Webhook:
      return "webhook";
    case Trigger::Manual:
      return "manual";
    case Trigger::Boot:
      return "boot";
    case Trigger::Configuration:
      return "configuration";
    case Trigger::Reconcile:
      return "reconcile";
  }
  return "webhook";
}

/// A wish for a run: `requested_seq += 1` on the lane of this key, which is made where it does not exist.
struct LaneMark {
  LaneKey key;
  Direction direction = Direction::ToOuter;
  /// The next run of the lane may rewrite the target, whatever the policy. That run only: a retry after a
  /// transient failure may find other commits there than the caller knew of.
  bool force = false;
};

/// No back-off and no Retry-After reaches further ahead. A stored time beyond it was written before the wall
/// clock was turned back, and means nothing.
constexpr std::int64_t kFurthestAttemptMs = 3'600'000;

/// A lane that was running at so many crashes in a row is quarantined.
constexpr int kCrashLimit = 3;

struct LaneRow {
  std::int64_t id = 0;
  LaneKey key;
  std::int64_t branch_id = 0;
  std::int64_t requested_seq = 0;
  std::int64_t done_seq = 0;
  unsigned requested_directions = 0;
  /// Bits of directions: in which a mark gave leave to force, and no run has begun since. A lane may be asked
  /// for in both directions, and leave to rewrite one side is none to rewrite the other.
  unsigned forced_directions = 0;
  Trigger trigger = Trigger::Webhook;       ///< of the latest mark
  std::optional<std::int64_t> delivery_id;  ///< of the latest mark
  std::int64_t marked_at_ms = 0;            ///< the oldest mark that is still pending
  int attempts = 0;                         ///< transient failures in a row
  std::int64_t next_attempt_at_ms = 0;
  std::int64_t hold_until_ms = 0;  ///< a host's Retry-After; no mark shortens it
  int crash_count = 0;
  bool quarantined = false;
  // What is known of the last finished run.
  std::string last_plan;
  std::optional<Direction> last_direction;  ///< says which side's the tips are; unset: no run has ended
  std::string source_tip;                   ///< hex, empty if unknown
  std::string target_tip;
  /// Commits that only one of them has; unset where they are equal, or it was not counted.
  std::optional<std::int64_t> ahead;   ///< the source's branch
  std::optional<std::int64_t> behind;  ///< the target's branch
  int last_code_status = 0;
  std::string last_error;  ///< ErrorInfo::name, empty after a success
  std::string last_text;
  std::int64_t last_run_at_ms = 0;
  std::int64_t last_success_at_ms = 0;
  /// What gitferry last put on the target of each direction, hex: the tips of runs whose push the target
  /// confirmed, written with their ends. Empty: nothing, or it is not known: forgotten with the addresses, or
  /// gitferry ended between a push and its record. The run that comes then finds equal tips and records
  /// nothing, so Policy::Follow refuses to replace that tip, which is the safe side; the next push that is
  /// recorded mends it.
  std::string put_to_outer;
  std::string put_to_inter;
  /// The tip that both sides had at the end of the last successful run, hex: what a deletion may take away
  /// without losing anything. A failed run leaves it. Empty: not known, or both sides lacked the ref.
  std::string common_tip;
  std::int64_t forgotten_run_id = 0;  ///< runs up to this one were between other addresses

  [[nodiscard]] const std::string& put_tip(Direction direction) const {
    return direction == Direction::ToOuter ? put_to_outer : put_to_inter;
  }
  /// What is known of a side's tip since the last run; empty: unknown, or the side has no such ref.
  [[nodiscard]] const std::string& known_tip(Side side) const {
    return source_side(last_direction.value_or(Direction::ToOuter)) == side ? source_tip : target_tip;
  }
  [[nodiscard]] bool is_forced(Direction direction) const {
    return (forced_directions & direction_bit(direction)) != 0;
  }
  [[nodiscard]] bool is_pending() const { return requested_seq > done_seq; }
  [[nodiscard]] bool is_due(std::int64_t now_ms) const {
    const auto due_at = std::max(next_attempt_at_ms, hold_until_ms);
    return is_pending() && !quarantined && (due_at <= now_ms || due_at > now_ms + kFurthestAttemptMs);
  }
};

/// What the one who looks for a due lane makes of the next one.
enum class Offer {
  Taken,
  LaneRefused,
  RepositoryRefused,  ///< with it all lanes of its repository that were marked in the same millisecond
  EndOfSearch,
};

/// Lanes that are alike in what decides whether they may share a transfer.
struct LaneGroup {
  std::string repository;
  unsigned requested_directions = 0;  ///< as LaneRow has them
  unsigned forced_directions = 0;
  int crash_count = 0;
  int attempts_min = 0;
  int attempts_max = 0;
  std::int64_t marked_after_ms = -1;
};

/// What became of a delivery. Lower-case names in the API.
enum class Verdict {
  Accepted,
  Ignored,
  Duplicate,  ///< of one with the same signed id, whose lanes are pending, running or in sync
  Refused,    ///< proven, but malformed or of a repository that the hook is not for
};
constexpr std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::Accepted:
      return "accepted";
    case Verdict::Ignored:
      return "ignored";
    case Verdict::Duplicate:
      return "duplicate";
    case Verdict::Refused:
      return "refused";
  }
  return "ignored";
}

/// Reason of every duplicate.
constexpr std::string_view kDuplicateReason = "same_signed_id";

/// One request at one binding. A request that reached several bindings is one record for each of them, so
/// that each can be looked at and run again alone; `request_id` is what they have in common.
struct DeliveryRecord {
  std::string provider;
  std::string hook;  ///< which one: `github/robot` of a binding, `gitlab:group-a` of an organisation
  std::string request_id;
  std::string repository;                 ///< name of the binding; empty: it reached none
  std::string named_repository;           ///< the full name in the payload
  std::string signed_id;                  ///< as PushEvent::signed_id
  std::optional<Side> side;               ///< whose hook fired; unset in rows of older versions
  std::optional<std::int64_t> replay_of;  ///< the delivery that this one repeats
  std::string event;
  std::string provider_delivery_id;
  std::string source_address;  ///< the client's IP address
  Verdict verdict = Verdict::Ignored;
  std::string reason;  ///< stable word, empty for an accepted one
  std::string refs;    ///< JSON array of {ref, verdict, reason, deleted}, made by the caller
  std::string body_sha256;
  std::int64_t body_bytes = 0;
  std::int64_t received_at_ms = 0;
};

enum class RunState { Running, Finished, Interrupted };
constexpr std::string_view name_of(RunState state) {
  switch (state) {
    case RunState::Running:
      return "running";
    case RunState::Finished:
      return "finished";
    case RunState::Interrupted:
      return "interrupted";
  }
  return "running";
}

/// A lane that a delivery marked, and the run that tells what became of that mark.
///
/// Of the runs that cover a mark (of its lane, begun in its direction and from a `requested_seq` that is not
/// older) that is the first one that settled it: it succeeded, or failed with an error that is not tried
/// again. While none has, it is the latest that covers the mark: it goes on, was interrupted, or will be
/// tried again.
struct DeliveryLane {
  std::int64_t lane_id = 0;
  LaneKey key = {};
  /// Unset: none has begun, it is no longer kept, or the delivery is of a version that did not note it.
  std::optional<std::int64_t> run_id = std::nullopt;
  RunState run_state = RunState::Running;  ///< of that run
  int run_code_status = 0;                 ///< of that run, once it has ended
  std::string run_error = {};              ///< its ErrorInfo::name
  std::string run_plan = {};
};

struct DeliveryRow {
  std::int64_t id = 0;
  DeliveryRecord record;
  std::vector<DeliveryLane> lanes;
  std::optional<std::int64_t> duplicate_of = std::nullopt;  ///< by its signed id
  /// An earlier one with the same body at the same hook: for people, since nothing is dropped for it.
  std::optional<std::int64_t> same_body_as = std::nullopt;
};

/// A delivery on its way into the store.
struct NewDelivery {
  DeliveryRecord record;
  std::vector<LaneMark> marks;
};

struct Receipt {
  std::int64_t delivery_id = 0;
  std::optional<std::int64_t> duplicate_of = std::nullopt;  ///< set: nothing was marked
  /// One for each mark, in order: the lane and the `requested_seq` that the mark gave it.
  struct Marked {
    std::int64_t lane_id = 0;
    std::int64_t seq = 0;
  };
  std::vector<Marked> marked;
};

/// One row of the sync log.
struct RunRow {
  std::int64_t id = 0;
  std::int64_t lane_id = 0;
  std::int64_t branch_id = 0;
  LaneKey key;
  Direction direction = Direction::ToOuter;  ///< that it went
  Trigger trigger = Trigger::Webhook;
  std::optional<std::int64_t> delivery_id;
  RunState state = RunState::Running;
  std::string plan;
  std::string source_tip;
  std::string target_tip_before;
  std::string target_tip_after;
  std::int64_t pack_bytes = 0;
  // From the start on, as RunReport has them; 0: it did not come to that, or the row is of an older version.
  std::int64_t listing_us = 0;
  std::int64_t first_byte_us = 0;
  std::int64_t sent_us = 0;
  std::int64_t total_us = 0;
  int code_status = 0;
  std::string error;  ///< ErrorInfo::name, empty for a success
  std::string text;
  std::int64_t started_at_ms = 0;
  std::int64_t finished_at_ms = 0;
};

/// What the history of a lane shows of a run.
struct RunMark {
  std::int64_t id = 0;
  RunState state = RunState::Running;
  std::string plan;
  int code_status = 0;
  std::int64_t started_at_ms = 0;
  std::int64_t finished_at_ms = 0;

  [[nodiscard]] bool is_success() const { return state == RunState::Finished && code_status == 0; }
};

/// What a finished run writes: the row's end and the lane's new state, in one transaction.
struct RunEnd {
  std::int64_t run_id = 0;
  std::int64_t lane_id = 0;
  RunReport report;
  /// The direction that it went in the end, where that is not the one it was begun in: of a two-way binding.
  std::optional<Direction> went = std::nullopt;
  std::int64_t finished_at_ms = 0;
  /// Set: the lane is done up to here (success, no-op or permanent error). Unset: it stays pending.
  std::optional<std::int64_t> done_seq;
  /// The lane was asked for in both directions and the other one still has to run: only the row ends, the
  /// lane's request stays as it is.
  bool more_follows = false;
  /// For a lane that stays pending: false where the run was cancelled by our own shutdown.
  bool counts_as_attempt = true;
  std::int64_t next_attempt_at_ms = 0;  ///< for a lane that stays pending and was not marked meanwhile
  std::int64_t hold_until_ms = 0;
  std::string text;  ///< of the sync log
};

/// A request for a lane that has nothing to run for: its binding is gone or disabled.
struct LaneDrop {
  std::int64_t lane_id = 0;
  std::int64_t done_seq = 0;
  Error reason;
};

/// What the database takes of its disk; -1: not known, where it is on another machine.
struct StoreUsage {
  std::int64_t database_bytes = 0;
  std::int64_t wal_bytes = 0;
  std::int64_t free_bytes = 0;  ///< that this user may still fill
};

struct DeliveryFilter {
  std::string repository;          ///< empty: all
  std::optional<Verdict> verdict;  ///< unset: all
  /// In the name of the binding or of the payload's repository, in a ref or in the host's own id of the
  /// delivery, ASCII in either case; or all of its id here, or of its request. Empty: all.
  std::string search = {};
};

struct RunFilter {
  std::vector<std::string> repositories;  ///< empty: all
  std::vector<std::int64_t> branch_ids;   ///< empty: all
};

struct Page {
  std::int64_t number = 1;
  std::int64_t size = 10;
  bool ascending = false;
};

template <typename Row>
struct Listing {
  std::vector<Row> rows;
  std::int64_t total = 0;
};

/// How much history is kept: what is older than `age`, or beyond the newest `count`, is deleted at open and
/// from time to time as new rows come. The lanes, which are the work and its latest outcome, are kept for
/// ever.
struct Retention {
  std::int64_t count = 100'000;
  std::chrono::hours age{};
};

constexpr std::int64_t oldest_kept_ms(const Retention& keep, std::int64_t now_ms) {
  return now_ms - std::chrono::milliseconds(keep.age).count();
}

struct StoreOptions {
  /// Database file. Its directory is made (0700) where missing, and refused where others may write to it.
  std::string path;
  std::string vfs;  ///< SQLite VFS name; empty: the default. For tests
  /// Longer than any git host offers to deliver again (GitHub: 3 days).
  Retention deliveries{100'000, std::chrono::days{7}};
  /// The sync log answers "since when?", so it reaches back further. A run in progress is never deleted.
  Retention runs{100'000, std::chrono::days{90}};
  /// Changes are few, and questions about them come late.
  Retention audit{1'000'000, std::chrono::days{400}};
  /// kSealingKeySize bytes: what addresses and tokens of the overrides are encrypted with (AES-256-GCM).
  /// Empty: reading and writing overrides that have any fails.
  Secret sealing_key;
};

/// Deliveries, lanes, the sync log, overrides of bindings and the audit, durably.
///
/// Writes go through one thread that owns the only writing connection and groups commits: what arrives while
/// a commit is in flight shares the next one. A write returns when it is on the disk (`synchronous=FULL`).
///
/// Threading: all calls from any thread.
/// Blocking:  writes until their commit; reads for the query.
/// Errors:    StoreBusy, StoreFull, StoreDamaged, StoreFailed; Unavailable where too many writes wait. After
///            an error nothing of the call is in the database.
class Store {
 public:
  /// Opens or makes the database, brings its schema up to date, and closes what a crash left open: runs that
  /// were running become `interrupted`, and their lanes count the crash. A lane with three crashes is
  /// quarantined. Every pending lane is due at once, unless a host asked for a pause (`hold_until_ms`). A
  /// schema newer than this program, a damaged file (StoreDamaged), a network file system and a directory
  /// that other users may write to (LocalPermission) are refused, and the file is left as it is. One process
  /// at a time: a second one is refused (Unavailable).
  static Result<std::unique_ptr<Store>> open(const StoreOptions& options, const Clock& clock);
  /// The overrides in a database that another process may be working on, without changing anything; none
  /// where there is no database, or one of an older schema. SQLite makes its -wal and -shm files where they
  /// are missing. Errors besides: StoreDamaged for a key that does not open them, as overrides().
  static Result<OverrideRows> peek_overrides(const StoreOptions& options);
  virtual ~Store() = default;

  /// One transaction: all rows and their marks; one receipt each, in order.
  ///
  /// An accepted delivery with a signed id that the same hook already brought to the same binding is recorded
  /// as a duplicate, and marks nothing, if the earlier one marked the same lanes and each of those marks is
  /// pending, running or covered by a run that succeeded. After a failure it counts anew, and so it does
  /// where a lane is quarantined or another branch was bound in between. No other delivery becomes a
  /// duplicate.
  virtual Result<std::vector<Receipt>> record_deliveries(std::span<const NewDelivery> deliveries) = 0;
  /// The same for one.
  Result<Receipt> record_delivery(const DeliveryRecord& record, std::span<const LaneMark> marks);
  /// Marks without a delivery. A manual mark also lifts a quarantine and forgets the crashes.
  virtual Result<Receipt> mark_lanes(std::span<const LaneMark> marks, Trigger trigger) = 0;
  /// Opens a run row for each of `lanes` and notes there that it is running, in one transaction: one id each,
  /// in order. Leave to force in this direction that a lane has is used up by it. A lane gets Unavailable,
  /// and the others are begun all the same, where that leave, or the tip that was put there, was taken back
  /// since it was read; read it again.
  virtual Result<std::vector<Result<std::int64_t>>> begin_runs(std::span<const LaneRow> lanes,
                                                               Direction direction,
                                                               std::int64_t started_at_ms) = 0;
  /// The same for one.
  Result<std::int64_t> begin_run(const LaneRow& lane, Direction direction, std::int64_t started_at_ms);
  /// One transaction. Errors besides: Internal where one of the runs is not running.
  virtual Status finish_runs(std::span<const RunEnd> ends) = 0;
  Status finish_run(const RunEnd& end) { return finish_runs(std::span(&end, 1)); }
  /// Ends lanes whose binding is gone or disabled, without a run; one transaction.
  virtual Status drop_lane_requests(std::span<const LaneDrop> drops) = 0;
  Status drop_lane_request(std::int64_t lane_id, std::int64_t done_seq, const Error& reason);

  /// The pending lanes of some repositories are due at once, whatever attempt was planned for them; a host's
  /// Retry-After stays.
  virtual Status retry_now(std::span<const std::string> repositories) = 0;

  /// The pending lane that has waited longest, is due at `now_ms`, is not quarantined and that `offer` takes.
  /// `offer` is asked in that order (by name of repository, where lanes were marked in the same millisecond),
  /// with no lock held, until it takes one or ends the search; so it may claim the lane. What it sees may be
  /// out of date by then: who claims reads the lane again.
  virtual Result<std::optional<LaneRow>> first_due(std::int64_t now_ms,
                                                   const std::function<Offer(const LaneRow&)>& offer) = 0;
  /// The lanes of a group that are due, pending and not quarantined, at most `limit`: their ids, the longest
  /// waiting first. They may be out of date, too.
  virtual Result<std::vector<std::int64_t>> due_of(const LaneGroup& group, std::int64_t now_ms,
                                                   std::size_t limit) = 0;
  /// What is needed to run lanes, of those that there are: `last_text`, which may be long, is left empty.
  virtual Result<std::vector<LaneRow>> lanes_to_run(std::span<const std::int64_t> ids) = 0;
  /// When the next pending lane that is not due at `now_ms` will be; unset if there is none.
  virtual Result<std::optional<std::int64_t>> next_due_after(std::int64_t now_ms) = 0;

  virtual Result<std::optional<LaneRow>> lane(std::int64_t id) = 0;
  virtual Result<std::vector<LaneRow>> lanes() = 0;
  /// The first `limit` lanes behind `key`, by repository, internal and external ref, in the order of bytes:
  /// for looking through all of them without having all of them. `last_text` is left empty.
  virtual Result<std::vector<LaneRow>> lanes_behind(const LaneKey& key, std::size_t limit) = 0;
  /// One for each key, in order; unset where the lane was never marked.
  virtual Result<std::vector<std::optional<LaneRow>>> lanes_of(std::span<const LaneKey> keys) = 0;
  /// All lanes of some repositories, by repository and internal ref.
  virtual Result<std::vector<LaneRow>> lanes_of_repositories(std::span<const std::string> repositories) = 0;
  /// How many lanes each of some repositories has, in order.
  virtual Result<std::vector<std::int64_t>> lane_counts(std::span<const std::string> repositories) = 0;
  /// The same for lanes of tags alone.
  virtual Result<std::vector<std::int64_t>> tag_lane_counts(std::span<const std::string> repositories) = 0;
  virtual Result<Listing<RunRow>> runs(const RunFilter& filter, const Page& page) = 0;
  virtual Result<std::optional<RunRow>> run(std::int64_t id) = 0;
  /// The last runs of each lane, at most `limit`, newest first; one list for each id, in order.
  virtual Result<std::vector<std::vector<RunMark>>> latest_runs(std::span<const std::int64_t> lanes,
                                                                std::int64_t limit) = 0;
  virtual Result<Listing<DeliveryRow>> deliveries(const DeliveryFilter& filter, const Page& page) = 0;
  virtual Result<std::optional<DeliveryRow>> delivery(std::int64_t id) = 0;

  /// Errors besides: StoreDamaged, with the repository's name, where the sealing key does not open what is
  /// stored.
  virtual Result<OverrideRows> overrides() = 0;
  virtual Status change_overrides(const OverrideChange& change) = 0;
  /// The stable numbers of bindings; allotted on first sight. Names that have one are not written again.
  virtual Result<BindingIds> binding_ids(const BindingNames& names) = 0;
  virtual Result<Listing<AuditRow>> audit(const AuditFilter& filter, const Page& page) = 0;
  /// By the file system's account. StoreFailed where it gives none.
  virtual Result<StoreUsage> usage() = 0;
};

}  // namespace gitferry

#pragma once

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
#include "agent/git/engine.h"
#include "agent/model/binding.h"
#include "agent/model/push_event.h"
#include "agent/store/store.h"
#include "agent/sync/progress_meter.h"
#include "agent/sync/router.h"

namespace gitferry {

struct SyncOptions {
  int workers = 8;
  int per_host = 4;
  /// How many lanes of one repository may share a transfer. Bounds its memory, about 2 KiB a lane.
  std::size_t lanes_per_transfer = 4096;
  std::chrono::milliseconds grace{30'000};  ///< how long stop() lets running runs go on
  /// How often every repository is compared on both hosts, whatever webhooks say. Zero: never, but for those
  /// that reconcile_soon() names.
  std::chrono::milliseconds reconcile_interval{600'000};
  /// What its own limits let one call of an engine take: a worker that is in one for longer is stuck.
  std::chrono::milliseconds longest_run{1'800'000};
};

/// Chooses what to show at an address, at the time of each run, so that a rotated secret is taken up.
using CredentialLookup = std::function<Result<std::optional<Credential>>(const RemoteUrl&)>;

/// A binding that a delivery is for, and the side whose host sent it.
struct HookTarget {
  std::string repository;  ///< name of the binding
  Side side = Side::Internal;
};

/// A verified delivery on its way in.
struct IncomingDelivery {
  PushEvent event;
  std::vector<HookTarget> targets;  ///< empty: the payload's repository is not bound
  std::string hook;                 ///< as DeliveryRecord::hook
  std::string request_id;
  /// Why it marks nothing although it is proven (`malformed`, `other_repository`): it is recorded as refused.
  std::string refusal;
  std::string source_address;
  std::string body_sha256;
  std::int64_t body_bytes = 0;
  WallTime received_at{};
  std::optional<std::int64_t> replay_of = std::nullopt;  ///< the recorded delivery that is run again
};

/// What became of a delivery at one binding.
struct DeliveryOutcome {
  std::int64_t delivery_id = 0;
  std::string repository;  ///< empty: it reached no binding
  Verdict verdict = Verdict::Ignored;
  std::optional<std::int64_t> duplicate_of = std::nullopt;
  std::string reason;
  std::vector<RefVerdict> refs;
};

/// How far to believe that something was missed.
enum class Claim {
  Proven,  ///< a proven delivery could not be recorded, or did not say what moved
  Heard,   ///< somebody said so without a proof: followed within narrow limits only
};

/// How the periodic comparison of all repositories gets on.
enum class ReconcileState {
  Ok,
  Off,     ///< only what is asked for by reconcile_soon() is compared
  Behind,  ///< some repositories have been due for longer than the interval
};
constexpr std::string_view name_of(ReconcileState state) {
  switch (state) {
    case ReconcileState::Ok:
      return "ok";
    case ReconcileState::Off:
      return "off";
    case ReconcileState::Behind:
      return "behind";
  }
  return "ok";
}

/// What a manual sync asks for.
struct SyncWish {
  /// Unset: the binding's own. Of a two-way binding it is where a run begins; what the other side is ahead by
  /// it brings back all the same.
  std::optional<Direction> direction;
  /// How long to wait for the runs; zero: not at all.
  std::chrono::milliseconds wait{60'000};
  /// One run may rewrite the target, whatever the policy, and delete more refs at once than the guard allows.
  /// Of a two-way binding only with `direction`.
  bool force = false;
};

/// What a caller of a sync gets to know. `code_status` 0 is success; 10021: still pending or running.
struct SyncOutcome {
  LaneKey key;
  Direction direction = Direction::ToOuter;  ///< that the run went, or is to go
  std::int64_t lane_id = 0;
  bool finished = false;
  RunReport report;  ///< meaningful where finished
};

/// The engine's face to the outside: records deliveries, marks lanes, runs them, answers questions.
///
/// Threading: all calls from any thread. start() once, then stop() once.
/// Invariant: a delivery is answered only after it and its marks are on the disk; at most one run a lane.
///            In memory alone are only the whole repositories that wait to be listed for nobody (`wait` 0).
class SyncService {
 public:
  static std::unique_ptr<SyncService> make(SyncOptions options, Store& store, const Clock& clock,
                                           EngineFactory engines, CredentialLookup credentials,
                                           Snapshot snapshot);
  virtual ~SyncService() = default;

  /// Starts the workers; every pending lane is due at once, and every repository is compared soon, unless
  /// `reconcile_interval` is zero.
  virtual void start() = 0;
  /// Drains: no new runs; running ones finish or, after the grace time, are cancelled and stay pending.
  /// Callers that wait are answered at once, with what is known by then; plans and listings are cut.
  virtual void stop() = 0;

  [[nodiscard]] virtual Snapshot snapshot() const = 0;
  /// Swaps the bindings whole; what is new or changed is compared soon. Pending lanes stay pending; lanes of
  /// changed bindings whose last run ended with an error are marked, for what it failed at may be mended, and
  /// so are those whose outcome was forgotten with their old addresses. Errors of the store are logged.
  virtual void replace_snapshot(Snapshot snapshot) = 0;
  /// Another process marked lanes, or gave some back: a worker looks for what is due now. Returns at once.
  virtual void look_for_work() = 0;

  /// Routes a delivery to each of its targets and records all of it in one transaction: one outcome a target,
  /// or one alone where there is none. The caller checked that the event is of these bindings and sides.
  /// Returns when it is durable.
  virtual Result<std::vector<DeliveryOutcome>> deliver(const IncomingDelivery& delivery) = 0;

  /// Compares a repository's branches on both hosts soon, out of turn, and marks the lanes that differ: for
  /// whatever may have been missed. Returns at once. An unknown name is nothing; what waits is in memory
  /// alone, since every repository is compared after a start anyway, unless `reconcile_interval` is zero.
  virtual void reconcile_soon(std::string_view repository, Claim claim) = 0;
  [[nodiscard]] virtual ReconcileState reconcile_state() = 0;

  /// The hosts that do not answer and rest for that (RemoteUrl::host_key()), by name: runs with them wait,
  /// and spend no attempts.
  [[nodiscard]] virtual std::vector<std::string> resting_hosts() = 0;

  /// How far the transfers are that lanes are in, one for each id, in order; unset where it does not run.
  [[nodiscard]] virtual std::vector<std::optional<ProgressView>> progress_of(
      std::span<const std::int64_t> lane_ids) = 0;

  /// Marks every enabled branch binding whose name on the source side of the direction is `branch`, and waits
  /// for their runs; of a two-way binding as select_branch() says. The API's codes: RepositoryUnknown,
  /// NotEnabled (also for an unknown branch, with a text that tells the two apart).
  virtual Result<std::vector<SyncOutcome>> sync_branch(std::string_view repository, std::string_view branch,
                                                       const SyncWish& wish) = 0;
  /// As sync_branch(), but only plans: nothing is marked, recorded or written to any host. What `wish.wait`
  /// leaves no time for stays unfinished in the outcomes.
  virtual Result<std::vector<SyncOutcome>> plan_branch(std::string_view repository, std::string_view branch,
                                                       const SyncWish& wish) = 0;
  /// The branches that one side lists, of a binding that need not be in force: asked as for a sync, with the
  /// credentials that a sync would show. Errors: those of the credentials and of listing a host; Timeout
  /// where that takes longer than `wait`; Unavailable while stopping.
  virtual Result<std::vector<RefTip>> list_branches(const RepositoryBinding& binding, Side side,
                                                    std::chrono::milliseconds wait) = 0;
  /// Every enabled branch binding of the repository, or, for a whole repository, every branch of a source,
  /// and every tag where tags are synced: both hosts are listed once then, what differs is marked and waited
  /// for, what is equal is an outcome of plan Nothing. One outcome a ref, whatever becomes of the others;
  /// none where no branch is enabled.
  ///
  /// `wait` bounds the listing as well: Timeout where it takes longer. With `wait` zero a repository that has
  /// to be listed is so after the call has returned, and its outcomes are empty; how that failed is in the
  /// log, and stop() gives it up. A ref whose name cannot be taken is an outcome with an error. What the
  /// source lacks is run where a run may delete it, and left alone otherwise. Errors: RepositoryUnknown,
  /// NotEnabled; those of listing a host; Unavailable where too many repositories wait to be listed, or while
  /// stopping.
  virtual Result<std::vector<SyncOutcome>> sync_repository(std::string_view repository,
                                                           const SyncWish& wish) = 0;
  /// As sync_repository(), but only plans.
  virtual Result<std::vector<SyncOutcome>> plan_repository(std::string_view repository,
                                                           const SyncWish& wish) = 0;
};

}  // namespace gitferry

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <vector>

#include "agent/base/clock.h"
#include "agent/git/engine.h"
#include "agent/store/store.h"
#include "agent/sync/run_waiters.h"
#include "agent/sync/running_transfers.h"
#include "agent/sync/sync_service.h"
#include "agent/sync/two_way.h"

namespace gitferry {

/// One turn of a worker: lanes of one repository that are asked for in the same directions, run as one
/// transfer a direction. Each lane gets its own row, log line, notice and retry.
///
/// Threading: one thread. Blocking: until the transfers end.
/// Errors:    recorded with the lanes. run() is false where the store failed: what it could not record stays
///            pending.
class LaneJob {
 public:
  struct Parts {
    Store& store;
    const Clock& clock;
    const CredentialLookup& credentials;
    const std::function<Snapshot()>& snapshot;
    const std::function<double()>& fraction;
    RunWaiters& waiters;
    RunningTransfers& running;
    std::stop_token stop;  ///< cancels the transfer
    std::function<bool()> is_stopping;
    std::chrono::milliseconds longest_run;  ///< of SyncOptions
    /// Is given the reports of each transfer when it ended.
    std::function<void(const std::vector<RunReport>&)> transferred;
  };

  /// `lanes`: at least one; their target refs are different from each other.
  LaneJob(Parts parts, std::vector<LaneRow> lanes);
  bool run(Engine& engine);

 private:
  /// What the runs of its request so far mean for a lane.
  struct Verdict {
    bool stays_pending = false;
    bool was_cancelled = false;  ///< by our own shutdown
    std::chrono::seconds hold{0};
  };
  struct Pass {
    const RepositoryBinding& binding;
    Direction direction = Direction::ToOuter;
    bool more_follows = false;
    std::int64_t started_at_ms = 0;
    /// One for all, so that lanes which failed together are due together, and share the next transfer too.
    double fraction = 0;
  };

  bool drop_unbound(const BindingSnapshot& snapshot);
  /// What the pass before left on both sides is what the next one goes by.
  bool read_tips_again();
  bool drop(std::span<const LaneDrop> drops, std::span<const LaneRow> lanes);
  bool run_pass(Engine& engine, const Pass& pass);
  bool begin(const Pass& pass);
  /// Whether lanes that are refused in the pass's direction are tried in the other one.
  [[nodiscard]] bool may_turn(const Pass& pass) const;
  std::vector<DirectedReport> transfer(Engine& engine, const Pass& pass);
  std::vector<RunReport> transfer_one_way(Engine& engine, const Pass& pass,
                                          const std::vector<std::size_t>& some, Direction direction);
  bool finish(const Pass& pass, std::vector<DirectedReport> reports);
  bool record(const Pass& pass, std::span<const RunEnd> ends, std::size_t first);
  void judge(const RunReport& report, Verdict& verdict) const;
  RunEnd end_of(const Pass& pass, std::size_t index, DirectedReport ran);
  /// Keeps the lanes whose bit is set; the others stay as they are in the store.
  void keep(const std::vector<bool>& kept);

  Parts parts_;
  // Of the same length and order.
  std::vector<LaneRow> lanes_;
  std::vector<Verdict> verdicts_;
  std::vector<std::int64_t> run_ids_;
};

}  // namespace gitferry

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/guarded.h"
#include "agent/base/result.h"
#include "agent/git/engine.h"
#include "agent/store/store.h"
#include "agent/sync/host_limits.h"
#include "agent/sync/retry.h"
#include "agent/sync/run_waiters.h"
#include "agent/sync/sync_service.h"
#include "agent/sync/two_way.h"

namespace gitferry {

/// The workers: each takes the due lane that has waited longest, runs it, records its end, and takes the
/// next.
///
/// What is to be done is in the store alone; kept here is only which lanes run in this process.
///
/// Owns:      the worker threads, each with an engine of its own.
/// Threading: wake(), wake_for() and waiters() from any thread; start() once, then stop() once.
/// Invariant: at most one run a lane; at most `per_host` runs a host; a lane's seq is taken before its run
/// begins.
class LaneRunner {
 public:
  struct Parts {
    SyncOptions options;
    Store& store;
    const Clock& clock;
    EngineFactory engines;
    CredentialLookup credentials;
    std::function<Snapshot()> snapshot;
    /// In [0, 1), for the jitter. Called from the workers.
    std::function<double()> fraction = random_fraction;
  };

  explicit LaneRunner(Parts parts);
  LaneRunner(const LaneRunner&) = delete;
  LaneRunner& operator=(const LaneRunner&) = delete;
  ~LaneRunner();

  void start();
  /// No new runs; running ones may end within the grace time, then they are cancelled and stay pending. Who
  /// waits for a run is told at once that it is pending.
  void stop();
  /// Lanes were marked, bindings changed, or the clock was set: a worker looks for due lanes now.
  void wake();
  /// The same for lanes that were marked just now. A lane that runs is looked at again when its run ends, so
  /// that a burst of pushes does not have the workers search for what none of them may take.
  void wake_for(std::span<const Receipt::Marked> marked);
  [[nodiscard]] RunWaiters& waiters() { return waiters_; }

 private:
  struct State {
    explicit State(int per_host) : hosts(per_host) {}
    bool is_stopping = false;
    std::uint64_t wakes = 0;
    std::set<std::int64_t> running;  ///< ids of lanes
    HostLimits hosts;
  };
  /// A lane in one worker's hands; given back at the end.
  class Claim;
  /// One direction of a lane's request.
  struct Job {
    const LaneRow& lane;
    const RepositoryBinding& binding;
    Direction direction = Direction::ToOuter;
    bool more_follows = false;
  };
  /// What the runs of one request mean for the lane.
  struct Verdict {
    bool stays_pending = false;
    bool was_cancelled = false;  ///< by stop()
    std::chrono::seconds hold{0};
  };

  void work();
  void step(std::unique_ptr<Engine>& engine);
  /// Null where nothing is due that may run now.
  Result<std::unique_ptr<Claim>> claim_next();
  bool take(std::int64_t lane_id, const std::vector<std::string>& hosts);
  void give_back(std::int64_t lane_id, const std::vector<std::string>& hosts);

  // False where the store failed: the lane stays pending, and its worker pauses.
  bool run_lane(Engine& engine, const LaneRow& lane);
  bool run_job(Engine& engine, const Job& job, Verdict& verdict);
  bool drop(const LaneRow& lane, const Error& reason);
  DirectedReport transfer_either_way(Engine& engine, const Job& job);
  RunReport transfer(Engine& engine, const Job& job, Direction direction);
  void judge(const RunReport& report, Verdict& verdict);
  RunEnd end_of(const Job& job, const Verdict& verdict);

  bool is_stopping();
  void pause();
  void wait_for_work(std::uint64_t seen_wakes);

  Parts parts_;
  std::stop_source stop_;
  Guarded<State> state_;
  std::condition_variable changed_;  ///< wakes workers
  std::condition_variable drained_;  ///< wakes stop()
  RunWaiters waiters_;
  std::vector<std::thread> workers_;
};

}  // namespace gitferry

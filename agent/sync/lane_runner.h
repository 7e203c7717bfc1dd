#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
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
#include "agent/sync/lane_turns.h"
#include "agent/sync/retry.h"
#include "agent/sync/run_waiters.h"
#include "agent/sync/running_transfers.h"
#include "agent/sync/sync_service.h"

namespace gitferry {

/// The workers: each takes the due lane that has waited longest, and with it the other due lanes of its
/// repository that can share a transfer: they are asked for in the same directions and with the same leave to
/// force, and write different refs. It runs them, records their ends, and takes the next.
///
/// Lanes that have been failing share no transfer with those that have not, and lanes that were running at a
/// crash run with ever fewer others, and alone at last, so that the one that is to blame is quarantined
/// alone.
///
/// A host that does not answer rests (HostBreakers). Before its lanes run again it is probed: what it costs
/// to find out is no lane's attempt.
///
/// What is to be done is in the store alone; kept here is only which lanes run in this process.
///
/// Owns:      the worker threads, each with an engine of its own.
/// Threading: wake(), wake_for() and waiters() from any thread; start() once, then stop() once.
/// Invariant: at most one run a lane; at most `per_host` transfers a host; a lane's seq is taken before its
/// run begins.
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
  /// The hosts of these repositories are asked once more even where they rest: somebody wants to know.
  void probe_soon(std::span<const std::string> repositories);
  /// The hosts of bindings in force that do not answer and rest for that, by name. From any thread.
  [[nodiscard]] std::vector<std::string> resting_hosts();
  [[nodiscard]] RunWaiters& waiters() { return waiters_; }
  /// As SyncService::progress_of(). From any thread.
  [[nodiscard]] std::vector<std::optional<ProgressView>> progress_of(std::span<const std::int64_t> lane_ids) {
    return running_.progress_of(lane_ids);
  }

 private:
  struct State {
    explicit State(int per_host) : turns(per_host) {}
    bool is_stopping = false;
    std::uint64_t wakes = 0;
    LaneTurns turns;
  };
  /// Lanes in one worker's hands; given back at the end.
  class Claim;

  void work(int number);
  void step(std::unique_ptr<Engine>& engine);
  /// Null where nothing is due that may run now.
  Result<std::unique_ptr<Claim>> claim_next();
  Offer offer(const LaneRow& lane, const BindingSnapshot& bindings, LaneTurns::Search& search,
              LaneTurns::Share& share);
  Status read_claimed(Claim& claim, std::int64_t lane_id, std::int64_t now_ms);
  Status add_companions(Claim& claim, std::int64_t now_ms);
  /// Asks the hosts that may have recovered. False where one has not: the lanes stay due, untried.
  bool probe(Engine& engine, const Claim& claim);
  void note(const LaneTurns::Share& share, const std::vector<HostNews>& news);
  /// Lanes of a host that answers again need not wait for their next attempt.
  void hurry(const std::string& host);
  void leave(Claim& claim, std::span<const std::int64_t> lanes);
  void give_back(const LaneTurns::Share& share);
  // False where the store failed: what was not recorded stays pending, and the worker pauses.
  bool run(Engine& engine, Claim& claim);

  bool is_stopping();
  void pause();
  void wait_for_work(std::uint64_t seen_wakes);

  Parts parts_;
  std::stop_source stop_;
  Guarded<State> state_;
  std::condition_variable changed_;  ///< wakes workers
  std::condition_variable drained_;  ///< wakes stop()
  RunWaiters waiters_;
  RunningTransfers running_;
  std::vector<std::thread> workers_;
};

}  // namespace gitferry

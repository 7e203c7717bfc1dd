#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/guarded.h"
#include "agent/git/engine.h"
#include "agent/store/store.h"
#include "agent/sync/reconcile_comparison.h"
#include "agent/sync/reconcile_schedule.h"
#include "agent/sync/retry.h"
#include "agent/sync/sync_service.h"

namespace gitferry {

/// Finds what webhooks missed: lists both hosts of one repository after the other, once each, and marks the
/// lanes that differ. ReconcileSchedule says which is next.
///
/// A failure is logged when it begins and when it ends, not each time. What is found is in the log with the
/// repository's name, and its runs with the trigger `reconcile`.
///
/// Owns:      up to kThreads threads, started as they are needed, each with an engine of its own.
/// Threading: all calls from any thread; start() once, then stop() once.
class Reconciler {
 public:
  struct Parts {
    SyncOptions options;
    Store& store;
    const Clock& clock;
    EngineFactory engines;
    CredentialLookup credentials;
    std::function<Snapshot()> snapshot;  ///< by start() called with a lock held
    std::function<void()> marked;        ///< told after lanes were marked; called from the threads
    /// In [0, 1), for the jitter. Called with a lock held.
    std::function<double()> fraction = random_fraction;
  };
  static constexpr std::size_t kThreads = 4;

  explicit Reconciler(Parts parts);
  Reconciler(const Reconciler&) = delete;
  Reconciler& operator=(const Reconciler&) = delete;
  ~Reconciler() { stop(); }

  /// From now on every repository of the snapshot is compared, the first time soon.
  void start();
  /// Cuts the listings that run. What waited is compared after the next start.
  void stop();
  /// The bindings were swapped. Before start() nothing.
  void replace(const BindingSnapshot& before, const BindingSnapshot& now);
  /// As SyncService::reconcile_soon(). Before start() nothing: everything is compared then anyway.
  void ask(std::string_view repository, Claim claim);
  /// The clock was set: looks what is due now.
  void wake();
  [[nodiscard]] ReconcileState state();

 private:
  struct State {
    explicit State(ReconcileSchedule::Options options) : schedule(std::move(options)) {}
    ReconcileSchedule schedule;
    std::vector<std::jthread> threads;
    std::uint64_t wakes = 0;
    bool is_started = false;
    bool is_stopping = false;
  };

  /// Where something is due at all: with nothing to compare there is no thread.
  void need_thread(State& state);
  void add_thread(State& state);
  void work();
  std::optional<std::string> next_repository();
  ComparisonEnd compare_guarded(std::unique_ptr<Engine>& engine, const std::string& repository);
  ComparisonEnd compare(Engine& engine, const std::string& repository);
  ComparisonEnd mark(const RepositoryBinding& binding, const BothListings& listings, WallTime listed_at);
  static void log_news(const std::string& repository, const ComparisonEnd& end,
                       const ReconcileSchedule::News& news);

  Parts parts_;
  std::stop_source stop_;
  Guarded<State> state_;
  std::condition_variable changed_;
};

}  // namespace gitferry

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "agent/base/guarded.h"
#include "agent/model/binding.h"
#include "agent/model/run_report.h"

namespace gitferry {

/// Callers that wait for the run of a mark they made.
///
/// A caller watches first, marks then, and waits last: so no run can end unseen in between.
/// Threading: from any thread.
class RunWaiters {
 public:
  /// One caller's interest in one lane and direction, as long as it lives.
  class Watch {
   public:
    Watch(RunWaiters& waiters, LaneKey key, Direction direction);
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch();

    /// The report of a run that began at `seq` or later; unset where `deadline` or close() came first.
    std::optional<RunReport> wait(std::int64_t seq, std::chrono::steady_clock::time_point deadline);
    /// The direction that the run went whose report wait() returned.
    [[nodiscard]] Direction went();

   private:
    friend class RunWaiters;
    RunWaiters& waiters_;
    const LaneKey key_;
    const Direction direction_;
    // Guarded by the waiters' lock.
    std::int64_t seen_seq_ = 0;
    Direction went_;
    std::optional<RunReport> report_;
  };

  /// A run that was asked for in `direction` and began when the lane's requested_seq was `seq` has ended.
  /// `went`: where that is another direction.
  void publish(const LaneKey& key, Direction direction, std::int64_t seq, const RunReport& report,
               std::optional<Direction> went = std::nullopt);
  /// Nothing will be published any more; every wait ends.
  void close();

 private:
  struct State {
    std::map<LaneKey, std::vector<Watch*>> watches;  ///< a repository may be waited for with all its branches
    bool is_closed = false;
  };
  Guarded<State> state_;
  std::condition_variable published_;
};

}  // namespace gitferry

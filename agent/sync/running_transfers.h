#pragma once

#include <condition_variable>
#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <thread>
#include <unordered_set>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/guarded.h"
#include "agent/model/transfer_progress.h"
#include "agent/sync/progress_meter.h"

namespace gitferry {

/// The transfers that run at the moment, and how far they are.
///
/// Owns:      a thread that measures their speed while there are any, so that whoever asks first gets an
///            answer.
/// Threading: all calls from any thread.
class RunningTransfers {
 private:
  struct Entry {
    Entry(std::span<const std::int64_t> lane_ids, MonotonicTime now)
        : lanes(lane_ids.begin(), lane_ids.end()),
          meter(progress, static_cast<std::uint32_t>(lane_ids.size()), now) {}
    std::unordered_set<std::int64_t> lanes;
    TransferProgress progress;
    ProgressMeter meter;
  };

 public:
  /// One transfer, as long as it lives.
  class Running {
   public:
    Running(RunningTransfers& all, std::span<const std::int64_t> lane_ids);
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running();
    /// Where the engine is to write.
    [[nodiscard]] TransferProgress& progress() { return entry_->progress; }

   private:
    RunningTransfers& all_;
    std::list<Entry>::iterator entry_;
  };

  explicit RunningTransfers(const Clock& clock) : clock_(clock) {}
  RunningTransfers(const RunningTransfers&) = delete;
  RunningTransfers& operator=(const RunningTransfers&) = delete;
  ~RunningTransfers() { stop(); }

  /// Starts the thread; once, then stop() once.
  void start();
  void stop();
  /// One for each lane, in order; unset where it is in no transfer.
  [[nodiscard]] std::vector<std::optional<ProgressView>> progress_of(std::span<const std::int64_t> lane_ids);

 private:
  struct State {
    std::list<Entry> entries;
    bool is_stopping = false;
  };
  void measure();

  const Clock& clock_;
  Guarded<State> state_;
  std::condition_variable changed_;
  std::thread thread_;
};

}  // namespace gitferry

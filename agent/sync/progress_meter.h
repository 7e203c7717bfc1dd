#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>

#include "agent/base/clock.h"
#include "agent/model/transfer_progress.h"

namespace gitferry {

/// How far a transfer is, and how fast, at one moment.
struct ProgressView {
  TransferPhase phase = TransferPhase::Listing;
  std::uint64_t objects_done = 0;   ///< of the pack, that have come from the source
  std::uint64_t objects_total = 0;  ///< 0: not known
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_sent = 0;
  /// Over the last few seconds, of the faster of the two ways: in from the source, out to the target.
  std::uint64_t bytes_per_second = 0;
  std::uint32_t refs_in_transfer = 1;
  std::chrono::milliseconds elapsed{0};
  /// By the speed of the last few seconds. Unset where the objects are not counted, and while nothing moves.
  std::optional<std::chrono::seconds> remaining = std::nullopt;
};

/// Measures the speed of one transfer.
///
/// Threading: one thread at a time; the transfer itself may go on in another.
class ProgressMeter {
 public:
  /// How far back the speed is measured.
  static constexpr std::chrono::seconds kWindow{10};
  /// The time that sample() is best called at.
  static constexpr std::chrono::milliseconds kSampleInterval{1'000};

  /// `progress` must outlive the meter.
  ProgressMeter(const TransferProgress& progress, std::uint32_t refs_in_transfer, MonotonicTime now);
  void sample(MonotonicTime now);
  [[nodiscard]] ProgressView view(MonotonicTime now) const;

 private:
  struct Sample {
    MonotonicTime at;
    std::uint64_t objects_done = 0;
    std::uint64_t bytes_received = 0;
    std::uint64_t bytes_sent = 0;
  };
  [[nodiscard]] Sample read(MonotonicTime now) const;

  const TransferProgress* progress_;
  std::uint32_t refs_in_transfer_;
  MonotonicTime begun_;
  std::deque<Sample> samples_;  ///< the first one is the youngest that is at least as old as the window
};

}  // namespace gitferry

#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "agent/base/clock.h"

namespace gitferry {

/// Tells when a source has been left waiting for too long by a target that is slower than it.
///
/// A server takes a client that reads nothing for a while for dead, and reads reach it late: what is under
/// way fills the buffers of two kernels first, about 10 MiB. A megabyte every five seconds moves them within
/// the minute that servers usually wait.
class SourcePace {
 public:
  /// What is to be read of the source every `hold`.
  static constexpr std::uint64_t kBytes = 1U << 20U;

  explicit SourcePace(std::chrono::milliseconds hold) : hold_(hold) {}

  void was_read(std::size_t bytes) { bytes_ += bytes; }
  /// How long the target may still be waited for.
  [[nodiscard]] std::chrono::milliseconds left(MonotonicTime now) const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(since_ + hold_ - now);
    return std::max(left, std::chrono::milliseconds::zero());
  }
  /// Whether too little was read since the last time that `hold` was over, which begins anew with that.
  bool is_behind(MonotonicTime now) {
    if (now - since_ < hold_) return false;
    const bool behind = bytes_ < kBytes;
    since_ = now;
    bytes_ = 0;
    return behind;
  }

 private:
  std::chrono::milliseconds hold_;
  MonotonicTime since_ = std::chrono::steady_clock::now();
  std::uint64_t bytes_ = 0;
};

}  // namespace gitferry

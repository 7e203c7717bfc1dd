#pragma once

#include <chrono>
#include <cstdint>

namespace gitferry {

/// Wall time is for showing and for checking signed timestamps; monotonic time is for limits and back-off.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;
using MonotonicTime = std::chrono::steady_clock::time_point;

/// Where the program gets the time from, so that tests can turn it by hand.
///
/// Threading: both calls from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual WallTime now() const = 0;
  [[nodiscard]] virtual MonotonicTime monotonic() const = 0;
};

/// The machine's clock.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] WallTime now() const override {
    return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  }
  [[nodiscard]] MonotonicTime monotonic() const override { return std::chrono::steady_clock::now(); }
};

/// Milliseconds since the epoch: the form in which the store keeps times.
inline std::int64_t to_epoch_ms(WallTime time) {
  return time.time_since_epoch().count();
}
inline WallTime from_epoch_ms(std::int64_t milliseconds) {
  return WallTime{std::chrono::milliseconds{milliseconds}};
}

}  // namespace gitferry

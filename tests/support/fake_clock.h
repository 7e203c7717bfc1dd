#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "agent/base/clock.h"

namespace gitferry {

/// A clock that stands still until a test turns it.
///
/// Who sleeps until a time of this clock must be woken when it is turned: on_advance() takes the call that
/// does it. Threading: all calls from any thread.
class FakeClock final : public Clock {
 public:
  [[nodiscard]] WallTime now() const override {
    const std::scoped_lock lock(mutex_);
    return wall_;
  }
  [[nodiscard]] MonotonicTime monotonic() const override {
    const std::scoped_lock lock(mutex_);
    return monotonic_;
  }

  void advance(std::chrono::milliseconds step) {
    std::vector<std::function<void()>> hooks;
    {
      const std::scoped_lock lock(mutex_);
      wall_ += step;
      monotonic_ += step;
      hooks = hooks_;
    }
    for (const auto& hook : hooks) hook();
  }
  /// Moves the wall clock alone, also backwards, as an administrator does.
  void set_wall(WallTime time) {
    std::vector<std::function<void()>> hooks;
    {
      const std::scoped_lock lock(mutex_);
      wall_ = time;
      hooks = hooks_;
    }
    for (const auto& hook : hooks) hook();
  }
  void on_advance(std::function<void()> hook) {
    const std::scoped_lock lock(mutex_);
    hooks_.push_back(std::move(hook));
  }

 private:
  mutable std::mutex mutex_;
  WallTime wall_ = from_epoch_ms(1'790'000'000'000);
  MonotonicTime monotonic_{};
  std::vector<std::function<void()>> hooks_;
};

}  // namespace gitferry

#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>

namespace gitferry {

/// A value that can only be reached while its lock is held.
///
/// Never hold two at a time, and never hold one across I/O or a callback.
template <typename T>
class Guarded {
 public:
  /// Access to the value; releases the lock when it goes out of scope.
  class Locked {
   public:
    T* operator->() { return &value_; }
    T& operator*() { return value_; }

    /// Sleeps on `condition` with the lock released until `ready(value)` holds.
    template <typename Predicate>
    void wait(std::condition_variable& condition, Predicate ready) {
      condition.wait(lock_, [&] { return ready(value_); });
    }
    /// As wait(); false when the deadline came first.
    template <typename TimePoint, typename Predicate>
    bool wait_until(std::condition_variable& condition, TimePoint deadline, Predicate ready) {
      return condition.wait_until(lock_, deadline, [&] { return ready(value_); });
    }

   private:
    friend class Guarded;
    Locked(std::mutex& mutex, T& value) : lock_(mutex), value_(value) {}
    std::unique_lock<std::mutex> lock_;
    T& value_;
  };

  Guarded() = default;
  explicit Guarded(T value) : value_(std::move(value)) {}

  [[nodiscard]] Locked lock() { return Locked{mutex_, value_}; }

 private:
  std::mutex mutex_;
  T value_{};
};

}  // namespace gitferry

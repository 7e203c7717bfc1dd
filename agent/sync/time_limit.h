#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <thread>

namespace gitferry {

/// How long one caller may take: a stop token that is requested when the time is over, or when everything
/// stops.
///
/// Owns: a thread that waits for the deadline and is gone with the object.
class TimeLimit {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;

  TimeLimit(const std::stop_token& everything, SteadyTime deadline);
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;

  [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }
  [[nodiscard]] SteadyTime deadline() const { return deadline_; }
  /// The deadline has passed, or everything stops.
  [[nodiscard]] bool is_over() const;
  /// Everything stops.
  [[nodiscard]] bool was_stopped() const { return everything_.stop_requested(); }

 private:
  std::stop_token everything_;
  SteadyTime deadline_;
  std::stop_source stop_;
  std::stop_callback<std::function<void()>> forward_;
  std::jthread timer_;
};

}  // namespace gitferry

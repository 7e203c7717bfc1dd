#include "agent/sync/time_limit.h"

#include <condition_variable>
#include <mutex>

namespace gitferry {

TimeLimit::TimeLimit(const std::stop_token& everything, SteadyTime deadline)
    : everything_(everything),
      deadline_(deadline),
      forward_(everything, [this] { stop_.request_stop(); }),
      timer_([this](const std::stop_token& not_needed) {
        std::mutex mutex;
        std::condition_variable_any nothing;
        std::unique_lock lock(mutex);
        nothing.wait_until(lock, not_needed, deadline_, [] { return false; });
        if (!not_needed.stop_requested()) stop_.request_stop();
      }) {}

bool TimeLimit::is_over() const {
  return stop_.stop_requested() || std::chrono::steady_clock::now() >= deadline_;
}

}  // namespace gitferry

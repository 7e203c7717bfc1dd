#include "api/log_throttle.h"

#include <chrono>
#include <utility>

namespace gitferry::api {

std::optional<std::int64_t> LogThrottle::pass(MonotonicTime now) {
  auto state = state_.lock();
  if (now - state->second >= std::chrono::seconds{1}) {
    state->second = now;
    state->written = 0;
  }
  if (state->written >= kLines) {
    ++state->held_back;
    return std::nullopt;
  }
  ++state->written;
  return std::exchange(state->held_back, 0);
}

}  // namespace gitferry::api

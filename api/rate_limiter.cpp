#include "api/rate_limiter.h"

namespace gitferry::api {

RateLimiter::RateLimiter(Rate, std::size_t) {}

std::optional<std::chrono::seconds> RateLimiter::take(std::string_view, MonotonicTime) {
  return std::nullopt;
}

std::optional<std::chrono::seconds> RateLimiter::look(std::string_view, MonotonicTime) {
  return std::nullopt;
}

}  // namespace gitferry::api

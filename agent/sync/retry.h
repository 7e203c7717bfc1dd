#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

namespace gitferry {

constexpr std::chrono::milliseconds kRetryBase{5'000};
constexpr std::chrono::milliseconds kRetryCap{900'000};
/// A host that asks for more than this is not obeyed further: the lane would look dead. Store's
/// kFurthestAttemptMs must not be less.
constexpr std::chrono::seconds kRetryAfterCap{3'600};

/// How long to wait after a transient failure, `earlier_failures` in a row being counted before it: uniform
/// in [0, min(5 s · 2ⁿ, 15 min)) ("full jitter"), so that lanes which failed together do not return together.
/// `fraction` is the random number, in [0, 1).
inline std::chrono::milliseconds retry_delay(int earlier_failures, double fraction) {
  constexpr int enough_doublings = 8;  // 5 s · 2⁸ is beyond the cap
  const auto limit =
      std::min(kRetryBase * (1 << std::clamp(earlier_failures, 0, enough_doublings)), kRetryCap);
  return std::chrono::milliseconds(static_cast<std::int64_t>(static_cast<double>(limit.count()) * fraction));
}

/// What of a host's Retry-After is obeyed.
inline std::chrono::seconds obeyed(std::chrono::seconds retry_after) {
  return std::clamp(retry_after, std::chrono::seconds{0}, kRetryAfterCap);
}

/// A random number in [0, 1). Threading: from any thread.
inline double random_fraction() {
  thread_local std::mt19937_64 generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0.0, 1.0)(generator);
}

}  // namespace gitferry

#include "api/rate_limiter.h"

#include <algorithm>

namespace gitferry::api {
namespace {

using std::chrono::nanoseconds;

/// A rate slower than this is none that anyone waits for; it also keeps the sums far from overflowing.
constexpr nanoseconds kLongest = std::chrono::hours{24 * 365};

nanoseconds bounded(double count) {
  return nanoseconds{static_cast<std::int64_t>(std::min(count, static_cast<double>(kLongest.count())))};
}

}  // namespace

RateLimiter::RateLimiter(Rate rate, std::size_t keys) : keys_(keys) {
  if (rate.per_second <= 0) return;
  per_token_ = std::max(nanoseconds{1}, bounded(1e9 / rate.per_second));
  whole_ = bounded(static_cast<double>(per_token_.count()) * std::max(rate.burst, 1.0));
}

std::optional<std::chrono::seconds> RateLimiter::wait_for(MonotonicTime full_at, MonotonicTime now) const {
  const auto missing = full_at + per_token_ - now - whole_;
  if (missing <= nanoseconds{0}) return std::nullopt;
  return std::chrono::ceil<std::chrono::seconds>(missing);
}

MonotonicTime RateLimiter::full_at(State& state, const std::string& key, MonotonicTime now) {
  const auto found = state.buckets.find(key);
  return found == state.buckets.end() ? now : std::max(now, found->second->first);
}

void RateLimiter::forget_fullest(State& state) {
  const auto fullest = state.by_fullness.begin();
  const auto bucket = state.buckets.find(*fullest->second);
  state.by_fullness.erase(fullest);
  state.buckets.erase(bucket);
}

std::optional<std::chrono::seconds> RateLimiter::take(std::string_view key, MonotonicTime now) {
  if (per_token_ == nanoseconds{0}) return std::nullopt;
  const std::string owned(key);
  auto state = state_.lock();
  const auto before = full_at(*state, owned, now);
  if (const auto wait = wait_for(before, now)) return wait;
  const auto [bucket, is_new] = state->buckets.try_emplace(owned);
  if (!is_new) state->by_fullness.erase(bucket->second);
  bucket->second = state->by_fullness.emplace(before + per_token_, &bucket->first);
  // Two at most: what a call costs does not depend on how many others there were.
  for (int i = 0; i < 2 && !state->by_fullness.empty() && state->by_fullness.begin()->first <= now; ++i) {
    forget_fullest(*state);
  }
  if (state->buckets.size() > keys_) forget_fullest(*state);
  return std::nullopt;
}

std::optional<std::chrono::seconds> RateLimiter::look(std::string_view key, MonotonicTime now) {
  if (per_token_ == nanoseconds{0}) return std::nullopt;
  const std::string owned(key);
  auto state = state_.lock();
  return wait_for(full_at(*state, owned, now), now);
}

std::size_t RateLimiter::size() {
  return state_.lock()->buckets.size();
}

}  // namespace gitferry::api

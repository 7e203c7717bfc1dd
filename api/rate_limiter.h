#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "agent/base/clock.h"
#include "agent/base/guarded.h"

namespace gitferry::api {

/// So many in a second in the long run, and so many at once.
struct Rate {
  double per_second = 0;  ///< zero: no limit
  double burst = 0;       ///< less than one counts as one
};

/// The limits of one listener. Whoever is over one gets 429 with Retry-After.
struct RateLimits {
  Rate address{500, 2'000};  ///< requests of one client address, whatever they are
  Rate refusals{0.2, 20};    ///< failed tokens of one client address, and as many failed proofs of webhooks
  Rate hook{200, 2'000};     ///< proven deliveries of one hook
};

/// A token bucket a key.
///
/// Threading: from any thread.  Memory: at most `keys` buckets. Those that are full again are forgotten;
/// where there are too many others, the fullest goes, so that no flood of new keys makes anyone forget who is
/// limited.
class RateLimiter {
 public:
  explicit RateLimiter(Rate rate, std::size_t keys = 65'536);

  /// Takes one token of the key's bucket. Set: there is none, and how long until there is: whole seconds, at
  /// least one, rounded up.
  std::optional<std::chrono::seconds> take(std::string_view key, MonotonicTime now);
  /// The same without taking one.
  std::optional<std::chrono::seconds> look(std::string_view key, MonotonicTime now);

  /// How many buckets are kept: for tests.
  [[nodiscard]] std::size_t size();

 private:
  /// The time at which a bucket is full again says all about it. By it, the fullest is the first.
  using ByFullness = std::multimap<MonotonicTime, const std::string*>;
  struct State {
    std::unordered_map<std::string, ByFullness::iterator> buckets;
    ByFullness by_fullness;
  };
  [[nodiscard]] std::optional<std::chrono::seconds> wait_for(MonotonicTime full_at, MonotonicTime now) const;
  static MonotonicTime full_at(State& state, const std::string& key, MonotonicTime now);
  static void forget_fullest(State& state);

  std::chrono::nanoseconds per_token_{0};  ///< zero: no limit
  std::chrono::nanoseconds whole_{0};      ///< from empty to full
  std::size_t keys_;
  Guarded<State> state_;
};

}  // namespace gitferry::api

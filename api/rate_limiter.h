#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "agent/base/clock.h"
#include "agent/base/guarded.h"

namespace gitferry::api {

/// So many in a second in the long run, and so many at once.
struct Rate {
  double per_second = 0;  ///< zero: no limit
  double burst = 0;
};

/// The limits of one listener. Whoever is over one gets 429 with Retry-After.
struct RateLimits {
  Rate address{500, 2'000};  ///< requests of one client address, whatever they are
  Rate refusals{0.2, 20};    ///< failed proofs and tokens of one client address
  Rate hook{200, 2'000};     ///< proven deliveries of one hook
};

/// A token bucket a key.
///
/// Threading: from any thread.  Memory: at most `keys` buckets; where there are more, those that are full
/// again are forgotten first.
class RateLimiter {
 public:
  explicit RateLimiter(Rate rate, std::size_t keys = 65'536);

  /// Takes one token of the key's bucket. Set: there is none, and how long until there is.
  std::optional<std::chrono::seconds> take(std::string_view key, MonotonicTime now);
  /// The same without taking one.
  std::optional<std::chrono::seconds> look(std::string_view key, MonotonicTime now);
};

}  // namespace gitferry::api

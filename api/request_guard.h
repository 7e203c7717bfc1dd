#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "agent/base/clock.h"
#include "api/http_message.h"
#include "api/rate_limiter.h"

namespace gitferry::api {

/// Counts what each client address and each hook asks of one server. Addresses count by subscriber_of().
///
/// Refusals are counted apart for tokens and for webhooks. A spent address has its tokens looked at no
/// longer: that is what makes guessing useless. Webhooks are always looked at: one instance sends the hooks
/// of many repositories from one address, and a hook that somebody set up with a wrong secret must not stop
/// the others.
///
/// What each call returns: unset: go on. Set: answer 429, and this is its Retry-After.
///
/// Threading: from any thread.
class RequestGuard {
 public:
  using Wait = std::optional<std::chrono::seconds>;

  /// `clock` must outlive the guard.
  RequestGuard(const RateLimits& limits, const Clock& clock);

  /// Any request, before its route is looked at.
  Wait take_request(std::string_view client_address);
  /// A request that needs a token, before the token is looked at.
  Wait look_at_tokens(std::string_view client_address);
  /// An unknown token was refused. Nothing to answer: the 401 stays what it is.
  void count_refused_token(std::string_view client_address);
  /// A webhook was not proven. Set: answer that instead of the 401, and write no line to the log.
  Wait count_refused_webhook(std::string_view client_address);
  /// A proven delivery of this hook, before it is stored.
  Wait take_delivery(std::string_view hook);

 private:
  const Clock& clock_;
  RateLimiter requests_;
  RateLimiter tokens_;
  RateLimiter webhooks_;
  RateLimiter deliveries_;
};

/// The 429 of the management API.
Response too_many_requests(const Request& request, std::chrono::seconds retry_after, std::string_view detail);

}  // namespace gitferry::api

#include "api/request_guard.h"

#include "agent/base/error.h"
#include "agent/base/ip_address.h"
#include "api/envelope.h"

namespace gitferry::api {
namespace {

std::string key_of(std::string_view client_address) {
  const auto address = parse_ip_address(client_address);
  if (!address) return std::string(client_address);
  const auto subscriber = subscriber_of(*address);
  return {subscriber.begin(), subscriber.end()};
}

}  // namespace

RequestGuard::RequestGuard(const RateLimits& limits, const Clock& clock)
    : clock_(clock),
      requests_(limits.address),
      tokens_(limits.refusals),
      webhooks_(limits.refusals),
      deliveries_(limits.hook) {}

RequestGuard::Wait RequestGuard::take_request(std::string_view client_address) {
  return requests_.take(key_of(client_address), clock_.monotonic());
}

RequestGuard::Wait RequestGuard::look_at_tokens(std::string_view client_address) {
  return tokens_.look(key_of(client_address), clock_.monotonic());
}

void RequestGuard::count_refused_token(std::string_view client_address) {
  static_cast<void>(tokens_.take(key_of(client_address), clock_.monotonic()));
}

RequestGuard::Wait RequestGuard::count_refused_webhook(std::string_view client_address) {
  return webhooks_.take(key_of(client_address), clock_.monotonic());
}

RequestGuard::Wait RequestGuard::take_delivery(std::string_view hook) {
  return deliveries_.take(hook, clock_.monotonic());
}

Response too_many_requests(const Request& request, std::chrono::seconds retry_after,
                           std::string_view detail) {
  return with_retry_after(failure(request, Error{ErrorCode::RateLimited, std::string(detail), {}, {}}),
                          retry_after);
}

}  // namespace gitferry::api

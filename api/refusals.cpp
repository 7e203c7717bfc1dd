#include "api/refusals.h"

#include <string>
#include <utility>

#include "api/envelope.h"

namespace gitferry::api {

Response refused_head(const HeadRefusal& refusal) {
  const auto code = refusal.status == 405                            ? ErrorCode::MethodNotAllowed
                    : refusal.status == 414 || refusal.status == 431 ? ErrorCode::TooLarge
                                                                     : ErrorCode::InvalidArgument;
  auto response = failure_without_request(refusal.status, code, refusal.reason);
  if (refusal.status == 405) response.headers.emplace_back("Allow", kKnownMethods);
  return response;
}

Response refused_late_head() {
  return failure_without_request(408, ErrorCode::InvalidArgument, "the head came too slowly");
}

Response refused_late_body(const Request& request) {
  return failure_with_status(request, 408, ErrorCode::InvalidArgument, "the body came too slowly");
}

Response refused_short_body(const Request& request) {
  return failure_with_status(request, 400, ErrorCode::InvalidArgument,
                             "the body is shorter than Content-Length says");
}

Response refused_large_body(const Request& request, std::size_t limit) {
  const auto text = "the body is larger than the " + std::to_string(limit) + " bytes that this route takes";
  return failure(request, Error{ErrorCode::TooLarge, text, {}, {}});
}

Response refused_for_load(const Request& request) {
  return with_retry_after(
      failure(request, Error{ErrorCode::Unavailable, "too many requests at once", {}, {}}));
}

Response refused_connection() {
  return with_retry_after(failure_without_request(503, ErrorCode::Unavailable, "all connections are taken"));
}

Response refused_address() {
  return with_retry_after(
      failure_without_request(429, ErrorCode::RateLimited, "too many connections of one address"));
}

}  // namespace gitferry::api

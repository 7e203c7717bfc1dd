#pragma once

#include "api/http_message.h"

namespace gitferry::api {

/// `response` with an ETag made of its body; 304 without the body where the request's If-None-Match has it
/// already (RFC 9110, section 13.1.2). Answers of another status than 200 stay as they are.
Response with_etag(const Request& request, Response response);

}  // namespace gitferry::api

#pragma once

#include <string>

#include "api/http_message.h"

namespace gitferry::api {

/// What every answer carries; `request_id` may be empty.
void add_common_headers(Response& response, const std::string& request_id);

/// The bytes of an answer that closes its connection (RFC 9112), for refusals that do not go through the HTTP
/// library.
std::string raw_response(const Response& response, bool with_body);

}  // namespace gitferry::api

#pragma once

#include <cstddef>

#include "api/http_message.h"
#include "api/request_head.h"

namespace gitferry::api {

/// What the guard itself answers: envelopes, with Retry-After where another time may be better.

Response refused_head(const HeadRefusal& refusal);
Response refused_late_head();
Response refused_late_body(const Request& request);
Response refused_short_body(const Request& request);
Response refused_large_body(const Request& request, std::size_t limit);
/// No memory for its body or no thread to answer it.
Response refused_for_load(const Request& request);
/// All connections are taken.
Response refused_connection();
/// Its address has all the connections it may have.
Response refused_address();

}  // namespace gitferry::api

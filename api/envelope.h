#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <json/value.h>

#include "agent/base/error.h"
#include "api/http_message.h"

namespace gitferry::api {

/// The answers of the management API: `{"code_status", "data", "msg"}`, `total` on lists, and `detail` with
/// the text of an error. `msg` is Chinese, or English where Accept-Language prefers it. The HTTP status is
/// the error table's.

Response success(const Request& request, Json::Value data, std::optional<std::int64_t> total = {});

Response failure(const Request& request, const Error& error);

/// With more members beside `data`, or another `data` than null: `runs` and `summary` of a sync.
Response success_with(const Request& request, Json::Value members);
Response failure_with(const Request& request, const Error& error, Json::Value members);

/// For HTTP errors that share a code with others.
Response failure_with_status(const Request& request, int http_status, ErrorCode code,
                             std::string_view detail);

/// For requests whose head was not understood.
Response failure_without_request(int http_status, ErrorCode code, std::string_view detail);

/// For what may be asked again where nothing says when.
constexpr std::chrono::seconds kRetrySoon{5};

/// `response` with Retry-After.
Response with_retry_after(Response response, std::chrono::seconds wait = kRetrySoon);

/// Text for a JSON string: what is not valid UTF-8 becomes '?'.
Json::Value clean_text(std::string_view text);

}  // namespace gitferry::api

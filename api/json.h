#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <json/value.h>

#include "agent/base/result.h"

namespace gitferry::api {

/// Reads a JSON object that a client sent: nothing around it, no duplicate keys, at most 64 levels and a
/// million values, valid UTF-8 without byte order mark. The library's own strict mode lets several of these
/// pass and throws on others.
Result<Json::Value> parse_json_object(std::string_view bytes);

/// One line, UTF-8 as it is.
std::string to_text(const Json::Value& value);

/// Member access that never throws, whatever type `value` and its members have; the null value where there is
/// none.
const Json::Value& member(const Json::Value& value, const char* name);

/// The string at `name`; nullopt where there is none or it is something else.
std::optional<std::string> text_at(const Json::Value& value, const char* name);

}  // namespace gitferry::api

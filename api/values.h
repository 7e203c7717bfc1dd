#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <json/value.h>

namespace gitferry::api {

/// Single values as the API shows them. Unknown is null.

/// The JSON library has an overload for its own name of the type only.
Json::Value number(std::int64_t value);
Json::Value id_or_null(std::int64_t id);
Json::Value number_or_null(const std::optional<std::int64_t>& value);
Json::Value text_or_null(std::string_view text);

/// RFC 3339, UTC: the form of our own fields. 0 is null.
Json::Value time_or_null(std::int64_t epoch_ms);
/// `YYYY-MM-DD HH:MM:SS`: the form of the API document's fields. No zone is written, UTC+8 is meant. 0 is
/// null.
Json::Value china_time(std::int64_t epoch_ms);

/// JSON that the store keeps as text; null where it is none.
Json::Value stored_json(const std::string& text);

}  // namespace gitferry::api

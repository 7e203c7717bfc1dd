#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gitferry {

/// Small text functions that more than one layer needs.

/// A JSON string literal with quotes. Invalid UTF-8 becomes U+FFFD, so a log line is always valid JSON.
std::string json_string(std::string_view text);

/// Whether `bytes` is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool is_valid_utf8(std::string_view bytes);

/// One percent-decoding (RFC 3986, section 2.1). nullopt on a broken escape; '+' stays '+'.
std::optional<std::string> percent_decode(std::string_view text);

/// One decoding of a form's field (application/x-www-form-urlencoded): as percent_decode(), and '+' is a
/// space.
std::optional<std::string> form_decode(std::string_view text);

/// Escapes everything but unreserved characters (RFC 3986, section 2.3).
std::string percent_encode(std::string_view text);

/// ASCII only, whatever the locale.
std::string to_lower(std::string_view text);
std::string_view trim(std::string_view text);
std::vector<std::string_view> split(std::string_view text, char separator);
bool equals_ignoring_case(std::string_view left, std::string_view right);

/// Decimal digits only, no sign, no white space; nullopt where it is not a number or does not fit.
std::optional<std::int64_t> parse_number(std::string_view digits);

/// Milliseconds since the epoch as `2026-11-23T08:15:30.123Z` (RFC 3339).
std::string rfc3339(std::int64_t epoch_ms);
/// The inverse, for the form that rfc3339() writes and no other; nullopt where it is not one.
std::optional<std::int64_t> parse_rfc3339(std::string_view text);

/// At most `limit` bytes, cut at a character's start, with an ellipsis where something was cut.
std::string shortened(std::string_view text, std::size_t limit);

/// The candidate that `word` is most likely a slip of, for "did you mean"; empty when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace gitferry

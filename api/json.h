#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <json/value.h>

#include "agent/base/result.h"

namespace gitferry::api {

/// How much of a document is kept. A kept value takes about a hundred bytes, whatever it took on the wire.
struct JsonBounds {
  std::size_t values = 20'000;
  /// Members, at whatever depth, that nobody reads: they are checked for grammar, and nothing of them is
  /// kept.
  std::span<const std::string_view> skipped = {};
};

/// Reads a JSON object that a client sent, in valid UTF-8: nothing around it, no byte order mark, at most 64
/// levels, no text over a mebibyte and no more than that between two texts, no U+0000, no number out of
/// range, and no key twice in an object that is kept. Errors, all InvalidArgument, quote nothing of it but
/// the name of a key that is given twice or whose text holds U+0000.
Result<Json::Value> parse_json_object(std::string_view bytes, const JsonBounds& bounds = {});
/// The same for an array: what a git host's web API answers with, where it lists.
Result<Json::Value> parse_json_array(std::string_view bytes, const JsonBounds& bounds = {});

/// One line, UTF-8 as it is.
std::string to_text(const Json::Value& value);

/// Member access that never throws, whatever type `value` and its members have; the null value where there is
/// none.
const Json::Value& member(const Json::Value& value, const char* name);

/// The string at `name`; nullopt where there is none or it is something else.
std::optional<std::string> text_at(const Json::Value& value, const char* name);

}  // namespace gitferry::api

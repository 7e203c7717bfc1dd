#include "api/json.h"

#include <algorithm>
#include <exception>
#include <memory>

#include <json/reader.h>
#include <json/writer.h>

#include "agent/base/text.h"

namespace gitferry::api {
namespace {

constexpr int kDepth = 64;
/// The library takes about 50 bytes for each value: `0,` a million times is two megabytes on the wire, a
/// hundred here.
constexpr std::ptrdiff_t kValues = 1'000'000;

tl::unexpected<Error> malformed(std::string what) {
  return fail(ErrorCode::InvalidArgument, "read the body as JSON: " + std::move(what),
              "send one JSON object in UTF-8");
}

Json::CharReaderBuilder strict_reader() {
  Json::CharReaderBuilder builder;
  Json::CharReaderBuilder::strictMode(&builder.settings_);
  builder["stackLimit"] = kDepth;
  builder["rejectDupKeys"] = true;
  builder["failIfExtra"] = true;
  return builder;
}

/// The library's texts quote what was sent; of them only the name of a key given twice is told on.
std::string flaw_of(std::string_view errors) {
  constexpr std::string_view kDuplicate = "Duplicate key: '";
  const auto found = errors.find(kDuplicate);
  if (found == std::string_view::npos) return "it is not well-formed";
  const auto key = errors.substr(found + kDuplicate.size());
  return "the key '" + shortened(key.substr(0, key.find('\'')), 80) + "' is given twice";
}

}  // namespace

Result<Json::Value> parse_json_object(std::string_view bytes) {
  if (bytes.starts_with("\xEF\xBB\xBF")) return malformed("it begins with a byte order mark");
  if (bytes.find('\0') != std::string_view::npos) return malformed("it holds a NUL byte");
  if (!is_valid_utf8(bytes)) return malformed("it is not valid UTF-8");
  const auto values =
      std::count_if(bytes.begin(), bytes.end(), [](char c) { return c == ',' || c == '[' || c == '{'; });
  if (values > kValues) return malformed("it holds too many values");
  try {
    const std::unique_ptr<Json::CharReader> reader(strict_reader().newCharReader());
    Json::Value value;
    std::string errors;
    if (!reader->parse(bytes.data(), bytes.data() + bytes.size(), &value, &errors)) {
      return malformed(flaw_of(errors));
    }
    if (!value.isObject()) return malformed("its top value is not an object");
    return value;
  } catch (const std::exception&) {
    return malformed("it is nested too deeply");
  }
}

std::string to_text(const Json::Value& value) {
  Json::StreamWriterBuilder builder;
  builder["indentation"] = "";
  builder["emitUTF8"] = true;
  return Json::writeString(builder, value);
}

const Json::Value& member(const Json::Value& value, const char* name) {
  if (!value.isObject()) return Json::Value::nullSingleton();
  return value[name];
}

std::optional<std::string> text_at(const Json::Value& value, const char* name) {
  const auto& found = member(value, name);
  if (!found.isString()) return std::nullopt;
  return found.asString();
}

}  // namespace gitferry::api

#include "api/json.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include <json/writer.h>
#include <nlohmann/json.hpp>

#include "agent/base/text.h"

namespace gitferry::api {
namespace {

constexpr std::size_t kDepth = 64;
/// Of one string, name or number as sent, and of what lies between them: the parser holds a few copies of it.
constexpr std::size_t kTokenLimit = 1024 * 1024;
constexpr std::size_t kShownKey = 80;

tl::unexpected<Error> malformed(std::string what) {
  return fail(ErrorCode::InvalidArgument, "read the body as JSON: " + std::move(what),
              "send one JSON object in UTF-8");
}

/// Whether the parser would have to hold too much: it keeps all bytes since the last string or number began,
/// also where they are brackets and white space only. `bytes` need not be JSON.
bool has_long_token(std::string_view bytes) {
  constexpr std::string_view kBetween = " \t\r\n,:[]{}";
  constexpr std::string_view kNumberBegins = "-0123456789";
  bool quoted = false;
  std::size_t length = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (c == '"') {
      quoted = !quoted;
      length = 0;
    } else if (!quoted && i > 0 && kBetween.find(bytes[i - 1]) != std::string_view::npos &&
               kNumberBegins.find(c) != std::string_view::npos) {
      length = 0;
    } else {
      ++length;
    }
    if (quoted && c == '\\') {
      ++i;
      ++length;
    }
    if (length > kTokenLimit) return true;
  }
  return false;
}

/// Makes values of what the parser reads, and stops it at the first thing that is out of bounds. The parser
/// keeps nothing itself: no recursion, one bit a level.
class Builder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  Builder(const JsonBounds& bounds, Json::ValueType top_type) : bounds_(bounds), top_type_(top_type) {}

  bool null() override { return scalar(Json::Value()); }
  bool boolean(bool value) override { return scalar(Json::Value(value)); }
  bool number_integer(number_integer_t value) override { return scalar(Json::Value(Json::Int64{value})); }
  bool number_unsigned(number_unsigned_t value) override {
    constexpr auto kSigned = static_cast<number_unsigned_t>(std::numeric_limits<Json::Int64>::max());
    return scalar(value <= kSigned ? Json::Value(static_cast<Json::Int64>(value))
                                   : Json::Value(Json::UInt64{value}));
  }
  bool number_float(number_float_t value, const string_t&) override { return scalar(Json::Value(value)); }
  bool string(string_t& value) override {
    if (has_nul(value)) return refuse_nul();
    return is_skipping() ? scalar({}) : scalar(Json::Value(value));
  }
  bool binary(binary_t&) override { return refuse("it is not well-formed"); }
  bool start_object(std::size_t) override { return open(Json::objectValue); }
  bool start_array(std::size_t) override { return open(Json::arrayValue); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    if (has_nul(name)) return refuse("a name holds a NUL character");
    if (is_skipping()) return true;
    auto& frame = open_.back();
    if (frame.value->isMember(name)) {
      return refuse("the key '" + shortened(name, kShownKey) + "' is given twice");
    }
    if (std::find(bounds_.skipped.begin(), bounds_.skipped.end(), name) != bounds_.skipped.end()) {
      skipped_at_ = depth_;
    }
    frame.key = std::move(name);
    return true;
  }

  /// The parser's own texts quote what was sent.
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    const bool is_number = dynamic_cast<const nlohmann::json::out_of_range*>(&error) != nullptr;
    return refuse(is_number ? "a number is out of range" : "it is not well-formed");
  }

  Json::Value& top() { return top_; }
  [[nodiscard]] const std::string& flaw() const { return flaw_; }

 private:
  struct Frame {
    Json::Value* value;  ///< in top_; its address stays while it is open
    std::string key;     ///< of the member that is read
  };

  [[nodiscard]] bool is_skipping() const { return skipped_at_.has_value(); }

  bool refuse(std::string flaw) {
    if (flaw_.empty()) flaw_ = std::move(flaw);
    return false;
  }

  bool refuse_top() {
    return refuse(top_type_ == Json::arrayValue ? "its top value is not an array"
                                                : "its top value is not an object");
  }

  static bool has_nul(const std::string& text) { return text.find('\0') != std::string::npos; }

  /// By the name of the member that is kept and has it: `a` of {"a":["\u0000"]}.
  bool refuse_nul() {
    const auto named =
        std::find_if(open_.rbegin(), open_.rend(), [](const Frame& frame) { return !frame.key.empty(); });
    const auto where =
        named == open_.rend() ? std::string() : " in '" + shortened(named->key, kShownKey) + "'";
    return refuse("it holds a NUL character" + where);
  }

  bool scalar(Json::Value value) {
    if (depth_ == 0) return refuse_top();
    if (is_skipping()) {
      end_skipping();
      return true;
    }
    return keep(std::move(value)) != nullptr;
  }

  bool open(Json::ValueType type) {
    if (depth_ == 0 && type != top_type_) return refuse_top();
    if (depth_ == kDepth) return refuse("it is nested too deeply");
    if (!is_skipping()) {
      auto* kept = keep(Json::Value(type));
      if (kept == nullptr) return false;
      open_.push_back({kept, {}});
    }
    ++depth_;
    return true;
  }

  bool close() {
    --depth_;
    if (is_skipping()) {
      end_skipping();
    } else {
      open_.pop_back();
    }
    return true;
  }

  /// After a value: was it the whole of the member that is skipped?
  void end_skipping() {
    if (skipped_at_ == depth_) skipped_at_.reset();
  }

  /// Where the value now lies; nullptr where it is one too many.
  Json::Value* keep(Json::Value value) {
    if (++values_ > bounds_.values) {
      refuse("it holds too many values");
      return nullptr;
    }
    if (open_.empty()) {
      top_ = std::move(value);
      return &top_;
    }
    auto& frame = open_.back();
    if (frame.value->isArray()) return &frame.value->append(std::move(value));
    auto& place = (*frame.value)[frame.key];
    place = std::move(value);
    return &place;
  }

  const JsonBounds& bounds_;
  Json::ValueType top_type_;
  Json::Value top_;
  std::vector<Frame> open_;
  std::size_t depth_ = 0;  ///< also of what is skipped
  std::size_t values_ = 0;
  std::optional<std::size_t> skipped_at_;  ///< depth of the member whose value is skipped
  std::string flaw_;
};

Result<Json::Value> parse(std::string_view bytes, const JsonBounds& bounds, Json::ValueType top_type) {
  if (bytes.starts_with("\xEF\xBB\xBF")) return malformed("it begins with a byte order mark");
  if (bytes.find('\0') != std::string_view::npos) return malformed("it holds a NUL byte");
  if (!is_valid_utf8(bytes)) return malformed("it is not valid UTF-8");
  if (has_long_token(bytes)) return malformed("a text in it, or what lies between two texts, is too long");
  Builder builder(bounds, top_type);
  if (!nlohmann::json::sax_parse(bytes.begin(), bytes.end(), &builder)) return malformed(builder.flaw());
  return std::move(builder.top());
}

}  // namespace

Result<Json::Value> parse_json_object(std::string_view bytes, const JsonBounds& bounds) {
  return parse(bytes, bounds, Json::objectValue);
}

Result<Json::Value> parse_json_array(std::string_view bytes, const JsonBounds& bounds) {
  return parse(bytes, bounds, Json::arrayValue);
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

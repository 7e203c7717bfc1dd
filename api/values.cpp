#include "api/values.h"

#include <exception>
#include <memory>

#include <json/reader.h>

#include "agent/base/text.h"
#include "api/envelope.h"

namespace gitferry::api {

Json::Value number(std::int64_t value) {
  return static_cast<Json::Int64>(value);
}

Json::Value id_or_null(std::int64_t id) {
  return id == 0 ? Json::Value() : number(id);
}

Json::Value number_or_null(const std::optional<std::int64_t>& value) {
  return value ? number(*value) : Json::Value();
}

Json::Value text_or_null(std::string_view text) {
  return text.empty() ? Json::Value() : clean_text(text);
}

Json::Value time_or_null(std::int64_t epoch_ms) {
  return epoch_ms == 0 ? Json::Value() : Json::Value(rfc3339(epoch_ms));
}

Json::Value china_time(std::int64_t epoch_ms) {
  if (epoch_ms == 0) return {};
  constexpr std::int64_t kEightHours = 8LL * 3600 * 1000;
  auto text = rfc3339(epoch_ms + kEightHours).substr(0, 19);
  text[10] = ' ';
  return text;
}

Json::Value stored_json(const std::string& text) {
  try {
    const std::unique_ptr<Json::CharReader> reader(Json::CharReaderBuilder().newCharReader());
    Json::Value value;
    if (reader->parse(text.data(), text.data() + text.size(), &value, nullptr)) return value;
  } catch (const std::exception&) {
    return {};
  }
  return {};
}

}  // namespace gitferry::api

#include "api/envelope.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "agent/base/text.h"
#include "api/json.h"

namespace gitferry::api {
namespace {

/// The weight of one Accept-Language entry in thousandths; 1000 where none is given.
int weight_of(std::string_view parameters) {
  const auto found = parameters.find("q=");
  if (found == std::string_view::npos) return 1000;
  const auto digits = parameters.substr(found + 2);
  double weight = 0;
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), weight).ptr;
  return end == digits.data() || weight < 0 || weight > 1 ? 0 : static_cast<int>(weight * 1000);
}

bool prefers_english(const Request& request) {
  const auto header = request.only("accept-language");
  if (!header) return false;
  int english = 0;
  int chinese = 0;
  for (const auto entry : split(*header, ',')) {
    const auto semicolon = entry.find(';');
    const auto tag = to_lower(trim(entry.substr(0, semicolon)));
    const int weight = semicolon == std::string_view::npos ? 1000 : weight_of(entry.substr(semicolon));
    if (tag == "en" || tag.starts_with("en-")) english = std::max(english, weight);
    if (tag == "zh" || tag.starts_with("zh-")) chinese = std::max(chinese, weight);
  }
  return english > chinese;
}

/// What all answers share; `body` holds what is particular.
Response enveloped(int http_status, int code_status, std::string_view message, Json::Value body) {
  if (!body.isMember("data")) body["data"] = Json::Value();
  body["code_status"] = code_status;
  body["msg"] = std::string(message);
  Response response;
  response.status = http_status;
  response.body = to_text(body);
  return response;
}

Response succeeded(const Request& request, Json::Value body) {
  return enveloped(200, 0, prefers_english(request) ? "The operation succeeded" : "操作成功",
                   std::move(body));
}

Response failed(bool english, int http_status, ErrorCode code, std::string_view detail,
                Json::Value body = Json::Value(Json::objectValue)) {
  const auto& row = info(code);
  if (!detail.empty()) body["detail"] = clean_text(detail);
  return enveloped(http_status, row.code_status, english ? row.text_en : row.text_zh, std::move(body));
}

}  // namespace

Response success(const Request& request, Json::Value data, std::optional<std::int64_t> total) {
  Json::Value body(Json::objectValue);
  body["data"] = std::move(data);
  if (total) body["total"] = static_cast<Json::Int64>(*total);
  return succeeded(request, std::move(body));
}

Response success_with(const Request& request, Json::Value members) {
  return succeeded(request, std::move(members));
}

Response failure(const Request& request, const Error& error) {
  return failed(prefers_english(request), info(error.code).http_status, error.code, error.text());
}

Response failure_with(const Request& request, const Error& error, Json::Value members) {
  return failed(prefers_english(request), info(error.code).http_status, error.code, error.text(),
                std::move(members));
}

Response failure_with_status(const Request& request, int http_status, ErrorCode code,
                             std::string_view detail) {
  return failed(prefers_english(request), http_status, code, detail);
}

Response failure_without_request(int http_status, ErrorCode code, std::string_view detail) {
  return failed(false, http_status, code, detail);
}

Response with_retry_after(Response response, std::chrono::seconds wait) {
  response.headers.emplace_back("Retry-After", std::to_string(wait.count()));
  return response;
}

Json::Value clean_text(std::string_view text) {
  if (is_valid_utf8(text)) return std::string(text);
  std::string ascii(text);
  for (char& c : ascii) {
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  return ascii;
}

}  // namespace gitferry::api

#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include <json/reader.h>
#include <json/value.h>

#include "agent/base/text.h"
#include "agent/model/webhook_source.h"
#include "api/http_message.h"

/// Signature vectors: objects with `secret`, `body`, headers, what the source is set to, the time, and the
/// verdict `accept`.
namespace gitferry::api::testing {

inline std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The null value where it is not JSON. The test's own data: not read with the reader that is tested.
inline Json::Value json_file(const std::filesystem::path& path) {
  const auto text = contents(path);
  Json::Value value;
  const std::unique_ptr<Json::CharReader> reader(Json::CharReaderBuilder().newCharReader());
  if (!reader->parse(text.data(), text.data() + text.size(), &value, nullptr)) return {};
  return value;
}

inline WebhookSource source_of(const Json::Value& vector, const WebhookKind& kind, WebhookScheme scheme) {
  WebhookSource source;
  source.provider = std::string(kind.provider);
  source.scheme = scheme;
  source.secrets.push_back({Secret(vector["secret"].asString())});
  source.allow_sha1 = vector["allow_sha1"].asBool();
  if (vector.isMember("authorization")) source.authorization = Secret(vector["authorization"].asString());
  if (vector.isMember("tolerance")) source.tolerance = std::chrono::seconds(vector["tolerance"].asInt64());
  return source;
}

inline WallTime time_of(const Json::Value& vector) {
  if (vector.isMember("now_ms")) return from_epoch_ms(vector["now_ms"].asInt64());
  return from_epoch_ms(vector["now"].asInt64() * 1000);
}

inline Request post(std::string body) {
  Request request;
  request.method = "POST";
  request.body = std::move(body);
  return request;
}

}  // namespace gitferry::api::testing

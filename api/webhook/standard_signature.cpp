#include "api/webhook/standard_signature.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/base/crypto.h"
#include "agent/base/hmac_stream.h"
#include "agent/base/text.h"

namespace gitferry::api::webhook {
namespace {

constexpr std::string_view kIdHeader = "webhook-id";
constexpr std::string_view kTimeHeader = "webhook-timestamp";
constexpr std::string_view kSignatureHeader = "webhook-signature";
constexpr std::chrono::seconds kTolerance{300};
constexpr std::size_t kSignatures = 16;  ///< while a sender changes its key there are two
constexpr std::size_t kIdLength = 128;
constexpr std::size_t kTimeDigits = 15;

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= kIdLength && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

bool is_fresh(std::string_view text, const WebhookSource& source, WallTime now) {
  if (text.size() > kTimeDigits) return false;
  const auto seconds = parse_number(text);
  if (!seconds) return false;
  const std::int64_t here = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  const auto tolerance = source.tolerance.value_or(kTolerance).count();
  return *seconds >= here - tolerance && *seconds <= here + tolerance;
}

/// All are looked at, whatever the first ones give.
bool any_matches(std::string_view list, std::string_view mac) {
  constexpr std::string_view kVersion = "v1,";
  const auto signatures = split(list, ' ');
  if (signatures.size() > kSignatures) return false;
  bool found = false;
  for (const auto signature : signatures) {
    if (!signature.starts_with(kVersion)) continue;
    const auto sent = from_base64(signature.substr(kVersion.size()));
    const bool same = sent && equal_in_constant_time(mac, *sent);
    found = found || same;
  }
  return found;
}

/// Of `id.time.body`. The body is the largest thing that there is, and whoever sent it is not known yet.
std::string mac_of(const Secret& key, std::string_view id, std::string_view time, std::string_view body) {
  HmacSha256Stream mac(key);
  for (const auto piece : {id, std::string_view("."), time, std::string_view("."), body}) mac.add(piece);
  return mac.finish();
}

}  // namespace

bool has_standard_signature(const Request& request) {
  return request.count(kSignatureHeader) > 0;
}

bool verify_standard_signature(const Request& request, const Secret& secret, const WebhookSource& source,
                               WallTime now) {
  const auto key = standard_webhooks_key(secret);
  const auto id = request.only(kIdHeader);
  const auto time = request.only(kTimeHeader);
  const auto signatures = request.only(kSignatureHeader);
  if (!id || !time || !signatures || !is_id(*id) || !is_fresh(*time, source, now)) return false;
  // What is no key costs as much time as what is one: nobody can tell a hook that is not there.
  const auto mac = mac_of(key.value_or(secret), *id, *time, request.body);
  return any_matches(*signatures, mac) && key.has_value();
}

std::string signed_id_of(const Request& request) {
  if (!has_standard_signature(request)) return {};
  return std::string(request.only(kIdHeader).value_or(""));
}

}  // namespace gitferry::api::webhook

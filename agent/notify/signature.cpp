#include "agent/notify/signature.h"

#include <fmt/format.h>

#include "agent/base/crypto.h"
#include "agent/base/text.h"

namespace gitferry {

std::string standard_webhooks_signature(const Secret& key, std::string_view id, std::int64_t timestamp_s,
                                        std::string_view body) {
  return "v1," + to_base64(hmac_sha256(key, fmt::format("{}.{}.{}", id, timestamp_s, body)));
}

std::string dingtalk_query(const Secret& secret, std::int64_t timestamp_ms) {
  const Secret signed_text(fmt::format("{}\n{}", timestamp_ms, secret.reveal()));
  return fmt::format("timestamp={}&sign={}", timestamp_ms,
                     percent_encode(to_base64(hmac_sha256(secret, signed_text.reveal()))));
}

std::string feishu_sign(const Secret& secret, std::int64_t timestamp_s) {
  const Secret key(fmt::format("{}\n{}", timestamp_s, secret.reveal()));
  return to_base64(hmac_sha256(key, ""));
}

}  // namespace gitferry

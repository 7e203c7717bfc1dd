#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/base/secret.h"

namespace gitferry {

/// The signatures that receivers check. All of them are HMAC-SHA256, each of something else.

/// Of Standard Webhooks 1.0.0, as the header `webhook-signature` has it: `v1,` and base64. `key` is the
/// decoded one (standard_webhooks_key()).
std::string standard_webhooks_signature(const Secret& key, std::string_view id, std::int64_t timestamp_s,
                                        std::string_view body);

/// DingTalk's: what its address is given as `timestamp` and `sign`, percent-encoded, with an `&` between
/// them.
std::string dingtalk_query(const Secret& secret, std::int64_t timestamp_ms);

/// Feishu's: the field `sign` of its body. The secret is a part of the key there, and nothing is signed.
std::string feishu_sign(const Secret& secret, std::int64_t timestamp_s);

}  // namespace gitferry

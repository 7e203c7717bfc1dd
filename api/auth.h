#pragma once

#include <optional>
#include <vector>

#include "api/api_context.h"
#include "api/http_message.h"

namespace gitferry::api {

/// Whether the request may do what `needed` allows: read < operate < admin. nullopt: it may; otherwise the
/// 401 or 403, which depends on the token alone, never on what is asked for.
///
/// Bearer tokens (RFC 6750). Every configured hash is compared, in constant time.
std::optional<Response> refusal_without(Role needed, const Request& request,
                                        const std::vector<TokenHash>& tokens);

}  // namespace gitferry::api

#pragma once

#include <vector>

#include <tl/expected.hpp>

#include "api/api_context.h"
#include "api/http_message.h"

namespace gitferry::api {

/// Who sent the request, where it may do what `needed` allows: read < operate < admin. Otherwise the 401 or
/// 403, which depends on the token alone, never on what is asked for.
///
/// Bearer tokens (RFC 6750). Every configured hash is compared, in constant time.
tl::expected<Identity, Response> authenticate(Role needed, const Request& request,
                                              const std::vector<TokenHash>& tokens);

}  // namespace gitferry::api

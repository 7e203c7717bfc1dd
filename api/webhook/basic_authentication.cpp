#include "api/webhook/basic_authentication.h"

#include <optional>
#include <string>
#include <string_view>

#include "agent/base/crypto.h"
#include "agent/base/text.h"

namespace gitferry::api::webhook {
namespace {

/// `user:password`; nullopt where the header is no such thing.
std::optional<std::string> basic_credentials(const Request& request) {
  constexpr std::string_view kWord = "basic ";
  const auto header = request.only("authorization");
  if (!header || !equals_ignoring_case(header->substr(0, kWord.size()), kWord)) return std::nullopt;
  return from_base64(trim(header->substr(kWord.size())));
}

}  // namespace

bool verify_basic(const Request& request, const Secret& secret, const WebhookSource& source, WallTime) {
  const auto credentials = basic_credentials(request);
  if (secret.empty() || !credentials) return false;
  const auto colon = credentials->find(':');
  if (colon == std::string::npos) return false;
  const std::string_view text = *credentials;
  const bool right_password = matches(secret, text.substr(colon + 1));
  const bool right_user = matches(Secret(source.username), text.substr(0, colon)) || source.username.empty();
  return right_password && right_user;
}

}  // namespace gitferry::api::webhook

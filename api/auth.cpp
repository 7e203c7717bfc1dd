#include "api/auth.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "agent/base/crypto.h"
#include "agent/base/text.h"
#include "api/envelope.h"

namespace gitferry::api {
namespace {

std::optional<std::string_view> bearer_token(const Request& request) {
  const auto value = request.only("authorization");
  constexpr std::string_view kScheme = "bearer ";
  if (!value || value->size() <= kScheme.size()) return std::nullopt;
  if (!equals_ignoring_case(value->substr(0, kScheme.size()), kScheme)) return std::nullopt;
  return trim(value->substr(kScheme.size()));
}

}  // namespace

std::string_view name_of(Role role) {
  switch (role) {
    case Role::Read:
      return "read";
    case Role::Operate:
      return "operate";
    case Role::Admin:
      return "admin";
  }
  return "admin";
}

tl::expected<Identity, Response> authenticate(Role needed, const Request& request,
                                              const std::vector<TokenHash>& tokens) {
  const auto token = bearer_token(request);
  const std::string hash = sha256(token.value_or(""));
  std::optional<Identity> granted;
  for (const auto& known : tokens) {
    const bool same = equal_in_constant_time(known.sha256, hash);
    if (same && token && !token->empty() && (!granted || granted->role < known.role))
      granted = Identity{known.name, known.role};
  }
  if (!granted) {
    auto response = failure(
        request,
        Error{
            ErrorCode::Unauthenticated, "no known token was sent", "send `Authorization: Bearer TOKEN`", {}});
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
    return tl::make_unexpected(std::move(response));
  }
  if (granted->role < needed) {
    return tl::make_unexpected(failure(request, Error{ErrorCode::Forbidden,
                                                      "the token's role does not suffice",
                                                      "use a token with role " + std::string(name_of(needed)),
                                                      {}}));
  }
  return *granted;
}

}  // namespace gitferry::api

#include "agent/sync/address_input.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "agent/base/crypto.h"

namespace gitferry {
namespace {

constexpr std::string_view kDefaultUsername = "oauth2";

std::string_view address_parameter(Side side) {
  return side == Side::Internal ? "internal_repo_address" : "external_repo_address";
}
std::string_view token_parameter(Side side) {
  return side == Side::Internal ? "inter_token" : "exter_token";
}

bool is_http(const RemoteUrl& url) {
  return url.scheme == Scheme::Https || url.scheme == Scheme::Http;
}

Result<ParsedAddress> parsed_address(Side side, const std::string& text, const AllowedAddresses& allowed) {
  auto parsed = parse_allowed_url(text, allowed);
  if (parsed) return parsed;
  return fail(ErrorCode::RepositoryAddressInvalid,
              fmt::format("{}: {}", address_parameter(side), parsed.error().message), parsed.error().hint);
}

Status check_token(Side side, const Secret& token, const RemoteUrl& url) {
  const auto name = token_parameter(side);
  const auto bytes = token.reveal();
  if (bytes.size() > kTokenLimit) {
    return fail(ErrorCode::InvalidArgument, fmt::format("{}: it is longer than {} bytes", name, kTokenLimit),
                "give the token alone");
  }
  const bool has_control = std::any_of(bytes.begin(), bytes.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
  if (has_control) {
    return fail(ErrorCode::InvalidArgument, fmt::format("{}: it contains a control character", name),
                "give the token without line breaks");
  }
  if (!is_http(url)) {
    return fail(ErrorCode::InvalidArgument,
                fmt::format("{}: the {} address is {}, where no token is shown", name, name_of(side),
                            url.scheme == Scheme::Ssh ? "an ssh one" : "a local path"),
                url.scheme == Scheme::Ssh ? "use an https address, or leave the token out and use an ssh key"
                                          : "leave the token out");
  }
  return {};
}

/// What is shown from now on: given in so many words, in the address, or kept.
Secret chosen(const SideInput& input, const ParsedAddress& parsed, const std::optional<SideToken>& kept) {
  if (input.token) return *input.token;
  if (!parsed.password.empty()) return parsed.password;
  return kept ? kept->token : Secret{};
}

/// What one side becomes.
Result<SideState> changed_side(Side side, const std::optional<SideState>& before, const SideInput& input,
                               const AllowedAddresses& allowed) {
  ParsedAddress parsed;
  if (input.address) {
    auto checked = parsed_address(side, *input.address, allowed);
    if (!checked) return fail(checked.error());
    parsed = std::move(*checked);
  } else if (before) {
    parsed.url = before->url;
  }
  if (input.token && !input.token->empty()) {
    if (auto good = check_token(side, *input.token, parsed.url); !good) return fail(good.error());
  }
  std::optional<SideToken> kept;
  if (before && before->token && before->token->may_be_shown_at(parsed.url)) kept = before->token;
  auto token = chosen(input, parsed, kept);
  const bool has_user = !parsed.username.empty();
  if (token.empty()) {
    // The name alone proves nothing, and where it is a token itself it would be kept as a name.
    if (has_user && parsed.password.empty()) {
      return fail(ErrorCode::RepositoryAddressInvalid,
                  fmt::format("{}: its user info has no password", address_parameter(side)),
                  fmt::format("write user:token@host, or give the token as {}", token_parameter(side)));
    }
    return SideState{std::move(parsed.url), std::nullopt};
  }
  auto username = has_user ? parsed.username : kept ? kept->username : std::string(kDefaultUsername);
  auto given_for = parsed.url.origin();
  return SideState{std::move(parsed.url),
                   SideToken{std::move(username), std::move(token), std::move(given_for)}};
}

}  // namespace

Result<SideState> new_side(Side side, const SideInput& input, const AllowedAddresses& allowed) {
  return changed_side(side, std::nullopt, input, allowed);
}

Status check_sides_differ(const RemoteUrl& internal, const RemoteUrl& external) {
  if (internal.identity() != external.identity()) return {};
  return fail(ErrorCode::RepositoryAddressInvalid,
              fmt::format("{} and {} name the same repository", address_parameter(Side::Internal),
                          address_parameter(Side::External)),
              "a repository cannot be synced with itself");
}

Sides sides_of(const RepositoryBinding& binding) {
  return {{binding.internal, binding.internal_token}, {binding.external, binding.external_token}};
}

Result<Sides> changed_sides(const std::optional<Sides>& before, const SideInputs& input,
                            const AllowedAddresses& allowed) {
  const auto had = [&](SideState Sides::*side) {
    return before ? std::optional((*before).*side) : std::nullopt;
  };
  auto internal = changed_side(Side::Internal, had(&Sides::internal), input.internal, allowed);
  if (!internal) return fail(internal.error());
  auto external = changed_side(Side::External, had(&Sides::external), input.external, allowed);
  if (!external) return fail(external.error());
  if (auto differ = check_sides_differ(internal->url, external->url); !differ) return fail(differ.error());
  return Sides{std::move(*internal), std::move(*external)};
}

bool same_token(const std::optional<SideToken>& left, const std::optional<SideToken>& right) {
  if (!left || !right) return left.has_value() == right.has_value();
  return left->username == right->username && left->given_for == right->given_for &&
         equal_in_constant_time(left->token.reveal(), right->token.reveal());
}

bool same_side(const SideState& left, const SideState& right) {
  return left.url == right.url && same_token(left.token, right.token);
}

}  // namespace gitferry

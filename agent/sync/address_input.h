#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/model/binding.h"
#include "agent/model/remote_url.h"

namespace gitferry {

/// Longest token taken, in bytes: those of the hosts have some hundreds.
constexpr std::size_t kTokenLimit = 4096;

/// One side of a repository as somebody asks for it; nothing in it is checked yet. Unset: as it is.
struct SideInput {
  std::optional<std::string> address;
  std::optional<Secret> token;  ///< empty: none any more
};

/// One side of a repository as it is.
struct SideState {
  RemoteUrl url;
  std::optional<SideToken> token;
};

/// What a side becomes. `before` is unset for a new binding, whose `input.address` is set.
///
/// A given token wins over the user info of a given address, that over the token there is. What was given for
/// one place is not taken along to another: neither to another host, nor from https to http. The user name is
/// that of the address, else the one there is, else `oauth2`, which every host takes with a token. Errors:
/// RepositoryAddressInvalid for an address, InvalidArgument for a token. The texts name the parameter of the
/// API and quote neither user info nor token.
Result<SideState> changed_side(Side side, const std::optional<SideState>& before, const SideInput& input,
                               const std::set<Scheme>& allowed);

/// RepositoryAddressInvalid where both are the same repository.
Status check_sides_differ(const RemoteUrl& internal, const RemoteUrl& external);

bool same_token(const std::optional<SideToken>& left, const std::optional<SideToken>& right);

}  // namespace gitferry

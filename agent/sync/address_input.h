#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/model/allowed_addresses.h"
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

struct Sides {
  SideState internal;
  SideState external;
};
struct SideInputs {
  SideInput internal;
  SideInput external;
};

Sides sides_of(const RepositoryBinding& binding);

/// What the sides become. `before` is unset for a new binding, whose addresses are both given.
///
/// A given token wins over the user info of a given address, that over the token there is. What was given for
/// one place is not taken along to another: neither to another host, nor from https to http. The user name is
/// that of the address, else the one there is, else `oauth2`, which every host takes with a token.
/// Errors: RepositoryAddressInvalid for an address, also where both sides are the same repository;
/// InvalidArgument for a token. The texts name the parameter of the API and quote neither user info nor
/// token.
Result<Sides> changed_sides(const std::optional<Sides>& before, const SideInputs& input,
                            const AllowedAddresses& allowed);

/// One side of a new binding alone, with the errors of changed_sides() that it can have by itself.
Result<SideState> new_side(Side side, const SideInput& input, const AllowedAddresses& allowed);
/// RepositoryAddressInvalid where both are the same repository.
Status check_sides_differ(const RemoteUrl& internal, const RemoteUrl& external);

bool same_token(const std::optional<SideToken>& left, const std::optional<SideToken>& right);
bool same_side(const SideState& left, const SideState& right);

}  // namespace gitferry

#pragma once

#include <set>
#include <string_view>

#include "agent/base/result.h"
#include "agent/model/address_policy.h"
#include "agent/model/remote_url.h"

namespace gitferry {

/// Which addresses a repository may have.
struct AllowedAddresses {
  std::set<Scheme> schemes;
  AddressPolicy networks;
};

/// The one validator for every door by which a repository's address gets in (YAML, REST, database):
/// parse_remote_url(), and a host that is written as an IP address is one which may be connected to. What a
/// name means is known at connect alone, and checked there by the same policy.
///
/// Errors: those of parse_remote_url(); AddressRefused.
Result<ParsedAddress> parse_allowed_url(std::string_view text, const AllowedAddresses& allowed);

}  // namespace gitferry

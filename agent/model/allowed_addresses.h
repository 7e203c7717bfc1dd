#pragma once

#include <set>
#include <string_view>

#include "agent/base/result.h"
#include "agent/model/address_policy.h"
#include "agent/model/local_directories.h"
#include "agent/model/remote_url.h"

namespace gitferry {

/// Which addresses a repository may have.
struct AllowedAddresses {
  std::set<Scheme> schemes;
  AddressPolicy networks;
  LocalDirectories directories = {};  ///< of repositories on this machine
};

/// The one validator for every door by which a repository's address gets in (YAML, REST, database):
/// parse_remote_url(), a host that is written as an IP address is one which may be connected to, and a local
/// path is below a directory that may be used. What a name means, and where symbolic links lead, is known at
/// connect alone, and checked there by the same policy.
///
/// Errors: those of parse_remote_url(); AddressRefused.
Result<ParsedAddress> parse_allowed_url(std::string_view text, const AllowedAddresses& allowed);

}  // namespace gitferry

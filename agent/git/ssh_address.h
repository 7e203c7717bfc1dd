#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "agent/git/ssh_settings.h"
#include "agent/model/address_policy.h"

namespace gitferry {

/// How to be called again with what `ssh -G` was asked.
struct SshCall {
  std::vector<std::string> options;
  std::string destination;  ///< `user@host` or `host`
  std::string what;         ///< for error texts
};

/// Options that lead ssh to an address that was checked, under the name that known_hosts and host
/// certificates know; ssh itself would resolve the name once more, and perhaps to another address.
///
/// Nothing is pinned where ssh's configuration connects through somebody else (ProxyJump, ProxyCommand),
/// where the host is written as an address, and where the configuration says other things of that address
/// than of the name (`Match host`): such a name is the operator's own; its addresses are checked all the
/// same. Every address of a name must be allowed. Of several the first that takes a connection is used.
///
/// Blocking: within the limits of `waiting`.
/// Errors:   AddressRefused, HostUnresolved, ConnectionFailed where none of several addresses can be reached.
Result<std::vector<std::string>> checked_address_options(const SshCall& call, const SshSettings& settings,
                                                         const AddressPolicy& policy, const Waiting& waiting);

}  // namespace gitferry

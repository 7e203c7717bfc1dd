#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/error.h"
#include "agent/git/child_process.h"

namespace gitferry {

/// What a person needs to be told of where ssh was refused.
struct SshPlace {
  std::string what;  ///< what was attempted
  std::string host;  ///< that is connected to
  std::uint16_t port = 22;
  std::string host_key_alias;          ///< the name of the configuration that its key is looked up by, if any
  std::string known_hosts_file;        ///< where a host's key is to be put
  std::vector<std::string> key_files;  ///< that ssh was to try
  bool is_key_configured = false;      ///< by gitferry's credentials; otherwise ssh found them itself
  bool has_agent = false;              ///< an ssh agent was asked as well
};

/// What ssh's own words on stderr mean; nullopt where they mean nothing known. A key that was refused is
/// looked at: one with a passphrase cannot be used without an agent, and ssh does not say so.
///
/// Blocking: a moment, where a private key is looked at.
std::optional<Error> explain_ssh_words(const SshPlace& place, const ChildExit& exit);

/// The same; falls back on what the git service at the far end said.
Error explain_ssh_exit(const SshPlace& place, const ChildExit& exit);

}  // namespace gitferry

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "agent/git/transport.h"

namespace gitferry {

/// What the ssh client would do for a host, by the operator's ssh configuration and the options that it is
/// called with: what `ssh -G` answers.
struct SshSettings {
  std::string hostname;  ///< that is connected to, or that the jump host is asked for; lower case
  std::uint16_t port = 22;
  std::string user;
  bool is_proxied = false;     ///< ProxyJump or ProxyCommand: somebody else connects
  std::string host_key_alias;  ///< the name that the host key is looked up by; empty: `hostname`
  std::vector<std::string> key_files;
  std::vector<std::string> certificate_files;
  std::vector<std::string> known_hosts_files;  ///< the user's first
  std::string text;                            ///< all of the answer
};

/// Reads an answer of `ssh -G`; `~` becomes the user's home directory.
SshSettings parse_ssh_settings(std::string text);

/// Asks `ssh -G options -- destination`; a `Match exec` of the configuration is run by it.
///
/// Blocking: until ssh answered, within `waiting`.
/// Errors:   GitFailed where ssh is missing or refuses its configuration; Timeout, Cancelled.
Result<SshSettings> ask_ssh_settings(const std::vector<std::string>& options, const std::string& destination,
                                     std::string_view what, const Waiting& waiting);

/// What an authenticated connection depends on besides the options that it was opened with: the settings,
/// and the state on the disk of the keys, certificates and known_hosts files that they name, and the agent.
/// Another digest: another connection.
std::string ssh_identity_digest(const SshSettings& settings);

/// What a program says on its stdout: at most `limit` bytes. Errors: those of ChildProcess, and GitFailed
/// with what it says on stderr where it fails.
Result<std::string> output_of_command(const std::vector<std::string>& argv, std::string_view what,
                                      const Waiting& waiting, std::size_t limit);

/// ssh finds its agent and its configuration by these.
std::vector<std::string> ssh_environment();

/// `host`, or `[host]:port` where the port is not ssh's own: the form of known_hosts.
std::string known_hosts_name(std::string_view host, std::uint16_t port);

}  // namespace gitferry

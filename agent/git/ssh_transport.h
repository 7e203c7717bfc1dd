#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/git/ssh_masters.h"
#include "agent/git/ssh_settings.h"
#include "agent/git/transport.h"
#include "agent/model/address_policy.h"

namespace gitferry {

struct SshOptions {
  AddressPolicy addresses;
  std::string config_file;  ///< instead of the user's and the system's; empty: what ssh itself reads
  /// Connections that outlive their run, shared by the transports of all workers; nullptr: one a run.
  std::shared_ptr<SshMasters> masters = nullptr;
};

/// Git over ssh through the system's OpenSSH client, whose configuration and agent count; unknown host keys
/// are refused and nothing is asked.
///
/// The policy is asked about the addresses that ssh's configuration leads to, and ssh is given the address
/// that was checked (checked_address_options()). What it says of a host is believed for a minute.
class SshTransport final : public Transport {
 public:
  explicit SshTransport(SshOptions options);
  Result<std::unique_ptr<Connection>> connect(const Remote& remote, GitService service, int protocol_version,
                                              const Waiting& waiting) override;

 private:
  struct KnownSettings {
    SshSettings settings;
    MonotonicTime asked_at;
  };
  Result<SshSettings> settings_of(const std::vector<std::string>& options, const std::string& destination,
                                  const std::string& what, const Waiting& waiting);
  SshOptions options_;
  std::map<std::vector<std::string>, KnownSettings> settings_;
};

/// One word for a POSIX shell, quoted as git does (quote.c): in single quotes, each `'` as `'\''` and `!` as
/// `'\!'`.
std::string quoted_for_shell(std::string_view word);

/// The options that `remote` is connected to with, whatever is asked there.
std::vector<std::string> ssh_options(const Remote& remote, const TransferLimits& limits,
                                     const std::string& config_file);
/// `user@host` or `host`.
std::string ssh_destination(const Remote& remote);
/// The line that starts `service` at the far end.
std::string ssh_command(const Remote& remote, GitService service);

}  // namespace gitferry

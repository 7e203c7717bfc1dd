#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/git/address_policy.h"
#include "agent/git/child_process.h"
#include "agent/git/transport.h"

namespace gitferry {

struct SshOptions {
  AddressPolicy addresses;
  std::string config_file;  ///< instead of the user's and the system's; empty: what ssh itself reads
};

/// Git over ssh through the system's OpenSSH client, whose configuration and agent count; unknown host keys
/// are refused and nothing is asked.
///
/// The policy is asked about every address of the host's name before ssh starts; ssh then resolves the name
/// again, and its configuration may lead it elsewhere: that one is the operator's.
class SshTransport final : public Transport {
 public:
  explicit SshTransport(SshOptions options);
  Result<std::unique_ptr<Connection>> connect(const Remote& remote, GitService service, int protocol_version,
                                              const Waiting& waiting) override;

 private:
  SshOptions options_;
};

/// One word for a POSIX shell, quoted as git does (quote.c): in single quotes, each `'` as `'\''` and `!` as
/// `'\!'`.
std::string quoted_for_shell(std::string_view word);

/// The argv that asks `remote` for `service`.
std::vector<std::string> ssh_arguments(const Remote& remote, GitService service, bool asks_for_v2,
                                       const TransferLimits& limits, const std::string& config_file);

/// What ssh's stderr and exit status mean; falls back on what the git service at the far end said.
Error explain_ssh_exit(std::string_view what, const ChildExit& exit);

}  // namespace gitferry

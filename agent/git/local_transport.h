#pragma once

#include "agent/git/transport.h"

namespace gitferry {

/// Repositories on this machine, through `git upload-pack` and `git receive-pack` with no configuration but
/// the repository's own. Its hooks run: they are the target's rules.
class LocalTransport final : public Transport {
 public:
  Result<std::unique_ptr<Connection>> connect(const Remote& remote, GitService service, int protocol_version,
                                              const Waiting& waiting) override;
};

}  // namespace gitferry

#pragma once

#include <utility>

#include "agent/git/transport.h"
#include "agent/model/local_directories.h"

namespace gitferry {

/// Repositories on this machine, through `git upload-pack` and `git receive-pack` with no configuration but
/// the repository's own. Its hooks run: they are the target's rules. Where directories are named, git is
/// started in the repository that was found to be in one, and looks for none itself.
class LocalTransport final : public Transport {
 public:
  explicit LocalTransport(LocalDirectories directories = {}) : directories_(std::move(directories)) {}

  Result<std::unique_ptr<Connection>> connect(const Remote& remote, GitService service, int protocol_version,
                                              const Waiting& waiting) override;

 private:
  LocalDirectories directories_;
};

}  // namespace gitferry

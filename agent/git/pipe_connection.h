#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "agent/git/child_process.h"
#include "agent/git/transport.h"

namespace gitferry {

/// What a child's end means, where it ended before the conversation did.
using ExplainExit = std::function<Error(const ChildExit&)>;

/// A conversation with a git service that a child process brings: `git upload-pack` here, or ssh.
///
/// Exchanges refer to the connection and must not outlive it. A clean end is one with exit status 0; any
/// other is explained by `explain`, also where write() finds the child gone.
class PipeConnection final : public Connection {
 public:
  PipeConnection(ChildCommand command, ExplainExit explain, const Waiting& waiting);
  [[nodiscard]] bool is_stateless() const override { return false; }
  Status start_advertisement() override;
  Result<ByteReader*> advertisement() override;
  Result<std::unique_ptr<Exchange>> request(std::optional<std::uint64_t> length) override;

 private:
  class Stream;
  class StreamView;
  ChildCommand command_;
  ExplainExit explain_;
  Waiting waiting_;
  std::unique_ptr<ChildProcess> child_;
  std::unique_ptr<Exchange> stream_;
};

}  // namespace gitferry

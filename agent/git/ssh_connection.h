#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/git/pipe_connection.h"
#include "agent/git/ssh_failure.h"
#include "agent/git/ssh_master.h"
#include "agent/git/ssh_masters.h"

namespace gitferry {

/// A git service at the far end of ssh, over a connection that is shared with other runs where there can be
/// one, and over one of its own otherwise.
///
/// A shared connection that is gone when it is needed costs nothing but the new one.
class SshConnection final : public Connection {
 public:
  struct Request {
    /// The options to connect with, addresses checked.
    std::function<Result<std::vector<std::string>>(const Waiting&)> options;
    std::string destination;
    std::string command;
    bool asks_for_v2 = false;
    SshPlace place;
    std::string identity;  ///< what connection it is, as SshMasters wants it
  };
  /// `masters` may be nullptr.
  SshConnection(Request request, std::shared_ptr<SshMasters> masters, const Waiting& waiting);
  [[nodiscard]] bool is_stateless() const override { return false; }
  Status start_advertisement() override;
  Result<ByteReader*> advertisement() override;
  Result<std::unique_ptr<Exchange>> request(std::optional<std::uint64_t> length) override;

 private:
  Status open();
  Status start_pipe(const std::vector<std::string>& options);

  Request request_;
  std::shared_ptr<SshMasters> masters_;
  Waiting waiting_;
  SshMaster::Use use_;
  std::unique_ptr<PipeConnection> pipe_;  ///< ends before its share does
  bool is_started_ = false;
};

}  // namespace gitferry

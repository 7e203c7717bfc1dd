#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "agent/base/clock.h"

namespace gitferry::api {

/// A client's socket with a total deadline instead of a limit for each read. Does not own the descriptor.
///
/// Blocking: every call until its deadline at the latest. Never raises SIGPIPE.
class Connection {
 public:
  enum class Read { Data, Closed, Late, Stopped };

  /// `stop_fd` becomes readable when the server stops.
  Connection(int fd, MonotonicTime deadline, int stop_fd) : fd_(fd), stop_fd_(stop_fd), deadline_(deadline) {}

  /// Appends what has arrived, at most `limit` bytes, to `buffer`.
  Read read_some(std::string& buffer, std::size_t limit) { return read(buffer, limit, true); }
  /// The same, but a stopping server lets it go on: its head is whole, so it is a request that runs.
  Read read_body(std::string& buffer, std::size_t limit) { return read(buffer, limit, false); }

  /// False where the client did not take everything by `deadline`.
  bool write_all(std::string_view bytes, MonotonicTime deadline);

  /// Tells the client that nothing more comes, and takes what it still sends (64 KiB or until `deadline`),
  /// because closing with unread bytes resets the connection and so may destroy the answer on its way.
  void finish(MonotonicTime deadline);

  [[nodiscard]] std::string peer_address() const;

 private:
  Read read(std::string& buffer, std::size_t limit, bool watch_stop);

  int fd_;
  int stop_fd_;
  MonotonicTime deadline_;
};

}  // namespace gitferry::api

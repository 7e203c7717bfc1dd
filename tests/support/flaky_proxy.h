#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "agent/base/guarded.h"
#include "agent/base/unique_fd.h"

namespace gitferry::test {

/// What goes wrong once on a line between a client and its server.
struct LineFault {
  enum class Kind {
    Reset,     ///< both ends get a RST
    Truncate,  ///< the receiver gets a FIN; what follows is lost
    Stall,     ///< nothing more comes, and nothing ends
    Trickle,   ///< a byte now and then
    Flip,      ///< one bit is another
    Repeat,    ///< all that the connection brought from there comes once more
  };
  enum class From { Clients, Server };

  Kind kind = Kind::Reset;
  From from = From::Server;
  std::uint64_t at = 0;  ///< the first byte that is not forwarded as it was, counted over all connections
};

/// A TCP proxy to one address on this machine that damages what it forwards, once, where it is told to.
///
/// Threading: the proxy runs in a thread of its own; all calls from any thread.
class FlakyProxy {
 public:
  explicit FlakyProxy(std::uint16_t server_port);
  FlakyProxy(const FlakyProxy&) = delete;
  FlakyProxy& operator=(const FlakyProxy&) = delete;
  ~FlakyProxy();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// Breaks all connections and counts anew; nullopt: nothing goes wrong from now on.
  void arm(std::optional<LineFault> fault);
  /// Bytes forwarded since arm().
  [[nodiscard]] std::uint64_t forwarded(LineFault::From from) const;
  /// Whether the fault has come to pass.
  [[nodiscard]] bool has_struck() const;

 private:
  struct Script {
    std::optional<LineFault> fault;
    bool has_struck = false;
    bool breaks_connections = false;
    std::uint64_t from_clients = 0;
    std::uint64_t from_server = 0;
  };
  struct Line;
  struct Connection;

  void loop(const std::stop_token& stop);
  void accept_one(Connection& connection);
  /// Whether the connection goes on.
  bool forward(Connection& connection, Line& line);
  bool strike(Connection& connection, Line& line, const LineFault& fault, std::string bytes,
              std::size_t good);

  std::uint16_t server_port_;
  std::uint16_t port_ = 0;
  UniqueFd listener_;
  mutable Guarded<Script> script_;
  std::jthread thread_;
};

}  // namespace gitferry::test

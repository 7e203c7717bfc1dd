#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <thread>

#include "agent/base/unique_fd.h"

namespace gitferry::test {

/// A TCP proxy to one address on this machine that can be told to hold back: after so many bytes from one end
/// it forwards nothing more in that direction until the gate is opened. That stops a transfer in its middle,
/// at will.
///
/// Threading: the proxy runs in a thread of its own; all calls from any thread.
class GateProxy {
 public:
  explicit GateProxy(std::uint16_t target_port);
  ~GateProxy();
  GateProxy(const GateProxy&) = delete;
  GateProxy& operator=(const GateProxy&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  enum class From { Clients, Server };
  /// Counts from now on: the gate closes once `bytes` more came from there.
  void close_after(std::size_t bytes, From from = From::Clients);
  void open();
  /// Breaks every connection there is, as a host that dies, and opens the gate for new ones.
  void cut() { is_cut_ = true; }
  /// Whether bytes are being held back.
  [[nodiscard]] bool is_holding() const { return holding_; }

 private:
  void loop(const std::stop_token& stop);

  std::uint16_t target_port_;
  std::uint16_t port_ = 0;
  UniqueFd listener_;
  static constexpr auto kUnlimited = std::numeric_limits<std::int64_t>::max();
  std::atomic<std::int64_t> from_clients_{kUnlimited};
  std::atomic<std::int64_t> from_server_{kUnlimited};
  std::atomic<bool> is_cut_{false};
  std::atomic<bool> holding_{false};
  std::jthread thread_;
};

}  // namespace gitferry::test

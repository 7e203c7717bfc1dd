#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "config/secret_source.h"

namespace gitferry::daemon {

/// Tells the service manager that started the agent how it stands: the protocol of sd_notify(3), one datagram
/// a message. Does nothing where nobody asked for it.
///
/// Threading: all calls from any thread. Blocking: never; what the manager has no room for is lost.
class ServiceManager {
 public:
  /// By NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
  explicit ServiceManager(const config::Environment& environment);

  /// It serves. `status` is one line for people.
  void ready(std::string_view status) const;
  /// It takes a configuration up; ready() says when that is over.
  void reloading() const;
  void stopping() const;
  /// It goes on: to be said more often than every watchdog().
  void confirm() const;

  /// Within which time it must be told again that the agent goes on; unset: it need not.
  [[nodiscard]] std::optional<std::chrono::milliseconds> watchdog() const { return watchdog_; }

 private:
  void send(const std::string& message) const;

  std::string address_;  ///< of the socket, as sun_path has it; empty: none
  std::optional<std::chrono::milliseconds> watchdog_;
};

}  // namespace gitferry::daemon

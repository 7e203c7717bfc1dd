#pragma once

#include <chrono>
#include <condition_variable>
#include <thread>

#include "agent/base/guarded.h"
#include "agent/daemon/service_manager.h"

namespace gitferry::daemon {

/// Sees that every supervised thread goes on, and only then confirms it to the service manager, which
/// otherwise restarts the agent. The log says which thread has stopped, and when it goes on again.
///
/// Where no service manager watches, it ends the process itself once a thread has been stuck for long: what
/// started it may start it again, and nothing acknowledged is lost by it.
///
/// Owns: a thread, as long as it lives.
class Watchdog {
 public:
  /// `manager` must outlive it.
  explicit Watchdog(const ServiceManager& manager);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void watch();
  void look();

  const ServiceManager& manager_;
  std::chrono::steady_clock::time_point last_look_ = std::chrono::steady_clock::now();
  bool has_complained_ = false;
  Guarded<bool> is_stopping_;
  std::condition_variable changed_;
  std::thread thread_;
};

/// How long a thread may be silent, so that it is noticed well before the manager's time is over.
void set_patience_for(const ServiceManager& manager);

}  // namespace gitferry::daemon

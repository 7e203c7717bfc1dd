#pragma once

#include <chrono>
#include <csignal>

#include "agent/base/unique_fd.h"

namespace gitferry::daemon {

/// What every command that handles secrets does first: no core dumps, files for the owner only, no SIGPIPE.
void harden_process();

/// Receives SIGTERM, SIGINT and SIGHUP as bytes of a descriptor instead of interrupts.
///
/// Made before the first thread, so that all threads inherit the blocked signals; children of the git layer
/// get a clean mask from their own start.
class SignalReceiver {
 public:
  SignalReceiver();
  /// Waits for a signal, or for `done` (an eventfd, -1: none) to become readable, at most `timeout`
  /// (negative: for ever). The signal's number; 0: none came.
  int wait(int done = -1, std::chrono::milliseconds timeout = std::chrono::milliseconds{-1});

 private:
  UniqueFd fd_;
};

}  // namespace gitferry::daemon

#include "agent/daemon/watchdog.h"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "agent/base/supervision.h"

namespace gitferry::daemon {
namespace {

using std::chrono::milliseconds;

/// What is left of a process in which a thread is stuck, and nobody watches but itself.
[[noreturn]] void hang() {
  set_supervision_patience(milliseconds{40});
  const SupervisedThread supervised("hanging");
  const ServiceManager nobody([](const std::string&) { return std::nullopt; });
  const Watchdog watchdog(nobody);
  for (;;) std::this_thread::sleep_for(std::chrono::hours{1});
}

TEST(WatchdogDeathTest, R39_UnwatchedAProcessWithAStuckThreadEnds) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(hang(), ::testing::ExitedWithCode(1),
              "a thread is stuck for good: leaving for a restart.*hanging");
}

}  // namespace
}  // namespace gitferry::daemon

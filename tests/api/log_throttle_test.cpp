#include "api/log_throttle.h"

#include <chrono>

#include <gtest/gtest.h>

namespace gitferry::api {
namespace {

using namespace std::chrono_literals;

TEST(LogThrottle, HoldsBackWhatIsTooMuchAndCountsIt) {
  LogThrottle throttle;
  const MonotonicTime start{1h};
  for (int i = 0; i < LogThrottle::kLines; ++i) EXPECT_EQ(throttle.pass(start + 10ms * i), 0) << i;
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(throttle.pass(start + 500ms), std::nullopt);
  EXPECT_EQ(throttle.pass(start + 1s), 1000) << "the next second says how many are missing";
  EXPECT_EQ(throttle.pass(start + 1s), 0);
}

}  // namespace
}  // namespace gitferry::api

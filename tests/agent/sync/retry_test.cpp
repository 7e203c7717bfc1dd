#include "agent/sync/retry.h"

#include <array>
#include <vector>

#include <gtest/gtest.h>

#include "agent/store/store.h"
#include "agent/sync/host_limits.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Retry, DoublesFromFiveSecondsToFifteenMinutes) {
  const std::vector<int> limits_s{5, 10, 20, 40, 80, 160, 320, 640, 900, 900};
  for (std::size_t n = 0; n < limits_s.size(); ++n) {
    EXPECT_EQ(retry_delay(static_cast<int>(n), 0.5), milliseconds(limits_s[n] * 500)) << n;
    EXPECT_EQ(retry_delay(static_cast<int>(n), 0.0), milliseconds(0));
    EXPECT_LT(retry_delay(static_cast<int>(n), 0.999999), seconds(limits_s[n]));
  }
  EXPECT_EQ(retry_delay(1'000'000, 0.5), seconds(450));
  EXPECT_EQ(retry_delay(-1, 0.5), milliseconds(2500));
}

TEST(Retry, IsSpreadEvenlyOverTheWholeRange) {
  constexpr int kDraws = 20'000;
  std::array<int, 10> tenths{};
  for (int i = 0; i < kDraws; ++i) {
    const auto delay = retry_delay(3, random_fraction());
    ASSERT_GE(delay, milliseconds(0));
    ASSERT_LT(delay, seconds(40));
    ++tenths.at(static_cast<std::size_t>(delay / seconds(4)));
  }
  // 2000 ± 42 is one standard deviation; six of them fail by chance once in 10⁸.
  for (const int count : tenths) EXPECT_NEAR(count, kDraws / 10, 260);
}

TEST(Retry, ObeysAHostForAnHourAtMost) {
  EXPECT_EQ(obeyed(seconds(5)), seconds(5));
  EXPECT_EQ(obeyed(seconds(7200)), seconds(3600));
  EXPECT_EQ(obeyed(seconds(-1)), seconds(0));
}

TEST(Retry, NothingReachesFurtherThanTheStoreBelieves) {
  EXPECT_LE(milliseconds(kRetryAfterCap).count(), kFurthestAttemptMs);
  EXPECT_LE(kRetryCap.count(), kFurthestAttemptMs);
}

TEST(HostLimits, TakesAPlaceAtBothHostsOrAtNone) {
  HostLimits limits(2);
  const auto ab = distinct_hosts("a", "b");
  const auto bc = distinct_hosts("b", "c");
  EXPECT_TRUE(limits.try_acquire(ab));
  EXPECT_TRUE(limits.try_acquire(ab));
  EXPECT_FALSE(limits.try_acquire(bc));
  EXPECT_TRUE(limits.try_acquire({"c"}));
  EXPECT_TRUE(limits.try_acquire({"c"}));
  limits.release(ab);
  EXPECT_FALSE(limits.try_acquire(bc));
  limits.release({"c"});
  EXPECT_TRUE(limits.try_acquire(bc));
}

TEST(HostLimits, OneHostCountsOnceARun) {
  HostLimits limits(1);
  EXPECT_EQ(distinct_hosts("a", "a").size(), 1U);
  EXPECT_TRUE(limits.try_acquire(distinct_hosts("a", "a")));
  EXPECT_FALSE(limits.try_acquire({"a"}));
}

}  // namespace
}  // namespace gitferry

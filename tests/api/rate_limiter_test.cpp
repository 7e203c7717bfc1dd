#include "api/rate_limiter.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

namespace gitferry::api {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kStart{1000h};

/// How many pass at one instant.
int passing(RateLimiter& limiter, const std::string& key, MonotonicTime now, int tries = 1000) {
  int passed = 0;
  for (int i = 0; i < tries; ++i) passed += limiter.take(key, now) ? 0 : 1;
  return passed;
}

TEST(RateLimiter, TakesABurstAndThenTheRate) {
  RateLimiter limiter({2, 10});
  EXPECT_EQ(passing(limiter, "a", kStart), 10);
  EXPECT_EQ(passing(limiter, "a", kStart + 499ms), 0);
  EXPECT_EQ(passing(limiter, "a", kStart + 500ms), 1);
  EXPECT_EQ(passing(limiter, "a", kStart + 3s), 5);
  EXPECT_EQ(passing(limiter, "a", kStart + 1h), 10) << "no more than the burst is saved";
}

TEST(RateLimiter, KeysDoNotTakeFromEachOther) {
  RateLimiter limiter({1, 3});
  EXPECT_EQ(passing(limiter, "a", kStart), 3);
  EXPECT_EQ(passing(limiter, "b", kStart), 3);
  EXPECT_EQ(passing(limiter, "", kStart), 3);
}

TEST(RateLimiter, SaysHowLongToWaitInWholeSecondsRoundedUp) {
  RateLimiter slow({0.2, 1});
  ASSERT_FALSE(slow.take("a", kStart));
  EXPECT_EQ(slow.take("a", kStart), 5s);
  EXPECT_EQ(slow.take("a", kStart + 1ms), 5s);
  EXPECT_EQ(slow.take("a", kStart + 4s), 1s);
  EXPECT_EQ(slow.take("a", kStart + 4999ms), 1s);
  EXPECT_EQ(slow.take("a", kStart + 5s), std::nullopt);
  RateLimiter fast({1000, 1});
  ASSERT_FALSE(fast.take("a", kStart));
  EXPECT_EQ(fast.take("a", kStart), 1s) << "never less than a second";
}

TEST(RateLimiter, LookingTakesNothing) {
  RateLimiter limiter({1, 2});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(limiter.look("a", kStart), std::nullopt);
  EXPECT_EQ(limiter.size(), 0U);
  EXPECT_EQ(passing(limiter, "a", kStart), 2);
  EXPECT_EQ(limiter.look("a", kStart), 1s);
  EXPECT_EQ(limiter.look("a", kStart + 1s), std::nullopt);
}

TEST(RateLimiter, ARefusedTryCostsNothing) {
  RateLimiter limiter({1, 1});
  ASSERT_FALSE(limiter.take("a", kStart));
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(limiter.take("a", kStart + 999ms));
  EXPECT_EQ(limiter.take("a", kStart + 1s), std::nullopt);
}

TEST(RateLimiter, ZeroIsNoLimitAndABurstIsAtLeastOne) {
  RateLimiter none({0, 5});
  EXPECT_EQ(passing(none, "a", kStart), 1000);
  EXPECT_EQ(none.look("a", kStart), std::nullopt);
  RateLimiter single({1, 0});
  EXPECT_EQ(passing(single, "a", kStart), 1);
}

TEST(RateLimiter, RatesBeyondReasonDoNotOverflow) {
  RateLimiter never({1e-300, 1e300});
  EXPECT_EQ(passing(never, "a", kStart), 1);
  RateLimiter always({1e300, 1e300});
  EXPECT_EQ(passing(always, "a", kStart), 1000);
}

TEST(RateLimiter, TimeThatGoesBackwardsGivesNothing) {
  RateLimiter limiter({1, 5});
  EXPECT_EQ(passing(limiter, "a", kStart), 5);
  EXPECT_EQ(passing(limiter, "a", kStart - 10s), 0);
}

TEST(RateLimiter, ForgetsBucketsThatAreFullAgain) {
  RateLimiter limiter({1, 5}, 1000);
  for (int i = 0; i < 500; ++i) EXPECT_FALSE(limiter.take(std::to_string(i), kStart));
  EXPECT_EQ(limiter.size(), 500U);
  for (int i = 0; i < 500; ++i) EXPECT_FALSE(limiter.take("another", kStart + 10s + i * 1s));
  EXPECT_LE(limiter.size(), 1U);
}

TEST(RateLimiter, S37_AFloodOfNewKeysMakesNobodyForgetWhoIsLimited) {
  RateLimiter limiter({0.2, 20}, 100);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(passing(limiter, "limited" + std::to_string(i), kStart, 30), 20);
  for (int i = 0; i < 10'000; ++i) EXPECT_FALSE(limiter.take("flood" + std::to_string(i), kStart));
  EXPECT_EQ(limiter.size(), 100U);
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(limiter.take("limited" + std::to_string(i), kStart)) << i;
}

TEST(RateLimiter, S37_MemoryIsBoundedAlsoWhereAllAreLimited) {
  RateLimiter limiter({1, 1}, 100);
  for (int i = 0; i < 10'000; ++i) limiter.take(std::to_string(i), kStart + i * 1us);
  EXPECT_EQ(limiter.size(), 100U);
}

}  // namespace
}  // namespace gitferry::api

#include "agent/sync/lane_turns.h"

#include <gtest/gtest.h>

#include "tests/agent/store/store_fixture.h"

namespace gitferry {
namespace {

/// Turns at hosts with two places each, and the shares that were given out.
class LaneTurnsTest : public ::testing::Test {
 protected:
  static LaneRow row(std::int64_t id, const std::string& repository, std::int64_t marked_at_ms) {
    LaneRow lane;
    lane.id = id;
    lane.key = lane_key("b" + std::to_string(id), repository);
    lane.marked_at_ms = marked_at_ms;
    return lane;
  }
  Offer offer(const LaneRow& lane, LaneTurns::Share& share, const std::string& host = "in") {
    return turns_.offer(lane, {host, "out"}, search_, share);
  }
  void new_search() { search_ = {}; }

  LaneTurns turns_{2};
  LaneTurns::Search search_;
};

TEST_F(LaneTurnsTest, ALaneRunsOnceAndItsHostsPlacesAreCountedByTransfer) {
  LaneTurns::Share first;
  LaneTurns::Share second;
  LaneTurns::Share third;
  EXPECT_EQ(offer(row(1, "robot", 5), first), Offer::Taken);
  const std::vector<std::int64_t> companions{1, 2, 3, 4};
  EXPECT_EQ(turns_.join(first, companions, 10, 9), (std::vector<std::int64_t>{2, 3, 4}));
  EXPECT_EQ(turns_.running_of("robot"), 4U);
  EXPECT_EQ(offer(row(3, "robot", 5), second), Offer::RepositoryRefused);
  EXPECT_EQ(offer(row(9, "robot", 5), second), Offer::Taken) << "nothing was left behind";
  EXPECT_EQ(offer(row(10, "other", 5), third), Offer::RepositoryRefused) << "both places are taken";
  turns_.leave(first, 4);
  EXPECT_FALSE(turns_.runs(4));
  turns_.give_back(first, 20);
  EXPECT_FALSE(turns_.runs(1));
  EXPECT_TRUE(turns_.runs(9));
  EXPECT_EQ(offer(row(10, "other", 5), third), Offer::Taken);
  turns_.give_back(second, 20);
  turns_.give_back(third, 20);
  EXPECT_TRUE(turns_.is_idle());
  EXPECT_EQ(turns_.running_of("robot"), 0U);
}

TEST_F(LaneTurnsTest, WhatAFullTransferLeftBehindWaitsForItAndOneNewerRunsBesideIt) {
  LaneTurns::Share full;
  LaneTurns::Share beside;
  LaneTurns::Share third;
  ASSERT_EQ(offer(row(1, "robot", 5), full, "a"), Offer::Taken);
  const std::vector<std::int64_t> companions{2, 3, 4};
  EXPECT_EQ(turns_.join(full, companions, 3, 9).size(), 2U);
  EXPECT_TRUE(full.is_full);
  EXPECT_EQ(turns_.full_since_ms("robot"), 9);
  EXPECT_EQ(offer(row(4, "robot", 5), beside, "b"), Offer::RepositoryRefused);
  EXPECT_EQ(offer(row(5, "robot", 9), beside, "b"), Offer::RepositoryRefused);
  EXPECT_EQ(offer(row(6, "robot", 10), beside, "b"), Offer::Taken);
  const std::vector<std::int64_t> newer{7, 8};
  EXPECT_EQ(turns_.join(beside, newer, 2, 12).size(), 1U);
  EXPECT_FALSE(beside.is_full);
  EXPECT_EQ(offer(row(8, "robot", 11), third, "c"), Offer::RepositoryRefused);
  turns_.give_back(beside, 20);
  EXPECT_EQ(offer(row(8, "robot", 11), third, "c"), Offer::Taken);
}

TEST_F(LaneTurnsTest, WhatWasLeftBehindQueuesUpBehindWhoeverWaitsAtTheEnd) {
  LaneTurns::Share full;
  LaneTurns::Share share;
  ASSERT_EQ(offer(row(1, "robot", 5), full), Offer::Taken);
  const std::vector<std::int64_t> companions{2};
  turns_.join(full, companions, 1, 9);
  turns_.give_back(full, 100);
  EXPECT_EQ(offer(row(2, "robot", 5), share), Offer::RepositoryRefused);
  EXPECT_EQ(offer(row(3, "other", 100), share), Offer::Taken) << "it waits since before the end";
  turns_.give_back(share, 110);
  new_search();
  EXPECT_EQ(offer(row(2, "robot", 5), share), Offer::RepositoryRefused);
  EXPECT_EQ(offer(row(4, "other", 101), share), Offer::EndOfSearch) << "it came later";
  EXPECT_TRUE(turns_.let_next_in(search_));
  new_search();
  EXPECT_EQ(offer(row(2, "robot", 5), share), Offer::Taken);
  turns_.give_back(share, 120);
  new_search();
  EXPECT_FALSE(turns_.let_next_in(search_));
}

TEST_F(LaneTurnsTest, WhileAShareIsGatheredNoOtherOfItsRepositoryBegins) {
  LaneTurns::Share first;
  LaneTurns::Share second;
  EXPECT_EQ(offer(row(1, "robot", 5), first), Offer::Taken);
  EXPECT_EQ(offer(row(2, "robot", 6), second), Offer::RepositoryRefused) << "it may be about to join";
  turns_.gathered(first);
  EXPECT_EQ(offer(row(2, "robot", 6), second), Offer::Taken);
  // Given back before it was gathered.
  turns_.give_back(second, 9);
  EXPECT_EQ(offer(row(2, "robot", 6), second), Offer::Taken);
}

TEST_F(LaneTurnsTest, OfThoseThatTheNextCrashQuarantinesOneRunsAtATime) {
  LaneTurns::Share first;
  LaneTurns::Share second;
  auto one = row(1, "robot", 5);
  auto two = row(2, "other", 5);
  one.crash_count = two.crash_count = kCrashLimit - 1;
  EXPECT_EQ(offer(one, first), Offer::Taken);
  EXPECT_EQ(offer(two, second), Offer::LaneRefused);
  EXPECT_EQ(offer(row(3, "other", 5), second), Offer::Taken);
  turns_.give_back(second, 9);
  turns_.give_back(first, 9);
  EXPECT_EQ(offer(two, second), Offer::Taken);
}

}  // namespace
}  // namespace gitferry

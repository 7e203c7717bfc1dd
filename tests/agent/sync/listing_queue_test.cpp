#include "agent/sync/listing_queue.h"

#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "tests/agent/sync/sync_fixture.h"

namespace gitferry {
namespace {

class ListingQueueTest : public ::testing::Test {
 protected:
  std::vector<std::string> seen() { return *seen_.lock(); }

  Guarded<std::vector<std::string>> seen_;
  ListingQueue queue_{[this](const ListingQueue::Wish& wish, const std::stop_token&) -> Status {
    seen_.lock()->push_back(wish.repository);
    if (wish.repository == "failing") return fail(ErrorCode::HostUnresolved, "no such host");
    if (wish.repository == "throwing") throw std::runtime_error("boom");
    if (wish.repository == "odd") throw 7;
    return {};
  }};
};

TEST_F(ListingQueueTest, ListsInTheOrderTheyCameAndFailuresStopNothing) {
  for (const auto* name : {"failing", "throwing", "odd", "robot"}) ASSERT_TRUE(queue_.add({name, {}, false}));
  EXPECT_TRUE(seen().empty());
  queue_.start();
  ASSERT_TRUE(eventually([&] { return seen().size() == 4; }));
  EXPECT_EQ(seen(), (std::vector<std::string>{"failing", "throwing", "odd", "robot"}));
}

TEST_F(ListingQueueTest, TheSameWishWaitsOnce) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(queue_.add({"robot", {}, false}));
  ASSERT_TRUE(queue_.add({"robot", Direction::ToInter, false}));
  ASSERT_TRUE(queue_.add({"robot", {}, true}));
  ASSERT_TRUE(queue_.add({"last", {}, false}));
  queue_.start();
  ASSERT_TRUE(eventually([&] { return seen().size() >= 4 && seen().back() == "last"; }));
  EXPECT_EQ(seen().size(), 4U);
}

TEST_F(ListingQueueTest, IsBounded) {
  for (std::size_t i = 0; i < ListingQueue::kLimit; ++i)
    ASSERT_TRUE(queue_.add({"r" + std::to_string(i), {}, false}));
  const auto refused = queue_.add({"one more", {}, false});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Unavailable);
}

TEST_F(ListingQueueTest, StopGivesUpWhatWaitsAndTakesNoMore) {
  ASSERT_TRUE(queue_.add({"robot", {}, false}));
  queue_.stop();
  EXPECT_TRUE(seen().empty());
  const auto refused = queue_.add({"robot", {}, false});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("stopping"), std::string::npos);
}

}  // namespace
}  // namespace gitferry

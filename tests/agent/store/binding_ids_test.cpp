#include <set>

#include <gtest/gtest.h>

#include "tests/agent/store/store_fixture.h"

namespace gitferry {
namespace {

BindingNames many(int repositories, int branches) {
  BindingNames names;
  for (int repository = 0; repository < repositories; ++repository) {
    names.repositories.push_back("r" + std::to_string(repository));
    for (int branch = 0; branch < branches; ++branch) {
      const auto name = "b" + std::to_string(branch);
      names.branches.push_back({names.repositories.back(), name, name});
    }
  }
  return names;
}

TEST_F(StoreTest, BindingIdsAreAllottedOnceAndStay) {
  const auto names = many(50, 3);
  const auto first_seen_ms = now_ms();
  const auto first = store().binding_ids(names).value();
  ASSERT_EQ(first.repositories.size(), 50U);
  ASSERT_EQ(first.branches.size(), 150U);
  std::set<std::int64_t> seen;
  for (const auto& id : first.branches) {
    EXPECT_GT(id.id, 0);
    EXPECT_EQ(id.created_at_ms, first_seen_ms);
    EXPECT_TRUE(seen.insert(id.id).second);
  }
  reopen();
  clock_.advance(std::chrono::hours(1));
  const auto before = store().counters();
  const auto again = store().binding_ids(names).value();
  EXPECT_EQ(store().counters().jobs, before.jobs) << "nothing is written for names that are known";
  for (std::size_t i = 0; i < 50; ++i) {
    EXPECT_EQ(again.repositories[i].id, first.repositories[i].id);
    EXPECT_EQ(again.repositories[i].created_at_ms, first_seen_ms);
  }
  for (std::size_t i = 0; i < 150; ++i) EXPECT_EQ(again.branches[i].id, first.branches[i].id);
}

TEST_F(StoreTest, ANewBindingAmongKnownOnesGetsItsOwnIdAndTime) {
  const auto known = store().binding_ids({{"a"}, {{"a", "main", "main"}}}).value();
  clock_.advance(std::chrono::minutes(1));
  const auto ids =
      store()
          .binding_ids({{"b", "a"}, {{"a", "main", "stable"}, {"a", "main", "main"}, {"b", "x", "x"}}})
          .value();
  EXPECT_EQ(ids.repositories[1].id, known.repositories[0].id);
  EXPECT_NE(ids.repositories[0].id, known.repositories[0].id);
  EXPECT_EQ(ids.repositories[0].created_at_ms, now_ms());
  EXPECT_EQ(ids.branches[1].id, known.branches[0].id);
  EXPECT_EQ(ids.branches[1].created_at_ms, known.branches[0].created_at_ms);
  EXPECT_EQ(std::set({ids.branches[0].id, ids.branches[1].id, ids.branches[2].id}).size(), 3U);
}

TEST_F(StoreTest, NamesThatComeTwiceShareAnId) {
  const auto ids = store().binding_ids({{"a", "a"}, {{"a", "main", "main"}, {"a", "main", "main"}}}).value();
  EXPECT_EQ(ids.repositories[0].id, ids.repositories[1].id);
  EXPECT_EQ(ids.branches[0].id, ids.branches[1].id);
}

TEST_F(StoreTest, TheAddressesThatWereNotedLastStayWithTheId) {
  const auto noted = [&] { return store().binding_ids({{"robot", "other"}, {}}).value().repositories; };
  EXPECT_EQ(noted()[0].addresses, "");
  OverrideChange change;
  change.addresses = {{"robot", "first"}, {"unknown", "x"}};
  ASSERT_TRUE(store().change_overrides(change));
  reopen();
  EXPECT_EQ(noted()[0].addresses, "first");
  EXPECT_EQ(noted()[1].addresses, "");
  change.addresses = {{"robot", ""}};
  ASSERT_TRUE(store().change_overrides(change));
  EXPECT_EQ(noted()[0].addresses, "");
}

TEST_F(StoreTest, ALaneAndItsBindingShareAnId) {
  const auto marked_id = lane(marked(mark_of("main")).marked[0].lane_id).branch_id;
  const auto id = store().binding_ids({{}, {{"robot", "main", "main"}}}).value().branches[0];
  EXPECT_EQ(id.id, marked_id);
  EXPECT_EQ(id.created_at_ms, now_ms());
}

}  // namespace
}  // namespace gitferry

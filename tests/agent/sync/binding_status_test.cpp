#include "agent/sync/binding_status.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/agent/sync/status_fixture.h"

namespace gitferry {
namespace {

TEST_F(BindingStatusTest, SaysHowABranchStandsInOneWord) {
  auto& robot = add("robot", {"never", "pending", "good", "failed", "retrying", "crashed", "again", "off"});
  robot.branches.back().enabled = false;
  mark("robot", "pending");
  run(mark("robot", "good"));
  run(mark("robot", "failed"), ErrorCode::Diverged);
  run(mark("robot", "retrying"), ErrorCode::Timeout);
  run(mark("robot", "again"));
  mark("robot", "again");
  run(mark("robot", "off"), ErrorCode::Diverged);
  crash("robot", "crashed");
  EXPECT_EQ(state("robot", "never"), SyncState::Never);
  EXPECT_EQ(state("robot", "pending"), SyncState::Pending);
  EXPECT_EQ(state("robot", "good"), SyncState::InSync);
  EXPECT_EQ(state("robot", "failed"), SyncState::Failed);
  EXPECT_EQ(state("robot", "retrying"), SyncState::Retrying);
  EXPECT_EQ(state("robot", "crashed"), SyncState::Quarantined);
  EXPECT_EQ(state("robot", "again"), SyncState::Pending);
  EXPECT_EQ(state("robot", "off"), SyncState::Disabled);
  robot.enabled = false;
  EXPECT_EQ(state("robot", "good"), SyncState::Disabled);
}

TEST_F(BindingStatusTest, HasAStableWordForEachState) {
  std::string words;
  for (const auto state : {SyncState::Quarantined, SyncState::Failed, SyncState::Retrying, SyncState::Pending,
                           SyncState::Never, SyncState::InSync, SyncState::Disabled}) {
    words += std::string(name_of(state)) + " ";
  }
  EXPECT_EQ(words, "quarantined failed retrying pending never_synced in_sync disabled ");
}

TEST_F(BindingStatusTest, PagesThroughAllBindingsWithoutRepeatingOrSkipping) {
  add("a", {"2", "1", "3"});
  add("b", {});
  add("c", {"x"});
  add("d", {});
  for (const auto* branch : {"w2", "w1"}) mark("b", branch);
  const std::string all = "a:2 a:1 a:3 b:w1 b:w2 c:x ";
  EXPECT_EQ(text_of(page(1, 100).rows), all);
  for (std::int64_t size = 1; size <= 7; ++size) {
    std::string together;
    for (std::int64_t number = 1; number <= 7; ++number) {
      const auto found = page(number, size);
      EXPECT_EQ(found.total, 6);
      EXPECT_LE(found.rows.size(), static_cast<std::size_t>(size));
      together += text_of(found.rows);
    }
    EXPECT_EQ(together, all) << "pages of " << size;
  }
  EXPECT_TRUE(page(INT64_MAX, INT64_MAX).rows.empty());
  EXPECT_EQ(text_of(page(0, 0).rows), "a:2 ") << "what is out of bounds is brought into them";
}

TEST_F(BindingStatusTest, ShowsOneRepositoryAlone) {
  add("a", {"1"});
  add("b", {"1", "2"});
  EXPECT_EQ(text_of(page(1, 10, "b").rows), "b:1 b:2 ");
  EXPECT_EQ(page(1, 10, "b").total, 2);
  const auto unknown = branch_statuses(bindings_, store(), "none", {});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::RepositoryUnknown);
}

TEST_F(BindingStatusTest, TakesIdsOfBoundBranchesFromTheBindingAndOthersFromTheLane) {
  add("bound", {"main"});
  add("whole", {});
  mark("whole", "main");
  const auto rows = page(1, 10).rows;
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].branch_id, 101);
  EXPECT_FALSE(rows[0].lane);
  ASSERT_TRUE(rows[1].lane);
  EXPECT_EQ(rows[1].branch_id, rows[1].lane->branch_id);
  EXPECT_NE(rows[1].branch_id, 0);
}

TEST_F(BindingStatusTest, DoesNotShowLanesThatAreBoundNoMore) {
  add("robot", {"main"});
  mark("robot", "main");
  mark("robot", "old");
  EXPECT_EQ(text_of(page(1, 10).rows), "robot:main ");
  add("whole", {});
  const LaneMark renamed{{"whole", "refs/heads/main", "refs/heads/stable"}, Direction::ToOuter};
  marked(renamed);
  EXPECT_EQ(state("whole", "main"), SyncState::Disabled) << "nothing syncs a pair of unlike names there";
}

TEST_F(BindingStatusTest, AnswersForChosenBranchesInTheirOrder) {
  const auto& robot = add("robot", {"a", "b", "c"});
  run(mark("robot", "b"));
  const auto rows = branch_statuses_of(robot, {robot.branches[1], robot.branches[0]}, store()).value();
  EXPECT_EQ(text_of(rows), "robot:b robot:a ");
  EXPECT_EQ(rows[0].state, SyncState::InSync);
  EXPECT_TRUE(branch_statuses_of(robot, {}, store()).value().empty());
}

TEST_F(BindingStatusTest, SumsARepositoryUpByItsMostUrgentEnabledBranch) {
  auto& robot = add("robot", {"a", "b", "c", "d"});
  EXPECT_EQ(sum("robot").state, SyncState::Never);
  for (const auto* branch : {"a", "b", "c", "d"}) run(mark("robot", branch));
  EXPECT_EQ(sum("robot").state, SyncState::InSync);
  EXPECT_EQ(sum("robot").branches, 4);
  EXPECT_EQ(sum("robot").last_success_at_ms, now_ms());
  const auto synced_at = now_ms();
  clock_.advance(std::chrono::seconds(60));
  mark("robot", "a");
  EXPECT_EQ(sum("robot").state, SyncState::Pending);
  run(mark("robot", "b"), ErrorCode::Timeout);
  EXPECT_EQ(sum("robot").state, SyncState::Retrying);
  EXPECT_EQ(sum("robot").next_attempt_at_ms, now_ms() + 5'000);
  clock_.advance(std::chrono::seconds(1));
  run(mark("robot", "d"), ErrorCode::Timeout);
  EXPECT_EQ(sum("robot").next_attempt_at_ms, now_ms() + 4'000) << "the earliest";
  run(mark("robot", "c"), ErrorCode::Diverged);
  EXPECT_EQ(sum("robot").state, SyncState::Failed);
  EXPECT_EQ(sum("robot").last_success_at_ms, synced_at);
  robot.branches[2].enabled = false;
  EXPECT_EQ(sum("robot").state, SyncState::Retrying) << "a disabled branch does not count";
  for (auto& branch : robot.branches) branch.enabled = false;
  EXPECT_EQ(sum("robot").state, SyncState::Disabled);
  EXPECT_EQ(sum("robot").next_attempt_at_ms, 0);
}

TEST_F(BindingStatusTest, SumsUpWholeAndEmptyAndDisabledRepositoriesInOrder) {
  add("whole", {});
  add("fresh", {});
  auto& none = add("none", {});
  none.granularity = Granularity::One;
  add("off", {"a"}).enabled = false;
  run(mark("whole", "a"));
  run(mark("whole", "b"), ErrorCode::Diverged);
  run(mark("off", "a"), ErrorCode::Diverged);
  std::vector<const RepositoryBinding*> asked;
  for (const auto* name : {"off", "whole", "none", "fresh"})
    asked.push_back(&bindings_.repositories.at(name));
  const auto sums = repository_statuses(asked, store()).value();
  ASSERT_EQ(sums.size(), 4U);
  EXPECT_EQ(sums[0].state, SyncState::Disabled);
  EXPECT_EQ(sums[1].state, SyncState::Failed);
  EXPECT_EQ(sums[1].branches, 2);
  EXPECT_EQ(sums[2].state, SyncState::Never);
  EXPECT_EQ(sums[3].state, SyncState::Never);
  EXPECT_EQ(sums[3].branches, 0);
  EXPECT_TRUE(repository_statuses({}, store()).value().empty());
}

TEST_F(BindingStatusTest, TagsComeAfterTheBranchesOfTheirRepository) {
  auto& robot = add("robot", {"main", "v1"});
  add("zebra", {"main"});
  for (const auto* ref : {"refs/tags/v1", "refs/tags/v2"}) marked({{"robot", ref, ref}, Direction::ToOuter});
  marked({{"robot", "refs/heads/unbound", "refs/heads/unbound"}, Direction::ToOuter});
  EXPECT_EQ(page(1, 100).total, 3) << "tags are not synced";
  robot.tags = Tags::All;
  std::vector<std::string> refs;
  for (int number = 1; number <= 3; ++number) {
    const auto rows = page(number, 2);
    EXPECT_EQ(rows.total, 5);
    for (const auto& row : rows.rows) refs.push_back(row.key.internal_ref);
  }
  EXPECT_EQ(refs, (std::vector<std::string>{"refs/heads/main", "refs/heads/v1", "refs/tags/v1",
                                            "refs/tags/v2", "refs/heads/main"}));
  EXPECT_EQ(sum("robot").branches, 4);
  EXPECT_EQ(sum("robot").state, SyncState::Pending);
}

TEST_F(BindingStatusTest, TagsOfAWholeRepositoryThatAreNotSyncedAnyMoreAreOff) {
  auto& whole = add("whole", {});
  whole.granularity = Granularity::All;
  marked({{"whole", "refs/tags/v1", "refs/tags/v1"}, Direction::ToOuter});
  EXPECT_EQ(page(1, 10, "whole").rows.at(0).state, SyncState::Disabled);
  whole.tags = Tags::All;
  EXPECT_EQ(page(1, 10, "whole").rows.at(0).state, SyncState::Pending);
}

}  // namespace
}  // namespace gitferry

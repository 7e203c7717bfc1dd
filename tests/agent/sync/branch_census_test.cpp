#include "agent/sync/branch_census.h"

#include <map>
#include <string>

#include <gtest/gtest.h>

#include "tests/agent/sync/status_fixture.h"

namespace gitferry {
namespace {

class BranchCensusTest : public BindingStatusTest {
 protected:
  /// Branches in every state: a whole repository, one with tags, one that is switched off, and what is left
  /// of bindings that there were.
  void bind_some() {
    add("robot", {"never", "pending", "good", "failed", "diverged", "retrying", "crashed"});
    crash("robot", "crashed");  // first: a start has every planned attempt made at once
    mark("robot", "pending");
    run(mark("robot", "good"));
    run(mark("robot", "failed"), ErrorCode::AuthenticationFailed);
    run(mark("robot", "diverged"), ErrorCode::Diverged);
    run(mark("robot", "retrying"), ErrorCode::Timeout);
    mark("robot", "bound-no-more");
    mark("gone", "main");
    add("tagged", {"main"}).tags = Tags::All;
    marked({{"tagged", "refs/tags/v1", "refs/tags/v1"}, Direction::ToOuter});
    add("whole", {});
    for (const auto* branch : {"b", "Feature", "a"}) run(mark("whole", branch));
    add("off", {"main"}).enabled = false;
    run(mark("off", "main"), ErrorCode::Diverged);
    mark("zuletzt", "main");
  }
  BranchCensus census(const CensusLimits& limits = {}) {
    return branch_census(bindings_, store(), limits, now_ms()).value();
  }
  static std::map<std::string, bool> in_sync(const BranchCensus& found) {
    std::map<std::string, bool> named;
    for (const auto& branch : found.branches)
      named[branch.repository + " " + branch.branch] = branch.is_in_sync;
    return named;
  }
  static std::map<std::string, std::int64_t> out_of_sync(const BranchCensus& found) {
    std::map<std::string, std::int64_t> counts;
    for (const auto& repository : found.repositories) counts[repository.name] = repository.out_of_sync;
    return counts;
  }
};

using Named = std::map<std::string, bool>;
using Counts = std::map<std::string, std::int64_t>;

TEST_F(BranchCensusTest, CountsWhatTheStatusShows) {
  bind_some();
  const auto found = census();
  EXPECT_EQ(found.standings, status_overview(bindings_, store(), {}, {}, {1, 1, false}).value().counts);
  for (const auto count : found.standings) EXPECT_GT(count, 0);
}

TEST_F(BranchCensusTest, NamesBoundBranchesThatWereEverToBeSynced) {
  bind_some();
  const auto found = census();
  EXPECT_EQ(in_sync(found), (Named{{"robot pending", false},
                                   {"robot good", true},
                                   {"robot failed", false},
                                   {"robot diverged", false},
                                   {"robot retrying", false},
                                   {"robot crashed", false},
                                   {"tagged refs/tags/v1", false},
                                   {"whole Feature", true},
                                   {"whole a", true},
                                   {"whole b", true}}));
  EXPECT_EQ(out_of_sync(found), (Counts{{"robot", 5}, {"tagged", 1}, {"whole", 0}}));
  EXPECT_EQ(found.left_out, 0);
  for (const auto& branch : found.branches)
    EXPECT_EQ(branch.last_success_at_ms, branch.is_in_sync ? now_ms() : 0) << branch.branch;
}

TEST_F(BranchCensusTest, CountsTheQueueBoundOrNot) {
  bind_some();
  const auto found = census();
  EXPECT_EQ(found.due, 5) << "pending, bound-no-more, gone, the tag, zuletzt";
  EXPECT_EQ(found.backing_off, 1);
  EXPECT_EQ(found.quarantined, 1);
}

TEST_F(BranchCensusTest, TellsRenamedBranchesApart) {
  auto& binding = add("robot", {"main"});
  binding.branches.push_back({"main", "stable", true});
  run(mark("robot", "main"));
  marked({{"robot", "refs/heads/main", "refs/heads/stable"}, Direction::ToOuter});
  EXPECT_EQ(in_sync(census()), (Named{{"robot main", true}, {"robot main:stable", false}}));
}

TEST_F(BranchCensusTest, ABranchThatIsSwitchedOffHasNoSeries) {
  add("robot", {"main", "frozen"}).branches[1].enabled = false;
  for (const auto* branch : {"main", "frozen"}) run(mark("robot", branch), ErrorCode::Diverged);
  const auto found = census();
  EXPECT_EQ(in_sync(found), (Named{{"robot main", false}}));
  EXPECT_EQ(out_of_sync(found), (Counts{{"robot", 1}}));
}

TEST_F(BranchCensusTest, BeyondTheLimitsBranchesAreOnlyCounted) {
  add("a", {});
  add("b", {});
  for (int i = 0; i < 5; ++i) {
    mark("a", "n" + std::to_string(i));
    mark("b", "n" + std::to_string(i));
  }
  const auto found = census({3, 4});
  EXPECT_EQ(in_sync(found), (Named{{"a n0", false}, {"a n1", false}, {"a n2", false}, {"b n0", false}}));
  EXPECT_EQ(found.left_out, 6);
  EXPECT_EQ(out_of_sync(found), (Counts{{"a", 5}, {"b", 5}}));
  EXPECT_EQ(found.standings.at(static_cast<std::size_t>(Standing::Pending)), 10);
}

TEST_F(BranchCensusTest, LooksThroughMoreLanesThanItReadsAtOnce) {
  add("whole", {});
  std::vector<LaneMark> marks;
  for (int i = 0; i < 1300; ++i)
    marks.push_back({lane_key("n" + std::to_string(i), "whole"), Direction::ToOuter});
  ASSERT_TRUE(store().mark_lanes(marks, Trigger::Manual));
  const auto found = census({5000, 5000});
  EXPECT_EQ(in_sync(found).size(), 1300U);
  EXPECT_EQ(found.due, 1300);
}

}  // namespace
}  // namespace gitferry

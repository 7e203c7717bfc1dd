#include "agent/sync/two_way.h"

#include <gtest/gtest.h>

namespace gitferry {
namespace {

const LaneKey kLane{"robot", "refs/heads/main", "refs/heads/trunk"};

ObjectId tip(char digit) {
  return ObjectId::from_hex(std::string(40, digit)).value();
}

RunReport failed(ErrorCode code, Plan plan, char source, char target) {
  RunReport report;
  report.plan = plan;
  if (source != '-') report.source_tip = tip(source);
  if (target != '-') report.target_tip_before = report.target_tip_after = tip(target);
  report.error = Error{code, "what the engine says", "", std::nullopt};
  return report;
}

RunReport succeeded(Plan plan) {
  RunReport report;
  report.plan = plan;
  report.source_tip = report.target_tip_after = tip('b');
  return report;
}

TEST(TwoWay, GoesTheOtherWayWhereTheSourceIsBehindOrLacksTheRef) {
  EXPECT_TRUE(may_go_the_other_way(failed(ErrorCode::Diverged, Plan::Refuse, 'a', 'b')));
  EXPECT_TRUE(may_go_the_other_way(failed(ErrorCode::BranchMissing, Plan::Undecided, '-', 'b')));
  EXPECT_TRUE(may_go_the_other_way(failed(ErrorCode::ProtectedBranch, Plan::Refuse, '-', 'b')))
      << "a default branch that is not to be deleted comes back";
  for (const auto code : {ErrorCode::LimitExceeded, ErrorCode::LeaseLost, ErrorCode::Timeout,
                          ErrorCode::AuthenticationFailed, ErrorCode::RejectedByRemote}) {
    EXPECT_FALSE(may_go_the_other_way(failed(code, Plan::Refuse, 'a', 'b'))) << info(code).name;
  }
  EXPECT_FALSE(may_go_the_other_way(failed(ErrorCode::ProtectedBranch, Plan::FastForward, 'a', 'b')));
  EXPECT_FALSE(may_go_the_other_way(succeeded(Plan::Nothing)));
}

TEST(TwoWay, WhatTheOtherWayBroughtIsWhatHappened) {
  const DirectedReport first{failed(ErrorCode::Diverged, Plan::Refuse, 'a', 'b'), Direction::ToOuter};
  auto ended = ended_both_ways(kLane, first, succeeded(Plan::FastForward));
  EXPECT_EQ(ended.direction, Direction::ToInter);
  EXPECT_FALSE(ended.report.error);
  ended = ended_both_ways(kLane, first, failed(ErrorCode::Timeout, Plan::FastForward, 'b', 'a'));
  EXPECT_EQ(ended.direction, Direction::ToInter);
  EXPECT_EQ(ended.report.error->code, ErrorCode::Timeout);
}

TEST(TwoWay, AConflictNamesBothTipsAndWhatToDo) {
  for (const auto direction : {Direction::ToOuter, Direction::ToInter}) {
    const bool out = direction == Direction::ToOuter;
    const DirectedReport first{failed(ErrorCode::Diverged, Plan::Refuse, out ? 'a' : 'b', out ? 'b' : 'a'),
                               direction};
    const auto ended = ended_both_ways(
        kLane, first, failed(ErrorCode::Diverged, Plan::Refuse, out ? 'b' : 'a', out ? 'a' : 'b'));
    EXPECT_EQ(ended.direction, direction);
    ASSERT_TRUE(ended.report.error);
    EXPECT_EQ(info(ended.report.error->code).code_status, 20010);
    const auto text = ended.report.error->text();
    for (const auto& part : {"both sides have commits of their own", "internal refs/heads/main is aaaaaaaa",
                             "external refs/heads/trunk is bbbbbbbb", "nothing was changed", "force"}) {
      EXPECT_NE(text.find(part), std::string::npos) << text;
    }
  }
}

TEST(TwoWay, ARefThatBothSidesLackIsMissing) {
  const DirectedReport first{failed(ErrorCode::BranchMissing, Plan::Undecided, '-', '-'), Direction::ToInter};
  const auto ended =
      ended_both_ways(kLane, first, failed(ErrorCode::BranchMissing, Plan::Undecided, '-', '-'));
  EXPECT_EQ(ended.direction, Direction::ToInter);
  EXPECT_EQ(ended.report.error->code, ErrorCode::BranchMissing);
}

}  // namespace
}  // namespace gitferry

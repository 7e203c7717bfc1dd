#include "agent/sync/reconcile_comparison.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/agent/sync/sync_fixture.h"

namespace gitferry {
namespace {

ObjectId tip(char digit) {
  return ObjectId::from_hex(std::string(40, digit)).value();
}

/// A repository whose branch b0 is at 'a' on the source and at 'b' on the target, and nothing else differs.
class ReconcileComparisonTest : public ::testing::Test {
 protected:
  ReconcileComparisonTest() {
    binding_.branches.resize(3);
    listings_.source = {{"refs/heads/b0", tip('a')}, {"refs/heads/b1", tip('c')}};
    listings_.target = {
        {"refs/heads/b0", tip('b')}, {"refs/heads/b1", tip('c')}, {"refs/heads/b2", tip('d')}};
  }
  /// b0's lane, whose last run ended well at the tips that are listed for the target.
  static LaneRow lane() {
    LaneRow row;
    row.key = lane_key("b0");
    row.requested_seq = row.done_seq = 3;
    row.last_direction = Direction::ToOuter;
    row.source_tip = row.target_tip = std::string(40, 'b');
    row.last_run_at_ms = 50;
    return row;
  }
  static LaneRow refused(ErrorCode code) {
    auto row = lane();
    row.source_tip = std::string(40, 'a');
    row.last_error = info(code).name;
    return row;
  }
  std::vector<std::string> marked(const std::vector<LaneRow>& lanes = {}) {
    std::vector<std::string> refs;
    for (const auto& mark : differing_lanes(binding_, listings_, lanes, from_epoch_ms(100))) {
      refs.push_back(mark.key.internal_ref + " " + mark.key.external_ref);
      EXPECT_EQ(mark.direction, binding_.direction);
      EXPECT_FALSE(mark.force);
    }
    return refs;
  }
  const std::vector<std::string> nothing_;
  const std::vector<std::string> b0_{"refs/heads/b0 refs/heads/b0"};

  RepositoryBinding binding_ = binding_between("robot", "in", "out");
  BothListings listings_;
};

TEST_F(ReconcileComparisonTest, BoundBranchesThatDifferAreMarkedAndWhatTheSourceLacksIsLeftAlone) {
  EXPECT_EQ(marked(), b0_);
  EXPECT_EQ(marked({lane()}), b0_);
}

TEST_F(ReconcileComparisonTest, ABranchThatTheTargetLacksDiffers) {
  listings_.target.erase(listings_.target.begin());
  EXPECT_EQ(marked(), b0_);
  listings_.target.clear();
  EXPECT_EQ(marked().size(), 2U);
}

TEST_F(ReconcileComparisonTest, AnEmptySourceMarksNothing) {
  listings_.source.clear();
  EXPECT_EQ(marked(), nothing_);
  binding_.granularity = Granularity::All;
  EXPECT_EQ(marked(), nothing_);
}

TEST_F(ReconcileComparisonTest, DisabledAndUnboundBranchesAreLeftAlone) {
  binding_.branches[0].enabled = false;
  EXPECT_EQ(marked(), nothing_);
  binding_.branches.erase(binding_.branches.begin());
  EXPECT_EQ(marked(), nothing_);
}

TEST_F(ReconcileComparisonTest, RenamedBranchesAreComparedByTheirNamesOnEachSideInBothDirections) {
  binding_.branches = {{"b0", "theirs", true}};
  listings_.target = {{"refs/heads/theirs", tip('a')}};
  EXPECT_EQ(marked(), nothing_);
  listings_.target = {{"refs/heads/theirs", tip('b')}};
  EXPECT_EQ(marked(), (std::vector<std::string>{"refs/heads/b0 refs/heads/theirs"}));
  binding_.direction = Direction::ToInter;
  std::swap(listings_.source, listings_.target);
  EXPECT_EQ(marked(), (std::vector<std::string>{"refs/heads/b0 refs/heads/theirs"}));
}

TEST_F(ReconcileComparisonTest, OfAWholeRepositoryEveryBranchOfTheSourceWithATakenName) {
  binding_.granularity = Granularity::All;
  binding_.branches.clear();
  listings_.source = {
      {"refs/heads/-bad", tip('1')}, {"refs/heads/b0", tip('a')}, {"refs/heads/new/x", tip('e')}};
  EXPECT_EQ(marked(),
            (std::vector<std::string>{"refs/heads/b0 refs/heads/b0", "refs/heads/new/x refs/heads/new/x"}));
}

TEST_F(ReconcileComparisonTest, PendingAndQuarantinedLanesAreNotMarkedAgain) {
  auto pending = lane();
  ++pending.requested_seq;
  EXPECT_EQ(marked({pending}), nothing_);
  auto aside = lane();
  aside.quarantined = true;
  EXPECT_EQ(marked({aside}), nothing_);
}

TEST_F(ReconcileComparisonTest, ADivergenceIsMarkedAgainOnlyAtOtherTips) {
  const auto diverged = refused(ErrorCode::Diverged);
  EXPECT_EQ(marked({diverged}), nothing_);
  auto source_moved = diverged;
  source_moved.source_tip = std::string(40, '9');
  EXPECT_EQ(marked({source_moved}), b0_);
  auto target_moved = diverged;
  target_moved.target_tip = std::string(40, '9');
  EXPECT_EQ(marked({target_moved}), b0_);
  auto other_direction = diverged;
  other_direction.last_direction = Direction::ToInter;
  EXPECT_EQ(marked({other_direction}), b0_);
  listings_.target.erase(listings_.target.begin());
  EXPECT_EQ(marked({diverged}), b0_);
}

TEST_F(ReconcileComparisonTest, ADivergenceIsMarkedAgainWhereThePolicyWasChanged) {
  binding_.policy = Policy::Force;
  EXPECT_EQ(marked({refused(ErrorCode::Diverged)}), b0_);
}

TEST_F(ReconcileComparisonTest, ADivergenceIsMarkedAgainWhereTheBranchesPolicyWasChanged) {
  binding_.branches[0].policy = Policy::Force;
  EXPECT_EQ(marked({refused(ErrorCode::Diverged)}), b0_);
  binding_.policy = Policy::Force;
  binding_.branches[0].policy = Policy::FfOnly;
  EXPECT_EQ(marked({refused(ErrorCode::Diverged)}), nothing_);
}

TEST_F(ReconcileComparisonTest, FollowIsMarkedAgainOnlyWhereTheTargetIsWhatWasPutThere) {
  binding_.policy = Policy::Follow;
  auto diverged = refused(ErrorCode::Diverged);
  EXPECT_EQ(marked({diverged}), nothing_) << "nothing was ever put there";
  diverged.put_to_outer = std::string(40, '9');
  EXPECT_EQ(marked({diverged}), nothing_);
  diverged.put_to_inter = std::string(40, 'b');
  EXPECT_EQ(marked({diverged}), nothing_) << "that is the other side";
  diverged.put_to_outer = std::string(40, 'b');
  EXPECT_EQ(marked({diverged}), b0_) << "the policy was another one when it was refused";
}

TEST_F(ReconcileComparisonTest, WhatMayBeMendedIsMarkedAgainAtTheSameTips) {
  for (const auto code : {ErrorCode::AuthenticationFailed, ErrorCode::AccessDenied, ErrorCode::SshKeyRefused,
                          ErrorCode::ProtectedBranch, ErrorCode::RejectedByRemote, ErrorCode::BranchMissing})
    EXPECT_EQ(marked({refused(code)}), b0_) << info(code).name;
}

TEST_F(ReconcileComparisonTest, AFailureIsClearedByARunWhereTheTipsAreEqualByNow) {
  listings_.target[0].tip = tip('a');
  EXPECT_EQ(marked({lane()}), nothing_);
  EXPECT_EQ(marked({refused(ErrorCode::AccessDenied)}), b0_);
  EXPECT_EQ(marked({refused(ErrorCode::Diverged)}), b0_);
}

TEST_F(ReconcileComparisonTest, WhatARunBroughtIntoStepSinceTheListingIsNotMarked) {
  auto ran = lane();
  ran.source_tip = ran.target_tip = std::string(40, 'a');
  ran.last_run_at_ms = 100;
  EXPECT_EQ(marked({ran}), nothing_);
  auto earlier = ran;
  earlier.last_run_at_ms = 99;
  EXPECT_EQ(marked({earlier}), b0_) << "somebody moved the target since";
  auto elsewhere = ran;
  elsewhere.target_tip = std::string(40, '9');
  EXPECT_EQ(marked({elsewhere}), b0_) << "the listing is newer than what the run saw";
}

}  // namespace
}  // namespace gitferry

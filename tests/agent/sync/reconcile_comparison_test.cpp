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
    listings_.internal = {{"refs/heads/b0", tip('a')}, {"refs/heads/b1", tip('c')}};
    listings_.external = {
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
    for (const auto& mark : differing_lanes(binding_, listings_, lanes, from_epoch_ms(100)).marks) {
      refs.push_back(mark.key.internal_ref + " " + mark.key.external_ref);
      EXPECT_EQ(mark.direction, first_direction(binding_.direction));
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
  listings_.external.erase(listings_.external.begin());
  EXPECT_EQ(marked(), b0_);
  listings_.external.clear();
  EXPECT_EQ(marked().size(), 2U);
}

TEST_F(ReconcileComparisonTest, AnEmptySourceMarksNothing) {
  listings_.internal.clear();
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
  listings_.external = {{"refs/heads/theirs", tip('a')}};
  EXPECT_EQ(marked(), nothing_);
  listings_.external = {{"refs/heads/theirs", tip('b')}};
  EXPECT_EQ(marked(), (std::vector<std::string>{"refs/heads/b0 refs/heads/theirs"}));
  binding_.direction = BindingDirection::ToInter;
  EXPECT_EQ(marked(), (std::vector<std::string>{"refs/heads/b0 refs/heads/theirs"}));
}

TEST_F(ReconcileComparisonTest, OfAWholeRepositoryEveryBranchOfTheSourceWithATakenName) {
  binding_.granularity = Granularity::All;
  binding_.branches.clear();
  listings_.internal = {
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
  std::swap(other_direction.source_tip, other_direction.target_tip);
  EXPECT_EQ(marked({other_direction}), b0_);
  listings_.external.erase(listings_.external.begin());
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
  listings_.external[0].tip = tip('a');
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

/// A two-way branch b0, and a branch that neither side ever changes.
class TwoWayComparisonTest : public ::testing::Test {
 protected:
  TwoWayComparisonTest() {
    binding_.branches.resize(1);
    binding_.direction = BindingDirection::Both;
    binding_.deletions = Deletions::Propagate;
  }
  /// The direction of b0's mark, with these tips and the tip that both sides had; '-': none.
  std::string way(char internal, char external, char common) {
    std::vector<LaneRow> rows;
    if (common != '-') {
      auto& row = rows.emplace_back();
      row.key = lane_key("b0");
      row.last_direction = Direction::ToInter;
      row.last_run_at_ms = 50;
      row.common_tip = row.source_tip = row.target_tip = std::string(40, common);
    }
    return way(internal, external, rows);
  }
  std::string way(char internal, char external, const std::vector<LaneRow>& rows) {
    BothListings listings;
    if (has_others_) listings.internal = listings.external = {{"refs/heads/aside", tip('9')}};
    if (internal != '-') listings.internal.push_back({"refs/heads/b0", tip(internal)});
    if (external != '-') listings.external.push_back({"refs/heads/b0", tip(external)});
    const auto marks = differing_lanes(binding_, listings, rows, from_epoch_ms(100)).marks;
    return marks.empty() ? "none" : std::string(name_of(marks.at(0).direction));
  }

  RepositoryBinding binding_ = binding_between("robot", "in", "out");
  bool has_others_ = true;
};

TEST_F(TwoWayComparisonTest, GoesFromTheSideThatMoved) {
  EXPECT_EQ(way('a', 'a', 'a'), "none");
  EXPECT_EQ(way('b', 'a', 'a'), "to_outer");
  EXPECT_EQ(way('a', 'b', 'a'), "to_inter");
  EXPECT_EQ(way('b', 'c', 'a'), "to_outer") << "both moved: the run finds out";
  EXPECT_EQ(way('b', 'c', '-'), "to_outer");
}

TEST_F(TwoWayComparisonTest, WhatOneSideAloneHasGoesToTheOther) {
  EXPECT_EQ(way('a', '-', '-'), "to_outer");
  EXPECT_EQ(way('-', 'a', '-'), "to_inter");
  EXPECT_EQ(way('-', '-', '-'), "none");
  EXPECT_EQ(way('b', '-', 'a'), "to_outer") << "it was changed after the other side deleted it";
  EXPECT_EQ(way('-', 'b', 'a'), "to_inter");
}

TEST_F(TwoWayComparisonTest, ADeletionComesFromTheSideThatLacksIt) {
  EXPECT_EQ(way('a', '-', 'a'), "to_inter");
  EXPECT_EQ(way('-', 'a', 'a'), "to_outer");
  EXPECT_EQ(way('-', '-', 'a'), "to_outer") << "so that it is known that it is gone on both sides";
  binding_.deletions = Deletions::Ignore;
  EXPECT_EQ(way('a', '-', 'a'), "to_outer");
  EXPECT_EQ(way('-', 'a', 'a'), "to_inter");
}

TEST_F(TwoWayComparisonTest, ASideThatListsNothingDeletesNothing) {
  has_others_ = false;
  EXPECT_EQ(way('a', '-', 'a'), "to_outer");
  EXPECT_EQ(way('-', 'a', 'a'), "to_inter");
}

TEST_F(TwoWayComparisonTest, AConflictIsMarkedAgainOnlyAtOtherTips) {
  LaneRow row;
  row.key = lane_key("b0");
  row.last_direction = Direction::ToInter;
  row.last_error = info(ErrorCode::Diverged).name;
  row.last_run_at_ms = 50;
  row.source_tip = std::string(40, 'c');
  row.target_tip = std::string(40, 'b');
  row.common_tip = std::string(40, 'a');
  EXPECT_EQ(way('b', 'c', {row}), "none");
  EXPECT_EQ(way('d', 'c', {row}), "to_outer");
  EXPECT_EQ(way('b', 'd', {row}), "to_outer");
  EXPECT_EQ(way('b', 'b', {row}), "to_outer") << "it is cleared by a run";
}

/// A whole repository of ten branches that both sides had, of which some are gone at the source.
class DeletionComparisonTest : public ::testing::Test {
 protected:
  DeletionComparisonTest() {
    binding_.granularity = Granularity::All;
    binding_.branches.clear();
    binding_.deletions = Deletions::Propagate;
    for (int i = 0; i < 30; ++i) {
      const auto ref = "refs/heads/b" + std::to_string(i);
      listings_.external.push_back({ref, tip('a')});
      auto& row = rows_.emplace_back();
      row.key = {"robot", ref, ref};
      row.last_direction = Direction::ToOuter;
      row.last_run_at_ms = 50;
      row.common_tip = row.source_tip = row.target_tip = std::string(40, 'a');
    }
    listings_.internal = listings_.external;
  }
  void lose(int count) {
    listings_.internal.erase(listings_.internal.begin(), listings_.internal.begin() + count);
  }
  Differences differences() { return differing_lanes(binding_, listings_, rows_, from_epoch_ms(100)); }

  RepositoryBinding binding_ = binding_between("robot", "in", "out");
  BothListings listings_;
  std::vector<LaneRow> rows_;
};

TEST_F(DeletionComparisonTest, WhatIsGoneAtTheSourceIsMarked) {
  EXPECT_TRUE(differences().marks.empty());
  lose(5);
  EXPECT_EQ(differences().marks.size(), 5U);
  binding_.deletions = Deletions::Ignore;
  EXPECT_TRUE(differences().marks.empty());
}

TEST_F(DeletionComparisonTest, MoreThanTheGuardAllowsAreLeftForSomebodyToLookAt) {
  lose(6);
  listings_.internal.back().tip = tip('b');
  const auto found = differences();
  EXPECT_EQ(found.withheld_deletions, 6U);
  ASSERT_EQ(found.marks.size(), 1U) << "what is no deletion goes on";
  EXPECT_EQ(found.marks[0].key.internal_ref, listings_.internal.back().ref);
}

TEST_F(DeletionComparisonTest, AnEmptySourceDeletesNothing) {
  rows_.resize(1);
  listings_.external.erase(listings_.external.begin() + 1, listings_.external.end());
  listings_.internal.clear();
  EXPECT_TRUE(differences().marks.empty());
  EXPECT_EQ(differences().withheld_deletions, 0U);
}

TEST_F(DeletionComparisonTest, WhatTheTargetHasOfItsOwnIsLeftAlone) {
  lose(2);
  listings_.external[0].tip = tip('b');
  rows_[1].common_tip.clear();
  EXPECT_TRUE(differences().marks.empty());
  rows_[1].put_to_outer = std::string(40, 'a');
  EXPECT_EQ(differences().marks.size(), 1U) << "gitferry put it there";
  binding_.policy = Policy::Force;
  EXPECT_EQ(differences().marks.size(), 2U);
}

TEST_F(DeletionComparisonTest, ARefusedDeletionIsMarkedAgainOnlyAtOtherTips) {
  lose(1);
  auto& row = rows_[0];
  row.source_tip.clear();
  row.last_error = info(ErrorCode::ProtectedBranch).name;
  EXPECT_TRUE(differences().marks.empty());
  row.last_error = info(ErrorCode::BranchMissing).name;
  EXPECT_EQ(differences().marks.size(), 1U) << "deletions were ignored then";
  row.last_error = info(ErrorCode::AuthenticationFailed).name;
  row.target_tip.clear();
  EXPECT_EQ(differences().marks.size(), 1U);
}

TEST_F(DeletionComparisonTest, OnceGoneOnBothSidesItIsNotMarkedAgain) {
  lose(1);
  listings_.external.erase(listings_.external.begin());
  EXPECT_EQ(differences().marks.size(), 1U) << "a run notes that it is gone";
  rows_[0].common_tip.clear();
  rows_[0].source_tip.clear();
  rows_[0].target_tip.clear();
  EXPECT_TRUE(differences().marks.empty());
}

TEST_F(DeletionComparisonTest, BoundBranchesAreDeletedByTheirOwnRule) {
  binding_.granularity = Granularity::One;
  binding_.branches = {{"b0", "b0"}, {"b1", "b1", true, std::nullopt, Deletions::Ignore}};
  lose(2);
  const auto found = differences();
  ASSERT_EQ(found.marks.size(), 1U);
  EXPECT_EQ(found.marks[0].key, lane_key("b0"));
}

TEST_F(DeletionComparisonTest, TagsAreComparedWhereTheyAreSynced) {
  binding_.granularity = Granularity::One;
  listings_.internal.push_back({"refs/tags/b0", tip('a')});
  listings_.internal.push_back({"refs/tags/-bad", tip('a')});
  EXPECT_TRUE(differences().marks.empty());
  binding_.tags = Tags::All;
  auto found = differences();
  ASSERT_EQ(found.marks.size(), 1U);
  EXPECT_EQ(found.marks[0].key, (LaneKey{"robot", "refs/tags/b0", "refs/tags/b0"}));
  listings_.external.push_back({"refs/tags/gone", tip('a')});
  auto& row = rows_.emplace_back(rows_[0]);
  row.key = {"robot", "refs/tags/gone", "refs/tags/gone"};
  EXPECT_EQ(differences().marks.size(), 2U);
}

}  // namespace
}  // namespace gitferry

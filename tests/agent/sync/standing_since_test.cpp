#include "agent/sync/standing_since.h"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace gitferry {
namespace {

/// A history, oldest first: a letter a run, each begun at ten times its place and ended five later. `p`
/// pushed, `n` found nothing to do, `f` failed, `r` runs, `i` was interrupted.
std::vector<RunMark> history(const std::string& letters) {
  std::vector<RunMark> runs;
  std::int64_t at = 0;
  for (const auto letter : letters) {
    at += 10;
    RunMark run;
    run.id = at;
    run.state = letter == 'r'   ? RunState::Running
                : letter == 'i' ? RunState::Interrupted
                                : RunState::Finished;
    run.plan = letter == 'n' ? "nothing" : "fast_forward";
    run.code_status = letter == 'f' ? 20010 : 0;
    run.started_at_ms = at;
    run.finished_at_ms = at + 5;
    runs.insert(runs.begin(), run);
  }
  return runs;
}

/// `21`, `21?` where it may have been before, `-` where it is not known.
std::string since(SyncState state, const std::string& letters, std::int64_t marked_at_ms = 0,
                  std::size_t limit = 20) {
  BranchStatus branch;
  branch.state = state;
  branch.lane.emplace();
  branch.lane->marked_at_ms = marked_at_ms;
  branch.lane->requested_seq = marked_at_ms != 0 ? 1 : 0;
  const auto found = standing_since(branch, history(letters), limit);
  if (!found) return "-";
  return std::to_string(found->at_ms) + (found->is_exact ? "" : "?");
}

TEST(StandingSince, InStepSinceTheRunThatMadeThemEqual) {
  EXPECT_EQ(since(SyncState::InSync, "p"), "15");
  EXPECT_EQ(since(SyncState::InSync, "ppnn"), "25");
  EXPECT_EQ(since(SyncState::InSync, "pfnn"), "35") << "somebody else mended it";
  EXPECT_EQ(since(SyncState::InSync, "pin"), "35");
  EXPECT_EQ(since(SyncState::InSync, "nn"), "15") << "they were equal at the first run";
}

TEST(StandingSince, BehindSinceTheFirstRunThatDidNotSucceed) {
  EXPECT_EQ(since(SyncState::Failed, "pf"), "20");
  EXPECT_EQ(since(SyncState::Failed, "pfff"), "20");
  EXPECT_EQ(since(SyncState::Failed, "fff"), "10");
  EXPECT_EQ(since(SyncState::Quarantined, "piii"), "20");
}

TEST(StandingSince, BehindSinceTheOldestMarkThatWaits) {
  EXPECT_EQ(since(SyncState::Pending, "p", 18), "18");
  EXPECT_EQ(since(SyncState::Pending, "", 18), "18") << "its first run is to come";
  EXPECT_EQ(since(SyncState::Pending, "pr", 18), "18");
  EXPECT_EQ(since(SyncState::Retrying, "pff", 18), "18");
  EXPECT_EQ(since(SyncState::Pending, "pf", 33), "20") << "it failed before, and was pushed to again";
}

TEST(StandingSince, WhatLiesBeforeTheRunsThatWereLookedAtIsNotExact) {
  EXPECT_EQ(since(SyncState::InSync, "nn", 0, 2), "15?");
  EXPECT_EQ(since(SyncState::InSync, "pn", 0, 2), "15");
  EXPECT_EQ(since(SyncState::Failed, "ff", 0, 2), "10?");
  EXPECT_EQ(since(SyncState::Failed, "pf", 0, 2), "20");
}

TEST(StandingSince, IsUnknownWhereNothingTellsIt) {
  EXPECT_EQ(since(SyncState::InSync, ""), "-") << "the runs are kept no longer";
  EXPECT_EQ(since(SyncState::Failed, ""), "-");
  EXPECT_EQ(since(SyncState::Failed, "p"), "-") << "it was ended without a run";
  EXPECT_EQ(since(SyncState::Never, ""), "-");
  EXPECT_EQ(since(SyncState::Disabled, "p"), "-");
  BranchStatus never_marked;
  never_marked.state = SyncState::Pending;
  EXPECT_FALSE(standing_since(never_marked, {}, 20));
}

}  // namespace
}  // namespace gitferry

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <stdexcept>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/log.h"
#include "agent/sync/lane_runner.h"
#include "tests/agent/sync/sync_fixture.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Error error_of(ErrorCode code) {
  return {code, "it went wrong", "", std::nullopt};
}

std::vector<LaneMark> marks_of(int count, const std::string& repository = "whole") {
  std::vector<LaneMark> marks;
  for (int i = 0; i < count; ++i)
    marks.push_back({lane_key("b" + std::to_string(i), repository), Direction::ToOuter});
  return marks;
}

/// Lanes of one repository that are due at the same time: `robot` of ten branches, `whole` of any.
class LaneBatchTest : public SyncTest {
 protected:
  LaneBatchTest() {
    auto whole = binding_between("whole", "in", "out");
    whole.granularity = Granularity::All;
    whole.branches.clear();
    set_bindings({binding_between("robot", "in", "out"), whole, binding_between("other", "in", "out")});
  }
  void mark(const std::vector<LaneMark>& marks) { ASSERT_TRUE(store().mark_lanes(marks, Trigger::Webhook)); }
  std::map<std::string, LaneRow> by_branch() {
    std::map<std::string, LaneRow> lanes;
    const auto rows = store().lanes().value();
    for (const auto& row : rows) lanes[row.key.internal_ref.substr(std::string("refs/heads/").size())] = row;
    return lanes;
  }
  void fail_all(int times, ErrorCode code) {
    hosts_.answer_with(std::vector<Error>(static_cast<std::size_t>(times), error_of(code)));
  }
};

using Sizes = std::vector<std::size_t>;

TEST_F(LaneBatchTest, LanesThatAreDueTogetherAreOneTransferWithARowEach) {
  mark(marks_of(10, "robot"));
  runner().start();
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  runner().stop();
  EXPECT_EQ(hosts_.transfers(), Sizes{10});
  EXPECT_EQ(hosts_.largest_at("out"), 1U);
  const auto rows = run_rows();
  ASSERT_EQ(rows.size(), 10U);
  std::set<std::int64_t> lanes;
  for (const auto& row : rows) {
    lanes.insert(row.lane_id);
    EXPECT_EQ(row.state, RunState::Finished);
    EXPECT_NE(row.text.find(", with 9 other refs"), std::string::npos) << row.text;
  }
  EXPECT_EQ(lanes.size(), 10U);
}

TEST_F(LaneBatchTest, AFirstSyncOfTwentyThousandRefsIsFewTransfersAndFewCommits) {
  constexpr int kRefs = 20'000;
  log::configure(log::Level::Warn, log::Format::Json);
  mark(marks_of(kRefs));
  const auto before = store().counters().commits;
  runner().start();
  // As long as it gets on: how fast it is depends on the machine.
  for (int patience = 10; patience > 0; --patience) {
    if (hosts_.wait_until([&](std::size_t done, std::size_t) { return done == kRefs; })) break;
  }
  runner().stop();
  EXPECT_TRUE(all_done());
  log::configure(log::Level::Info, log::Format::Json);
  EXPECT_EQ(hosts_.transfers(), (Sizes{4096, 4096, 4096, 4096, 3616}));
  EXPECT_EQ(hosts_.largest_at("in"), 1U) << "the later ones can build on what the first one brought";
  EXPECT_EQ(store().runs({}, {1, 1, true}).value().total, kRefs);
  EXPECT_LT(store().counters().commits - before, 200U);
}

TEST_F(LaneBatchTest, OneBadRefDoesNotHoldBackTheOthers) {
  hosts_.always_fail("refs/heads/b1", error_of(ErrorCode::Diverged));
  hosts_.always_fail("refs/heads/b2", error_of(ErrorCode::Timeout));
  mark(marks_of(4, "robot"));
  runner().start();
  ASSERT_TRUE(eventually([&] { return by_branch()["b2"].attempts == 1; }));
  auto lanes = by_branch();
  EXPECT_EQ(lanes["b1"].last_error, "diverged");
  EXPECT_FALSE(lanes["b1"].is_pending());
  EXPECT_TRUE(lanes["b2"].is_pending());
  for (const auto* good : {"b0", "b3"}) {
    EXPECT_FALSE(lanes[good].is_pending()) << good;
    EXPECT_EQ(lanes[good].last_error, "") << good;
  }
  clock_.advance(seconds(5));
  ASSERT_TRUE(eventually([&] { return by_branch()["b2"].attempts == 2; }));
  EXPECT_EQ(hosts_.transfers(), (Sizes{4, 1}));
}

TEST_F(LaneBatchTest, WhatFailedTogetherIsTriedAgainTogether) {
  std::atomic<int> asked = 0;
  auto with_jitter = parts();
  with_jitter.fraction = [&asked] { return 0.1 * static_cast<double>(++asked % 10); };
  fail_all(10, ErrorCode::ConnectionFailed);
  mark(marks_of(10, "robot"));
  LaneRunner jittery(with_jitter);
  clock_.on_advance([&jittery] { jittery.wake(); });
  jittery.start();
  ASSERT_TRUE(eventually([&] {
    const auto rows = store().lanes().value();
    return std::ranges::all_of(rows, [](const LaneRow& row) { return row.attempts == 1; });
  }));
  clock_.advance(seconds(5));
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  jittery.stop();
  EXPECT_EQ(hosts_.transfers(), (Sizes{10, 10}));
}

TEST_F(LaneBatchTest, ALaneWithAHistoryOfFailuresSharesNoTransferWithOthers) {
  fail_all(3, ErrorCode::Timeout);
  runner().start();
  request("b0");
  for (int attempt = 1; attempt <= 3; ++attempt) {
    ASSERT_TRUE(eventually([&] { return by_branch()["b0"].attempts == attempt; }));
    if (attempt < 3) clock_.advance(seconds(60));
  }
  runner().stop();
  runner_.reset();
  clock_.advance(seconds(60));
  mark(marks_of(4, "robot"));
  runner().start();
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  auto sizes = hosts_.transfers();
  std::sort(sizes.begin() + 3, sizes.end());
  EXPECT_EQ(sizes, (Sizes{1, 1, 1, 1, 3}));
}

TEST_F(LaneBatchTest, MarksDuringATransferCostEachLaneOneMoreRun) {
  hosts_.close_gate();
  mark(marks_of(10, "robot"));
  runner().start();
  ASSERT_TRUE(wait_running(1));
  for (int i = 0; i < 50; ++i) {
    const auto receipt = store().mark_lanes(marks_of(3, "robot"), Trigger::Webhook);
    ASSERT_TRUE(receipt);
    runner().wake_for(receipt->marked);
  }
  hosts_.open_gate();
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  runner().stop();
  EXPECT_EQ(hosts_.transfers(), (Sizes{10, 3}));
}

TEST_F(LaneBatchTest, StopCancelsATransferAndAllOfItStaysPending) {
  options_of_sync_.grace = milliseconds(10);
  hosts_.close_gate();
  mark(marks_of(10, "robot"));
  runner().start();
  ASSERT_TRUE(wait_running(1));
  runner().stop();
  const auto lanes = store().lanes().value();
  for (const auto& row : lanes) {
    EXPECT_TRUE(row.is_pending());
    EXPECT_EQ(row.attempts, 0);
    EXPECT_TRUE(row.is_due(now_ms()));
  }
  EXPECT_EQ(run_rows().size(), 10U);
  for (const auto& row : run_rows()) EXPECT_EQ(row.error, "cancelled");
}

TEST_F(LaneBatchTest, LanesThatAreUnboundBeforeTheirTurnAreDroppedAlone) {
  auto both = marks_of(5, "robot");
  for (const auto& mark : marks_of(5, "robot")) both.push_back({mark.key, Direction::ToInter});
  mark(both);
  hosts_.close_gate();
  runner().start();
  ASSERT_TRUE(wait_running(1));
  auto changed = binding_between("robot", "in", "out");
  changed.branches[1].enabled = false;
  changed.branches.erase(changed.branches.begin() + 2);
  set_bindings({changed});
  hosts_.open_gate();
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  EXPECT_EQ(hosts_.transfers(), (Sizes{5, 3})) << "one a direction";
  auto lanes = by_branch();
  EXPECT_EQ(lanes["b1"].last_error, "not_enabled");
  EXPECT_EQ(lanes["b2"].last_error, "branch_unknown");
  EXPECT_EQ(lanes["b3"].last_error, "");
}

TEST_F(LaneBatchTest, LeaveToForceIsNoneForTheOthersOfItsRepository) {
  auto marks = marks_of(4, "robot");
  marks[1].force = true;
  mark(marks);
  runner().start();
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  runner().stop();
  auto sizes = hosts_.transfers();
  std::ranges::sort(sizes);
  EXPECT_EQ(sizes, (Sizes{1, 3}));
  for (const auto& done : hosts_.done()) {
    const bool is_forced = done.target == "out refs/heads/b1";
    EXPECT_EQ(done.policy, is_forced ? Policy::Force : Policy::FfOnly) << done.target;
  }
}

TEST_F(LaneBatchTest, LanesThatWriteTheSameRefAreNeverInOneTransfer) {
  auto binding = binding_between("robot", "in", "out");
  binding.branches = {{"a", "x", true}, {"b", "x", true}, {"c", "z", true}};
  set_bindings({binding});
  hosts_.on_run([](const SyncRequest& request) {
    std::set<std::string> targets;
    for (const auto& ref : request.refs) EXPECT_TRUE(targets.insert(ref.target_ref).second) << ref.target_ref;
  });
  mark({{{"robot", "refs/heads/a", "refs/heads/x"}, Direction::ToOuter},
        {{"robot", "refs/heads/b", "refs/heads/x"}, Direction::ToOuter},
        {{"robot", "refs/heads/c", "refs/heads/z"}, Direction::ToOuter}});
  runner().start();
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  auto sizes = hosts_.transfers();
  std::ranges::sort(sizes);
  EXPECT_EQ(sizes, (Sizes{1, 2}));
}

TEST_F(LaneBatchTest, ARepositoryWithManyLanesDoesNotStarveTheOthers) {
  options_of_sync_.workers = 1;
  options_of_sync_.lanes_per_transfer = 10;
  mark(marks_of(60));
  hosts_.close_gate();
  runner().start();
  ASSERT_TRUE(wait_running(1));
  clock_.advance(milliseconds(1));
  mark(marks_of(2, "other"));
  hosts_.open_gate();
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  EXPECT_EQ(hosts_.transfers(), (Sizes{10, 2, 10, 10, 10, 10, 10}));
}

TEST_F(LaneBatchTest, APushBesideAFullTransferRunsAtOnceAndTheRestOfItWaits) {
  options_of_sync_.workers = 6;
  options_of_sync_.per_host = 6;
  options_of_sync_.lanes_per_transfer = 10;
  Guarded<std::vector<std::string>> firsts;
  hosts_.on_run([&](const SyncRequest& request) {
    firsts.lock()->push_back(request.refs.front().source_ref + " " + std::to_string(request.refs.size()));
  });
  const auto marks = marks_of(60);
  for (std::size_t first = 0; first < marks.size(); first += 10) {
    mark({marks.begin() + static_cast<std::ptrdiff_t>(first),
          marks.begin() + static_cast<std::ptrdiff_t>(first + 10)});
    clock_.advance(milliseconds(1));
  }
  hosts_.close_gate();
  runner().start();
  ASSERT_TRUE(wait_running(1));
  clock_.advance(milliseconds(1));
  const LaneMark pushed{lane_key("pushed", "whole"), Direction::ToOuter};
  mark({pushed});
  runner().wake();
  ASSERT_TRUE(wait_running(2));
  ASSERT_TRUE(eventually([&] { return firsts.lock()->size() == 2; }));
  EXPECT_EQ(*firsts.lock(), (std::vector<std::string>{"refs/heads/b0 10", "refs/heads/pushed 1"}));
  hosts_.open_gate();
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  EXPECT_EQ(hosts_.largest_at("in"), 2U);
}

TEST_F(LaneBatchTest, ADefectFailsTheRefThatItIsAboutAndNotTheOthers) {
  hosts_.on_run([](const SyncRequest& request) {
    for (const auto& ref : request.refs) {
      if (ref.source_ref == "refs/heads/b17") throw std::runtime_error("boom");
    }
  });
  mark(marks_of(100));
  runner().start();
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  for (const auto& [branch, row] : by_branch()) {
    EXPECT_EQ(row.last_error, branch == "b17" ? "internal" : "") << branch;
  }
}

/// Runs all that is pending, in a process that ends in the middle where `culprit` is in a transfer.
[[noreturn]] void run_until_crash(const LaneRunner::Parts& parts, const std::function<bool()>& is_over) {
  LaneRunner runner(parts);
  runner.start();
  const auto deadline = std::chrono::steady_clock::now() + seconds(60);
  while (!is_over() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(milliseconds(1));
  runner.stop();
  _exit(0);
}

TEST_F(LaneBatchTest, ACrashQuarantinesTheLaneThatIsToBlameAndNoOther) {
  constexpr int kLanes = 300;
  options_of_sync_.workers = 4;
  hosts_.on_run([](const SyncRequest& request) {
    for (const auto& ref : request.refs) {
      if (ref.source_ref == "refs/heads/b123") _exit(77);
    }
  });
  mark(marks_of(kLanes));
  close();
  int crashes = 0;
  for (bool is_over = false; !is_over && crashes < 10;) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      log::configure(log::Level::Error, log::Format::Json);
      run_until_crash(parts(), [&] {
        const auto rows = store().lanes().value();
        return std::ranges::none_of(rows,
                                    [](const LaneRow& row) { return row.is_pending() && !row.quarantined; });
      });
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    is_over = WEXITSTATUS(status) == 0;
    if (!is_over) ++crashes;
  }
  EXPECT_EQ(crashes, kCrashLimit);
  for (const auto& [branch, row] : by_branch()) {
    EXPECT_EQ(row.quarantined, branch == "b123") << branch;
    EXPECT_EQ(row.is_pending(), branch == "b123") << branch;
  }
}

TEST_F(LaneBatchTest, WhatWasRunningAtACrashRunsWithFewOthers) {
  mark(marks_of(200));
  const auto crash = [&] {
    const auto rows = store().lanes().value();
    ASSERT_TRUE(store().begin_runs(rows, Direction::ToOuter, now_ms()));
    reopen();
  };
  crash();
  {
    LaneRunner once(parts());
    hosts_.close_gate();
    once.start();
    ASSERT_TRUE(wait_running(1));
    hosts_.open_gate();
    ASSERT_TRUE(eventually([&] { return all_done(); }));
    once.stop();
  }
  EXPECT_EQ(hosts_.transfers(), (Sizes{64, 64, 64, 8}));
  mark(marks_of(5));
  crash();
  crash();
  runner().start();
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  const auto sizes = hosts_.transfers();
  EXPECT_EQ(Sizes(sizes.begin() + 4, sizes.end()), (Sizes{1, 1, 1, 1, 1}));
}

}  // namespace
}  // namespace gitferry

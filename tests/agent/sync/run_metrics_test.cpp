#include "agent/sync/run_metrics.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "agent/base/metrics.h"
#include "tests/agent/sync/sync_fixture.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;

/// metrics() belongs to the process: what counts is what a test adds.
class RunMetricsTest : public SyncTest {
 protected:
  static double runs(const std::string& trigger, std::string_view outcome) {
    return metrics().runs.value({"robot", trigger, outcome});
  }
  void run_all() {
    runner().start();
    ASSERT_TRUE(eventually([&] { return all_done(); }));
    runner().stop();
  }
  void deliver(const std::string& branch) {
    const auto mark = mark_of(branch);
    ASSERT_TRUE(store().record_delivery(delivery_of("d-1"), std::span(&mark, 1)));
  }

  const std::uint64_t delays_ = metrics().queue_delay.count();
  const std::uint64_t pushes_ = metrics().push_to_sync.count();
};

TEST_F(RunMetricsTest, APushIsCountedWithItsDelayAndPhases) {
  const auto synced = runs("webhook", ran::kSynced);
  const auto listings = metrics().phase_duration.count(phase::kListing);
  deliver("b1");
  run_all();
  EXPECT_EQ(runs("webhook", ran::kSynced), synced + 1);
  EXPECT_EQ(metrics().push_to_sync.count(), pushes_ + 1);
  EXPECT_EQ(metrics().queue_delay.count(), delays_ + 1);
  EXPECT_EQ(metrics().phase_duration.count(phase::kListing), listings + 1);
  EXPECT_EQ(metrics().running.now(), 0);
}

TEST_F(RunMetricsTest, AManualSyncIsNoPush) {
  const auto synced = runs("manual", ran::kSynced);
  marked(mark_of("b1"), Trigger::Manual);
  run_all();
  EXPECT_EQ(runs("manual", ran::kSynced), synced + 1);
  EXPECT_EQ(metrics().push_to_sync.count(), pushes_);
}

TEST_F(RunMetricsTest, ARunThatFoundNothingToDoIsASuccessAndNoPush) {
  const auto noops = runs("webhook", ran::kNoop);
  LaneRow lane;
  lane.key = lane_key("b1");
  lane.delivery_id = 7;
  RunEnd end;
  end.report.plan = Plan::Nothing;
  end.done_seq = 1;
  count_ended(lane, end);
  EXPECT_EQ(runs("webhook", ran::kNoop), noops + 1);
  EXPECT_EQ(metrics().push_to_sync.count(), pushes_);
}

TEST_F(RunMetricsTest, AFailureThatPassesCountsAsARetryAndItsPushOnceItArrives) {
  const auto failed = runs("webhook", info(ErrorCode::Timeout).name);
  const auto retries = metrics().retries.value({info(ErrorCode::Timeout).name});
  hosts_.answer_with({Error{ErrorCode::Timeout, "it took too long", {}, {}}});
  deliver("b1");
  runner().start();
  ASSERT_TRUE(
      eventually([&] { return run_rows().size() == 1 && run_rows()[0].state == RunState::Finished; }));
  EXPECT_TRUE(
      eventually([&] { return metrics().retries.value({info(ErrorCode::Timeout).name}) == retries + 1; }));
  EXPECT_EQ(runs("webhook", info(ErrorCode::Timeout).name), failed + 1);
  EXPECT_EQ(metrics().push_to_sync.count(), pushes_);
  clock_.advance(std::chrono::minutes(20));
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  runner().stop();
  EXPECT_EQ(metrics().push_to_sync.count(), pushes_ + 1);
  EXPECT_EQ(metrics().queue_delay.count(), delays_ + 1) << "a retry waits on purpose";
}

TEST_F(RunMetricsTest, AFailureThatStaysIsNoRetry) {
  const auto retries = metrics().retries.value({info(ErrorCode::Diverged).name});
  const auto failed = runs("webhook", info(ErrorCode::Diverged).name);
  hosts_.answer_with({Error{ErrorCode::Diverged, "it has other commits", {}, {}}});
  deliver("b1");
  run_all();
  EXPECT_EQ(runs("webhook", info(ErrorCode::Diverged).name), failed + 1);
  EXPECT_EQ(metrics().retries.value({info(ErrorCode::Diverged).name}), retries);
  EXPECT_EQ(metrics().push_to_sync.count(), pushes_);
}

TEST_F(RunMetricsTest, CountsThePackOfATransferOnce) {
  const auto before = metrics().pack_bytes.value();
  RunReport report;
  report.pack_bytes = 900;
  report.refs_in_transfer = 3;
  count_bytes({report, report, report});
  EXPECT_EQ(metrics().pack_bytes.value(), before + 900);
}

TEST_F(RunMetricsTest, SaysHowManyBranchesRun) {
  hosts_.close_gate();
  runner().start();
  request("b1");
  ASSERT_TRUE(wait_running(1));
  EXPECT_EQ(metrics().running.now(), 1);
  hosts_.open_gate();
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  runner().stop();
  EXPECT_EQ(metrics().running.now(), 0);
}

}  // namespace
}  // namespace gitferry

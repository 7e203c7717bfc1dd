#include "agent/sync/progress_meter.h"

#include <gtest/gtest.h>

#include "agent/sync/running_transfers.h"
#include "tests/support/fake_clock.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ProgressMeterTest : public ::testing::Test {
 protected:
  [[nodiscard]] static MonotonicTime at(int second) { return MonotonicTime{} + seconds(second); }
  void set(std::uint64_t objects, std::uint64_t received, std::uint64_t sent) {
    progress_.objects_done = objects;
    progress_.bytes_received = received;
    progress_.bytes_sent = sent;
  }

  TransferProgress progress_;
};

TEST_F(ProgressMeterTest, KnowsNothingAtFirst) {
  const ProgressMeter meter(progress_, 3, at(0));
  const auto view = meter.view(at(0));
  EXPECT_EQ(view.phase, TransferPhase::Listing);
  EXPECT_EQ(view.bytes_per_second, 0U);
  EXPECT_EQ(view.elapsed, milliseconds(0));
  EXPECT_EQ(view.refs_in_transfer, 3U);
  EXPECT_FALSE(view.remaining);
}

TEST_F(ProgressMeterTest, MeasuresTheLastSecondsAndNotTheWholeTransfer) {
  ProgressMeter meter(progress_, 1, at(0));
  for (int second = 1; second <= 30; ++second) {
    set(0, 1'000U * static_cast<unsigned>(second), 0);
    meter.sample(at(second));
  }
  EXPECT_EQ(meter.view(at(30)).bytes_per_second, 1'000U);
  for (int second = 31; second <= 41; ++second) {
    set(0, 30'000, 50'000U * static_cast<unsigned>(second - 30));
    meter.sample(at(second));
  }
  EXPECT_EQ(meter.view(at(41)).bytes_per_second, 50'000U) << "the way out is the faster one";
  for (int second = 42; second <= 60; ++second) meter.sample(at(second));
  EXPECT_EQ(meter.view(at(60)).bytes_per_second, 0U) << "it stalls";
  EXPECT_EQ(meter.view(at(60)).elapsed, seconds(60));
}

TEST_F(ProgressMeterTest, EstimatesWhatRemainsWhereObjectsAreCounted) {
  ProgressMeter meter(progress_, 1, at(0));
  set(100, 10'000, 0);
  EXPECT_FALSE(meter.view(at(10)).remaining) << "of how many is not known";
  progress_.objects_total = 400;
  EXPECT_EQ(meter.view(at(10)).remaining, seconds(30));
  progress_.phase = TransferPhase::Sending;
  set(100, 10'000, 2'500);
  EXPECT_EQ(meter.view(at(10)).remaining, seconds(150)) << "the target is slower than the source";
  set(400, 40'000, 40'000);
  EXPECT_EQ(meter.view(at(10)).remaining, seconds(0));
}

TEST_F(ProgressMeterTest, EstimatesNothingWhileNothingMoves) {
  ProgressMeter meter(progress_, 1, at(0));
  progress_.objects_total = 400;
  set(100, 10'000, 0);
  meter.sample(at(1));
  meter.sample(at(20));
  EXPECT_FALSE(meter.view(at(21)).remaining);
}

TEST_F(ProgressMeterTest, BeginsAnewWithTheEngine) {
  ProgressMeter meter(progress_, 1, at(0));
  set(500, 900'000, 900'000);
  meter.sample(at(5));
  set(10, 1'000, 0);
  meter.sample(at(6));
  set(20, 5'000, 0);
  EXPECT_EQ(meter.view(at(8)).bytes_per_second, 2'000U);
}

TEST(RunningTransfers, TellHowFarTheLanesOfEachAre) {
  FakeClock clock;
  RunningTransfers transfers(clock);
  const std::vector<std::int64_t> asked{1, 2, 3, 4};
  const std::vector<std::int64_t> first{1, 2};
  const std::vector<std::int64_t> second{4};
  {
    RunningTransfers::Running one(transfers, first);
    clock.advance(seconds(2));
    RunningTransfers::Running other(transfers, second);
    one.progress().bytes_sent = 600;
    clock.advance(seconds(1));
    const auto views = transfers.progress_of(asked);
    ASSERT_EQ(views.size(), 4U);
    ASSERT_TRUE(views[0] && views[1] && views[3]);
    EXPECT_FALSE(views[2]);
    EXPECT_EQ(views[1]->refs_in_transfer, 2U);
    EXPECT_EQ(views[1]->bytes_per_second, 200U);
    EXPECT_EQ(views[1]->elapsed, seconds(3));
    EXPECT_EQ(views[3]->elapsed, seconds(1));
    EXPECT_EQ(views[3]->bytes_sent, 0U);
  }
  for (const auto& view : transfers.progress_of(asked)) EXPECT_FALSE(view);
}

}  // namespace
}  // namespace gitferry

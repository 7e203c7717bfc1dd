#include "agent/sync/run_waiters.h"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace gitferry {
namespace {

using SteadyClock = std::chrono::steady_clock;

LaneKey key(const std::string& branch) {
  return {"robot", "refs/heads/" + branch, "refs/heads/" + branch};
}

RunReport report_of(Plan plan) {
  RunReport report;
  report.plan = plan;
  return report;
}

TEST(RunWaiters, TellsEveryWatchOfTheLaneAndNoOther) {
  RunWaiters waiters;
  RunWaiters::Watch one(waiters, key("a"), Direction::ToOuter);
  RunWaiters::Watch two(waiters, key("a"), Direction::ToOuter);
  RunWaiters::Watch back(waiters, key("a"), Direction::ToInter);
  RunWaiters::Watch other(waiters, key("b"), Direction::ToOuter);
  waiters.publish(key("a"), Direction::ToOuter, 3, report_of(Plan::Create));
  const auto now = SteadyClock::now();
  EXPECT_EQ(one.wait(3, now)->plan, Plan::Create);
  EXPECT_EQ(two.wait(2, now)->plan, Plan::Create);
  EXPECT_FALSE(two.wait(4, now)) << "of a run that began before the mark";
  EXPECT_FALSE(back.wait(1, now));
  EXPECT_FALSE(other.wait(1, now));
}

TEST(RunWaiters, AWatchThatIsGoneIsNotTold) {
  RunWaiters waiters;
  RunWaiters::Watch stays(waiters, key("a"), Direction::ToOuter);
  { const RunWaiters::Watch goes(waiters, key("a"), Direction::ToOuter); }
  { const RunWaiters::Watch alone(waiters, key("b"), Direction::ToOuter); }
  waiters.publish(key("a"), Direction::ToOuter, 1, report_of(Plan::Nothing));
  waiters.publish(key("b"), Direction::ToOuter, 1, report_of(Plan::Nothing));
  EXPECT_TRUE(stays.wait(1, SteadyClock::now()));
}

TEST(RunWaiters, CloseEndsEveryWait) {
  RunWaiters waiters;
  RunWaiters::Watch watch(waiters, key("a"), Direction::ToOuter);
  waiters.close();
  EXPECT_FALSE(watch.wait(1, SteadyClock::now() + std::chrono::hours(1)));
}

TEST(RunWaiters, ARepositoryOfTwentyThousandBranchesCanBeWaitedFor) {
  constexpr int kBranches = 20'000;
  RunWaiters waiters;
  std::vector<std::unique_ptr<RunWaiters::Watch>> watches;
  for (int i = 0; i < kBranches; ++i) {
    watches.push_back(
        std::make_unique<RunWaiters::Watch>(waiters, key(std::to_string(i)), Direction::ToOuter));
  }
  for (int i = 0; i < kBranches; ++i)
    waiters.publish(key(std::to_string(i)), Direction::ToOuter, i + 1, report_of(Plan::Create));
  for (int i = 0; i < kBranches; ++i) {
    ASSERT_TRUE(watches[static_cast<std::size_t>(i)]->wait(i + 1, SteadyClock::now())) << i;
  }
}

}  // namespace
}  // namespace gitferry

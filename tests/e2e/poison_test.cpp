// What a crash leaves running: a branch that kills the agent is set aside, and nothing that only seems to run
// stays so.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/e2e/database_copy.h"
#include "tests/e2e/kill_world.h"
#include "tests/e2e/push_load.h"

namespace gitferry::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kSeed = 20'261'129;

double ms_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

std::set<std::string> pending_refs(const KillWorld& world, bool are_quarantined) {
  std::set<std::string> refs;
  for (const auto& row : world.status()) {
    if (row["pending"].asBool() && row["quarantined"].asBool() == are_quarantined)
      refs.insert(row["internal_ref"].asString());
  }
  return refs;
}

TEST(PoisonLane, R20_IsSetAsideAfterThreeCrashesAndAllOthersAreDone) {
  const BoundBranch poison{1, 1};
  const auto ref = KillWorld::ref_of(poison);
  const auto crash_at = name_of(CrashPoint::LaneRequested) + "@" + ref;
  KillWorld world;
  int crashes = 0;
  {
    const PushLoad load(world, kSeed);
    for (; crashes < 3; ++crashes) {
      world.start_to_crash_at(crash_at);
      // Its answer may be lost with the agent; at the latest the load brings the next one.
      if (!world.agent().has_ended()) world.deliver(poison);
      ASSERT_TRUE(world.has_crashed_at(name_of(CrashPoint::LaneRequested))) << world.agent().log();
    }
  }
  // The same agent: it would crash again if it ran that branch.
  ASSERT_TRUE(world.start_to_crash_at(crash_at)) << world.agent().log();
  EXPECT_TRUE(eventually([&] { return pending_refs(world, false).empty(); })) << world.agent().log();
  EXPECT_EQ(pending_refs(world, true), std::set<std::string>{ref});
  for (const auto& row : world.status()) {
    if (row["internal_ref"] != ref) continue;
    EXPECT_EQ(row["status"], "quarantined");
  }
  EXPECT_NE(world.agent().log().find("a branch is set aside"), std::string::npos) << world.agent().log();
  // A push is written down and wakes nothing.
  EXPECT_TRUE(world.deliver(poison));
  EXPECT_TRUE(eventually([&] { return pending_refs(world, false).empty(); }));
  EXPECT_FALSE(world.agent().has_ended());
  std::printf("R-20 crashes until it was set aside: %d, lanes delayed by it: 0 of %zu\n", crashes,
              world.branches().size() - 1);
  world.settle("R-20 poison lane", kSeed);
}

/// Targets that take a push and do not answer, until they are released.
class HeldTargets {
 public:
  explicit HeldTargets(KillWorld& world) : released_(directory_ / "released") {
    for (int i = 0; i < world.options.repositories; ++i)
      world.target(i).set_hook("pre-receive",
                               fmt::format("until [ -e '{}' ]; do sleep 0.05; done", released_));
  }
  void release() const { std::ofstream(released_) << "\n"; }

 private:
  TemporaryDirectory directory_;
  std::string released_;
};

std::set<std::string> running_runs(const KillWorld& world) {
  std::set<std::string> ids;
  for (const auto& row : world.runs()) {
    if (row["state"] == "running") ids.insert(row["id"].asString());
  }
  return ids;
}

TEST(Orphans, R29_AfterAKillNothingIsShownRunningThatIsNotAndAllThatWasPendingRuns) {
  KillWorld world({.repositories = 6, .branches = 5, .per_host = 8});
  const HeldTargets held(world);
  ASSERT_TRUE(world.start()) << world.agent().log();
  for (const auto& branch : world.branches()) ASSERT_TRUE(world.deliver(branch));
  ASSERT_TRUE(eventually([&] { return running_runs(world).size() >= 8; })) << world.agent().log();
  world.kill();

  DatabaseCopy killed(world.database());
  const auto orphans = killed.values("SELECT id FROM run WHERE state = 'running'");
  EXPECT_GE(orphans.size(), 8U);
  EXPECT_EQ(killed.number("SELECT count(*) FROM lane WHERE requested_seq > done_seq"), 30);
  held.release();
  const auto begin = Clock::now();
  ASSERT_TRUE(world.start()) << world.agent().log();
  const auto ready_ms = ms_since(begin);
  for (const auto& id : running_runs(world)) EXPECT_FALSE(orphans.contains(id));
  EXPECT_TRUE(eventually([&] {
    const auto rows = world.runs();
    return std::any_of(rows.begin(), rows.end(), [](const auto& row) { return row["state"] == "finished"; });
  }));
  const auto resumed_ms = ms_since(begin);
  EXPECT_TRUE(eventually([&] { return pending_refs(world, false).empty(); })) << world.agent().log();
  const auto done_ms = ms_since(begin);
  EXPECT_TRUE(running_runs(world).empty());
  std::size_t interrupted = 0;
  for (const auto& row : world.runs()) {
    if (!orphans.contains(row["id"].asString())) continue;
    EXPECT_EQ(row["state"], "interrupted");
    EXPECT_FALSE(row["finished_at"].isNull());
    EXPECT_NE(row.toStyledString().find("gitferry ended while this run was in progress"), std::string::npos);
    ++interrupted;
  }
  EXPECT_EQ(interrupted, orphans.size());
  std::printf(
      "R-29 running at the kill: %zu of 30; ready after %.0f ms, first run after %.0f ms, all after %.0f "
      "ms\n",
      orphans.size(), ready_ms, resumed_ms, done_ms);
  world.expect_rest("R-29 orphans", kSeed);
}

}  // namespace
}  // namespace gitferry::test

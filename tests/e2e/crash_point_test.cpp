// The agent is killed at every named place of its code, under load, and nothing acknowledged is lost.

#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "agent/base/crash_point_names.h"
#include "tests/e2e/database_copy.h"
#include "tests/e2e/kill_world.h"
#include "tests/e2e/push_load.h"

namespace gitferry::test {
namespace {

constexpr unsigned kSeed = 20'261'128;

/// How a point is reached.
struct Way {
  KillWorldOptions world = {};
  /// The passes at which the agent is killed, one start after the other.
  std::vector<int> passes = {1, 2, 5};
  std::string subject = {};
  PushPace load = {};
  /// Before each armed start.
  std::function<void(KillWorld&)> prepare = {};
  /// Again and again while the agent runs: what else it takes to get there. The number counts the calls.
  std::function<void(KillWorld&, int)> act = {};
};

void crash_at(KillWorld& world, CrashPoint point) {
  const PushLoad load(world, kSeed);
  world.start_to_crash_at(name_of(point));
  ASSERT_TRUE(world.has_crashed_at(name_of(point))) << world.agent().log();
}

/// Leaves some deliveries, and whatever ran.
void kill_under_load(KillWorld& world) {
  const auto before = world.ledger().acknowledged();
  const PushLoad load(world, kSeed);
  ASSERT_TRUE(world.start()) << world.agent().log();
  ASSERT_TRUE(eventually([&] { return world.ledger().acknowledged() >= before + 20; }));
  world.kill();
}

void crash_while_running(KillWorld& world) {
  crash_at(world, CrashPoint::RunsBegun);
}

/// Until the next start has to set a branch aside.
void crash_until_one_is_to_blame(KillWorld& world) {
  constexpr auto kSuspects =
      "SELECT count(*) FROM lane WHERE crash_count >= 2 AND quarantined = 0 "
      "AND id IN (SELECT lane_id FROM run WHERE state = 'running')";
  for (int crashes = 0; crashes < 20; ++crashes) {
    ASSERT_NO_FATAL_FAILURE(crash_while_running(world));
    if (DatabaseCopy(world.database()).number(kSuspects) > 0) return;
  }
  FAIL() << "no branch was running at three crashes in a row";
}

void damage_mirrors(KillWorld& world) {
  std::size_t damaged = 0;
  if (!std::filesystem::exists(world.sync_dir())) kill_under_load(world);
  for (const auto& entry : std::filesystem::directory_iterator(world.sync_dir())) {
    if (entry.path().extension() != ".git") continue;
    std::ofstream(entry.path() / "HEAD") << "torn";
    ++damaged;
  }
  ASSERT_GT(damaged, 0U);
}

void change_an_override(KillWorld& world, int call) {
  const auto path = fmt::format("/cerobot/sync/repo/{}?enable={}", KillWorld::kSpare, call % 2 != 0);
  static_cast<void>(world.agent().api("PUT", path));
}

void reload(KillWorld& world, int call) {
  static_cast<void>(world.reload(call % 2 != 0));
}

void stop(KillWorld& world, int call) {
  const auto is_loaded = [&] { return world.agent().has_ended() || world.ledger().acknowledged() >= 10; };
  if (call == 0 && eventually(is_loaded)) world.agent().kill(SIGTERM);
}

const std::vector<int> kOnceAStart{1, 1, 1};

Way way_by_mirror() {
  return {.world = {.engine = "mirror"}};
}

Way way_at_boot(std::function<void(KillWorld&)> prepare) {
  return {.passes = kOnceAStart, .prepare = std::move(prepare)};
}

std::optional<Way> way_to_the_mirror(CrashPoint point) {
  auto way = way_by_mirror();
  switch (point) {
    case CrashPoint::MirrorHalfMade:
    case CrashPoint::MirrorMade:
      way.passes = kOnceAStart;
      return way;
    case CrashPoint::MirrorDamageFound:
    case CrashPoint::MirrorCleared:
      way.passes = kOnceAStart;
      way.prepare = damage_mirrors;
      return way;
    case CrashPoint::MirrorPacksJoined:
      way.world.repositories = 1;
      way.passes = kOnceAStart;
      return way;
    case CrashPoint::MirrorPackRemoved:
      way.passes = kOnceAStart;
      way.prepare = [](KillWorld& world) { crash_at(world, CrashPoint::MirrorPackIndexed); };
      return way;
    case CrashPoint::PackPartSpooled:
      way.world.repositories = 1;
      way.world.branches = 1;
      way.world.commit_bytes = 9 << 20;
      return way;
    case CrashPoint::MirrorPackPartRead:
    case CrashPoint::MirrorPackIndexed:
    case CrashPoint::ManifestWritten:
    case CrashPoint::ManifestReplaced:
    case CrashPoint::MirrorPackBuilt:
    case CrashPoint::MirrorPushOpened:
    case CrashPoint::MirrorPackPartSent:
      return way;
    default:
      return std::nullopt;
  }
}

Way way_to(CrashPoint point) {
  if (auto way = way_to_the_mirror(point)) return *way;
  switch (point) {
    case CrashPoint::BeforeCommit:
    case CrashPoint::AfterCommit:
      // The first commits are those of the start.
      return {.passes = {10, 25, 60}};
    case CrashPoint::AfterReply:
      return {.subject = "HTTP/1.1 202"};
    case CrashPoint::BackoffWritten:
      return {.world = {.first_target_dead = true}};
    case CrashPoint::BackupPushed:
      return {.world = {.rewrites = true}};
    case CrashPoint::MigrationStepWritten:
    case CrashPoint::MigrationStepCommitted:
      return {.passes = {1, 2, 3}};
    case CrashPoint::IdsAllotted:
      return {.passes = kOnceAStart};
    case CrashPoint::CrashesCounted:
    case CrashPoint::RunsInterrupted:
      return way_at_boot(crash_while_running);
    case CrashPoint::LanesQuarantined:
      return way_at_boot(crash_until_one_is_to_blame);
    case CrashPoint::StoreTidied:
    case CrashPoint::StoreOpened:
    case CrashPoint::Listening:
    case CrashPoint::Started:
      return way_at_boot(kill_under_load);
    case CrashPoint::DeliveriesPruned:
    case CrashPoint::RunsPruned:
      return {.passes = {1, 1, 2}};
    case CrashPoint::OverrideWritten:
    case CrashPoint::SnapshotSwapped:
    case CrashPoint::LanesMended:
      return {.act = change_an_override};
    case CrashPoint::ReloadRead:
    case CrashPoint::ReloadWritten:
    case CrashPoint::ReloadTaken:
      return {.act = reload};
    case CrashPoint::ReconcileListed:
    case CrashPoint::ReconcileMarked:
      return {.world = {.reconcile = "1s"}, .load = {.is_announced = false}};
    case CrashPoint::StopBegun:
    case CrashPoint::WorkersStopped:
    case CrashPoint::Drained:
      return {.passes = kOnceAStart, .act = stop};
    default:
      return {};
  }
}

/// Points that are reached in one world, one after the other.
struct Series {
  std::string name;
  std::vector<CrashPoint> points;
  std::size_t times = 3;  ///< at most, each
};

class CrashPoints : public ::testing::TestWithParam<Series> {
 protected:
  static void crash(KillWorld& world, CrashPoint point, const Way& way, int pass) {
    auto at = fmt::format("{}:{}", name_of(point), pass);
    if (!way.subject.empty()) at += "@" + way.subject;
    const PushLoad load(world, kSeed + static_cast<unsigned>(pass), way.load);
    world.start_to_crash_at(at);
    int calls = 0;
    eventually([&] {
      if (!world.agent().has_ended() && way.act) way.act(world, calls++);
      return world.agent().has_ended();
    });
    ASSERT_TRUE(world.has_crashed_at(name_of(point))) << at << "\n" << world.agent().log();
  }
};

TEST_P(CrashPoints, R01_NothingAcknowledgedIsLostAndEveryBranchArrives) {
  KillWorld world(way_to(GetParam().points.front()).world);
  for (const auto point : GetParam().points) {
    const auto way = way_to(point);
    world.options.engine = way.world.engine;
    for (std::size_t i = 0; i < std::min(GetParam().times, way.passes.size()); ++i) {
      if (way.prepare) {
        ASSERT_NO_FATAL_FAILURE(way.prepare(world));
      }
      ASSERT_NO_FATAL_FAILURE(crash(world, point, way, way.passes[i]));
      world.expect_nothing_lost();
    }
  }
  world.settle("R-01 " + GetParam().name, kSeed);
}

std::string name_of_series(const ::testing::TestParamInfo<Series>& test) {
  return test.param.name;
}

Series some_points() {
  return {"six_points",
          {CrashPoint::AfterCommit, CrashPoint::AfterReply, CrashPoint::ReportAwaited,
           CrashPoint::DoneSeqWritten, CrashPoint::ManifestWritten, CrashPoint::OverrideWritten},
          1};
}

std::vector<Series> every_point() {
  std::vector<Series> all;
  for (const auto& one : kCrashPoints) all.push_back({std::string(one.name), {one.point}});
  return all;
}

INSTANTIATE_TEST_SUITE_P(At, CrashPoints, ::testing::Values(some_points()), name_of_series);
INSTANTIATE_TEST_SUITE_P(FullAt, CrashPoints, ::testing::ValuesIn(every_point()), name_of_series);

}  // namespace
}  // namespace gitferry::test

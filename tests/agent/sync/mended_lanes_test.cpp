#include "agent/sync/mended_lanes.h"

#include <functional>

#include <gtest/gtest.h>

#include "tests/agent/sync/sync_fixture.h"

namespace gitferry {
namespace {

/// `robot` with a lane whose last run failed (b1), one that succeeded (b2), and a pending one that failed
/// (b3).
class MendedLanesTest : public SyncTest {
 protected:
  MendedLanesTest() {
    const auto pending = marked(mark_of("b3")).marked[0].lane_id;
    end_run(pending, ErrorCode::Diverged);
    end_run(marked(mark_of("b1")).marked[0].lane_id, ErrorCode::Diverged);
    end_run(marked(mark_of("b2")).marked[0].lane_id, std::nullopt);
    marked(mark_of("b3"));
    before_.internal_token = SideToken{"oauth2", Secret("T0KEN"), "in"};
  }
  void end_run(std::int64_t lane_id, std::optional<ErrorCode> code) {
    const auto row = lane(lane_id);
    auto end = success(row, store().begin_run(row, Direction::ToOuter, now_ms()).value());
    if (code) end.report.error = Error{*code, "it went wrong", "", std::nullopt};
    ASSERT_TRUE(store().finish_run(end));
  }
  std::vector<std::string> mended_by(const RepositoryBinding& now) {
    std::vector<std::string> refs;
    const auto marks = mended_lanes(*snapshot_of({before_}), *snapshot_of({now}), store()).value();
    for (const auto& mark : marks) refs.push_back(mark.key.internal_ref);
    return refs;
  }

  RepositoryBinding before_ = binding_between("robot", "in", "out");
};

TEST_F(MendedLanesTest, AreThoseThatFailedAndAreNotPending) {
  const std::vector<std::string> failed{"refs/heads/b1"};
  const std::vector<std::function<void(RepositoryBinding&)>> changes{
      [](auto& now) {
        now.internal_token = SideToken{"oauth2", Secret("other"), "in"};
      },
      [](auto& now) {
        now.internal_token = SideToken{"bot", Secret("T0KEN"), "in"};
      },
      [](auto& now) { now.internal_token.reset(); },
      [](auto& now) {
        now.external_token = SideToken{"oauth2", Secret("T0KEN"), "out"};
      },
      [](auto& now) { now.direction = BindingDirection::ToInter; },
      [](auto& now) { now.external = url_of("https://elsewhere/robot"); },
      [](auto& now) { now.branches.pop_back(); },
      [](auto& now) { now.branches[7].enabled = false; },
      [](auto& now) { now.granularity = Granularity::All; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    auto now = before_;
    changes[i](now);
    EXPECT_EQ(mended_by(now), failed) << "change " << i;
  }
  before_.enabled = false;
  auto enabled = before_;
  enabled.enabled = true;
  EXPECT_EQ(mended_by(enabled), failed);
}

TEST_F(MendedLanesTest, AreTheDivergedOnesWhosePolicyChanged) {
  end_run(marked(mark_of("b4")).marked[0].lane_id, ErrorCode::AuthenticationFailed);
  auto now = before_;
  for (const auto policy : {Policy::Follow, Policy::Force}) {
    now.policy = policy;
    EXPECT_EQ(mended_by(now), std::vector<std::string>{"refs/heads/b1"}) << name_of(policy);
  }
  now.branches[1].policy = Policy::FfOnly;
  EXPECT_TRUE(mended_by(now).empty()) << "its own policy is what it was";
  now.policy = Policy::FfOnly;
  now.branches[1].policy = Policy::Follow;
  EXPECT_EQ(mended_by(now), std::vector<std::string>{"refs/heads/b1"});
  now = before_;
  now.backup_refs = true;
  EXPECT_TRUE(mended_by(now).empty());
}

TEST_F(MendedLanesTest, AreNoneWhereNothingChangedForTheRuns) {
  auto now = before_;
  now.origin = Origin::FileAndOverride;
  now.branches[1].id = 99;
  now.branches[1].origin = Origin::Api;
  EXPECT_TRUE(mended_by(now).empty());
}

TEST_F(MendedLanesTest, AreNoneThatAreNotInForceAnyMore) {
  auto disabled = before_;
  disabled.enabled = false;
  EXPECT_TRUE(mended_by(disabled).empty());
  auto branch_off = before_;
  branch_off.branches[1].enabled = false;
  EXPECT_TRUE(mended_by(branch_off).empty());
  auto unbound = before_;
  unbound.branches.erase(unbound.branches.begin() + 1);
  EXPECT_TRUE(mended_by(unbound).empty());
  EXPECT_TRUE(mended_lanes(*snapshot_of({before_}), *snapshot_of({}), store()).value().empty());
}

TEST_F(MendedLanesTest, GoInTheBindingsDirection) {
  auto now = before_;
  now.direction = BindingDirection::ToInter;
  const auto marks = mended_lanes(*snapshot_of({before_}), *snapshot_of({now}), store()).value();
  ASSERT_EQ(marks.size(), 1U);
  EXPECT_EQ(marks[0].direction, Direction::ToInter);
  EXPECT_FALSE(marks[0].force);
}

TEST_F(MendedLanesTest, AreThoseOfABindingThatCameBack) {
  EXPECT_EQ(mended_lanes(*snapshot_of({}), *snapshot_of({before_}), store()).value().size(), 1U);
}

TEST_F(MendedLanesTest, AreThoseWhoseOutcomeWentWithTheOldAddresses) {
  OverrideChange change;
  change.forget_lanes_of = {"robot"};
  ASSERT_TRUE(store().change_overrides(change));
  auto moved = before_;
  moved.external = url_of("https://elsewhere/robot");
  EXPECT_EQ(mended_by(moved), (std::vector<std::string>{"refs/heads/b1", "refs/heads/b2"}));
  auto with_token = before_;
  with_token.internal_token.reset();
  EXPECT_TRUE(mended_by(with_token).empty());
}

TEST_F(MendedLanesTest, RunWhenTheSnapshotIsReplaced) {
  service().start();
  ASSERT_TRUE(eventually([&] { return all_done(); }));  // b3
  auto now = before_;
  now.external = url_of("https://elsewhere/robot");
  service().replace_snapshot(snapshot_of({now}));
  ASSERT_TRUE(wait_done(2));
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  EXPECT_EQ(hosts_.done()[1].target, "elsewhere refs/heads/b1");
  EXPECT_EQ(run_rows().back().trigger, Trigger::Configuration);
}

}  // namespace
}  // namespace gitferry

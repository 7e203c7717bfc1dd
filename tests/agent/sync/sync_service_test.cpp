#include "agent/sync/sync_service.h"

#include <gtest/gtest.h>

#include "tests/agent/sync/sync_fixture.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

IncomingDelivery push_to(const std::string& ref, Side side = Side::Internal) {
  IncomingDelivery delivery;
  delivery.event.provider = "gitea";
  delivery.event.event = "push";
  delivery.event.delivery_id = "d-1";
  delivery.event.changes.push_back({ref, std::nullopt, std::nullopt, false});
  delivery.targets = {{"robot", side}};
  delivery.source_address = "192.0.2.7";
  delivery.body_bytes = 100;
  delivery.received_at = from_epoch_ms(5);
  return delivery;
}

class SyncServiceTest : public SyncTest {
 protected:
  /// The one outcome of a delivery to one binding.
  DeliveryOutcome delivered(const IncomingDelivery& delivery) {
    const auto outcomes = service().deliver(delivery).value();
    EXPECT_EQ(outcomes.size(), 1U);
    return outcomes.front();
  }
};

TEST_F(SyncServiceTest, ADeliveryIsRecordedAndRun) {
  service().start();
  const auto outcome = delivered(push_to("refs/heads/b1"));
  EXPECT_EQ(outcome.verdict, Verdict::Accepted);
  EXPECT_EQ(outcome.reason, "");
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  const auto rows = run_rows();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].delivery_id, outcome.delivery_id);
  EXPECT_EQ(rows[0].trigger, Trigger::Webhook);
  const auto kept = store().deliveries({"robot", {}}, {}).value().rows.at(0);
  EXPECT_EQ(kept.record.refs, R"([{"ref":"refs/heads/b1","verdict":"accepted","reason":""}])");
  EXPECT_EQ(kept.record.received_at_ms, 5);
  ASSERT_EQ(kept.lanes.size(), 1U);
  EXPECT_EQ(kept.lanes[0].lane_id, rows[0].lane_id);
}

TEST_F(SyncServiceTest, AnIgnoredDeliveryIsRecordedWithItsReason) {
  const auto echo = delivered(push_to("refs/heads/b1", Side::External));
  EXPECT_EQ(echo.verdict, Verdict::Ignored);
  EXPECT_EQ(echo.reason, "not_a_source");
  auto ping = push_to("refs/heads/b1");
  ping.event.ignored_reason = "ping";
  EXPECT_EQ(delivered(ping).reason, "ping");
  auto unknown = push_to("refs/heads/b1");
  unknown.targets = {{"nobody", Side::Internal}};
  EXPECT_EQ(delivered(unknown).reason, "repository_unknown");
  EXPECT_EQ(store().deliveries({}, {}).value().total, 3);
  EXPECT_EQ(store().deliveries({"robot", {}}, {}).value().rows.at(1).record.reason, "not_a_source");
  EXPECT_TRUE(store().lanes().value().empty());
}

TEST_F(SyncServiceTest, ADeliveryThatDoesNotSayWhatMovedIsAccepted) {
  auto delivery = push_to("refs/heads/b1");
  delivery.event.changes.clear();
  delivery.event.is_unspecific = true;
  const auto of_branches = delivered(delivery);
  EXPECT_EQ(of_branches.verdict, Verdict::Accepted);
  EXPECT_FALSE(store().delivery(of_branches.delivery_id).value().value().lanes.empty());

  auto whole = std::make_shared<BindingSnapshot>(*service().snapshot());
  whole->repositories.at("robot").granularity = Granularity::All;
  whole->repositories.at("robot").branches.clear();
  service().replace_snapshot(whole);
  const auto of_all = delivered(delivery);
  EXPECT_EQ(of_all.verdict, Verdict::Accepted) << "which lanes it marks shows when the hosts are listed";
  EXPECT_EQ(of_all.reason, "");
  EXPECT_TRUE(store().delivery(of_all.delivery_id).value().value().lanes.empty());
}

TEST_F(SyncServiceTest, ADeliverysSideDeletionsAndOriginalAreRecorded) {
  auto first = push_to("refs/heads/b1");
  first.event.changes.push_back({"refs/heads/b2", std::nullopt, std::nullopt, true});
  const auto original = delivered(first);
  auto again = push_to("refs/heads/b1", Side::External);
  again.replay_of = original.delivery_id;
  const auto replay = delivered(again);
  const auto kept = store().delivery(original.delivery_id).value().value().record;
  EXPECT_EQ(kept.refs,
            R"([{"ref":"refs/heads/b1","verdict":"accepted","reason":""},)"
            R"({"ref":"refs/heads/b2","verdict":"ignored","reason":"deletion_ignored","deleted":true}])");
  EXPECT_EQ(kept.side, Side::Internal);
  EXPECT_FALSE(kept.replay_of);
  const auto repeated = store().delivery(replay.delivery_id).value().value().record;
  EXPECT_EQ(repeated.side, Side::External);
  EXPECT_EQ(repeated.replay_of, original.delivery_id);
}

TEST_F(SyncServiceTest, ASyncWaitsForItsRun) {
  service().start();
  const auto outcomes = service().sync_branch("robot", "b1", {std::nullopt, seconds(20), false});
  ASSERT_TRUE(outcomes);
  ASSERT_EQ(outcomes->size(), 1U);
  EXPECT_TRUE(outcomes->at(0).finished);
  EXPECT_EQ(outcomes->at(0).report.plan, Plan::FastForward);
  EXPECT_EQ(outcomes->at(0).direction, Direction::ToOuter);
  EXPECT_EQ(run_rows().at(0).trigger, Trigger::Manual);
}

TEST_F(SyncServiceTest, ATransientFailureIsAnAnswerToo) {
  hosts_.answer_with({Error{ErrorCode::Timeout, "slow", "", std::nullopt}});
  service().start();
  const auto outcomes = service().sync_branch("robot", "b1", {std::nullopt, seconds(20), false}).value();
  EXPECT_TRUE(outcomes.at(0).finished);
  ASSERT_TRUE(outcomes.at(0).report.error);
  EXPECT_EQ(outcomes.at(0).report.error->code, ErrorCode::Timeout);
}

TEST_F(SyncServiceTest, ASyncIsNotAnsweredByARunThatBeganBeforeIt) {
  hosts_.close_gate();
  service().start();
  ASSERT_TRUE(service().deliver(push_to("refs/heads/b1")));
  ASSERT_TRUE(wait_running(1));
  std::vector<SyncOutcome> outcomes;
  std::jthread caller([&] {
    outcomes = service().sync_branch("robot", "b1", {std::nullopt, seconds(20), false}).value();
  });
  ASSERT_TRUE(eventually([&] { return store().lanes().value().at(0).requested_seq == 2; }));
  hosts_.open_gate();
  caller.join();
  EXPECT_TRUE(outcomes.at(0).finished);
  EXPECT_EQ(hosts_.done().size(), 2U);
}

TEST_F(SyncServiceTest, ASyncThatTakesLongerIsToldToBePending) {
  hosts_.close_gate();
  service().start();
  for (const auto wait : {milliseconds(0), milliseconds(20), milliseconds(-5)}) {
    const auto outcomes = service().sync_branch("robot", "b1", {std::nullopt, wait, false}).value();
    EXPECT_FALSE(outcomes.at(0).finished);
    EXPECT_NE(outcomes.at(0).lane_id, 0);
  }
}

TEST_F(SyncServiceTest, StopEndsAWait) {
  options_of_sync_.grace = milliseconds(10);
  hosts_.close_gate();
  service().start();
  std::vector<SyncOutcome> outcomes;
  std::jthread caller([&] {
    outcomes = service().sync_branch("robot", "b1", {std::nullopt, seconds(600), false}).value();
  });
  ASSERT_TRUE(wait_running(1));
  service().stop();
  caller.join();
  EXPECT_FALSE(outcomes.at(0).finished);
  EXPECT_TRUE(store().lanes().value().at(0).is_pending());
}

TEST_F(SyncServiceTest, StopEndsAWaitBeforeTheRunsAreDrained) {
  hosts_.close_gate();
  service().start();
  std::vector<SyncOutcome> outcomes;
  std::thread caller([&] {
    outcomes = service().sync_branch("robot", "b1", {std::nullopt, seconds(600), false}).value();
  });
  ASSERT_TRUE(wait_running(1));
  std::jthread stopping([&] { service().stop(); });
  caller.join();
  EXPECT_EQ(hosts_.running(), 1U);
  EXPECT_FALSE(outcomes.at(0).finished);
  hosts_.open_gate();
  stopping.join();
  EXPECT_FALSE(store().lanes().value().at(0).is_pending());
}

TEST_F(SyncServiceTest, AManualSyncRunsAQuarantinedLane) {
  const auto id = marked(mark_of("b1")).marked[0].lane_id;
  for (int crash = 0; crash < 3; ++crash) {
    ASSERT_TRUE(store().begin_run(lane(id), Direction::ToOuter, now_ms()));
    reopen();
  }
  ASSERT_TRUE(lane(id).quarantined);
  service().start();
  ASSERT_TRUE(service().deliver(push_to("refs/heads/b1")));
  ASSERT_TRUE(service().deliver(push_to("refs/heads/b2")));
  ASSERT_TRUE(wait_done(1));
  EXPECT_TRUE(lane(id).is_pending());
  const auto outcomes = service().sync_branch("robot", "b1", {std::nullopt, seconds(20), false}).value();
  EXPECT_TRUE(outcomes.at(0).finished);
  EXPECT_FALSE(lane(id).quarantined);
  EXPECT_FALSE(lane(id).is_pending());
}

TEST_F(SyncServiceTest, TellsUnknownFromDisabled) {
  auto binding = binding_between("robot", "in", "out");
  binding.branches[1].enabled = false;
  auto disabled = binding_between("disabled", "in", "out");
  disabled.enabled = false;
  set_bindings({binding, disabled});
  const auto error_of = [&](std::string_view repository, std::string_view branch) {
    const auto planned = service().plan_branch(repository, branch, {});
    const auto synced = service().sync_branch(repository, branch, {std::nullopt, milliseconds(0), false});
    EXPECT_EQ(planned.error().text(), synced.error().text());
    return synced.error();
  };
  EXPECT_EQ(error_of("nobody", "b1").code, ErrorCode::RepositoryUnknown);
  EXPECT_EQ(error_of("disabled", "b1").code, ErrorCode::NotEnabled);
  EXPECT_EQ(error_of("robot", "b1").code, ErrorCode::NotEnabled);
  EXPECT_NE(error_of("robot", "b1").message.find("disabled"), std::string::npos);
  EXPECT_EQ(error_of("robot", "zzz").code, ErrorCode::NotEnabled);
  EXPECT_NE(error_of("robot", "zzz").message.find("no branch of that name"), std::string::npos);
  EXPECT_TRUE(store().lanes().value().empty());
}

TEST_F(SyncServiceTest, TheNameIsThatOnTheSourceSideAndAllBindingsOfItRun) {
  auto binding = binding_between("robot", "in", "out");
  binding.branches = {{"main", "x", true}, {"main", "y", true}, {"z", "main", true}};
  set_bindings({binding});
  service().start();
  EXPECT_EQ(service().sync_branch("robot", "main", {std::nullopt, seconds(20), false}).value().size(), 2U);
  const auto back = service().sync_branch("robot", "main", {Direction::ToInter, seconds(20), false}).value();
  ASSERT_EQ(back.size(), 1U);
  EXPECT_EQ(hosts_.done().back().target, "in refs/heads/z");
}

TEST_F(SyncServiceTest, AWholeRepositoryTakesAnyBranchName) {
  auto all = binding_between("robot", "in", "out");
  all.granularity = Granularity::All;
  all.branches.clear();
  set_bindings({all});
  service().start();
  EXPECT_TRUE(
      service().sync_branch("robot", "feature/x", {std::nullopt, seconds(20), false}).value().at(0).finished);
  EXPECT_FALSE(service().sync_branch("robot", "a..b", {std::nullopt, seconds(20), false}));
}

TEST_F(SyncServiceTest, APlanMarksAndRecordsNothing) {
  const auto outcomes =
      service().plan_branch("robot", "b1", {Direction::ToInter, seconds(20), false}).value();
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_TRUE(outcomes[0].finished);
  EXPECT_TRUE(outcomes[0].report.dry_run);
  EXPECT_TRUE(hosts_.done().at(0).dry_run);
  EXPECT_EQ(hosts_.done().at(0).source, "out refs/heads/b1");
  EXPECT_TRUE(store().lanes().value().empty());
  EXPECT_TRUE(run_rows().empty());
}

TEST_F(SyncServiceTest, APlanThatHasNoTimeIsNotFinished) {
  const auto late = service().plan_branch("robot", "b1", {std::nullopt, milliseconds(0), false}).value();
  ASSERT_EQ(late.size(), 1U);
  EXPECT_FALSE(late[0].finished);
  EXPECT_TRUE(hosts_.done().empty());
  hosts_.close_gate();
  const auto cut = service().plan_branch("robot", "b1", {std::nullopt, milliseconds(20), false}).value();
  EXPECT_FALSE(cut.at(0).finished);
}

TEST_F(SyncServiceTest, AForcedPlanIsOfAForcedRun) {
  ASSERT_TRUE(service().plan_branch("robot", "b1", {std::nullopt, seconds(20), true}));
  EXPECT_EQ(hosts_.done().at(0).policy, Policy::Force);
  EXPECT_TRUE(hosts_.done().at(0).dry_run);
}

TEST_F(SyncServiceTest, AForcedSyncForcesItsRun) {
  service().start();
  ASSERT_TRUE(service().sync_branch("robot", "b1", {std::nullopt, seconds(20), true}));
  ASSERT_TRUE(service().sync_branch("robot", "b1", {std::nullopt, seconds(20), false}));
  ASSERT_EQ(hosts_.done().size(), 2U);
  EXPECT_EQ(hosts_.done()[0].policy, Policy::Force);
  EXPECT_EQ(hosts_.done()[1].policy, Policy::FfOnly);
}

TEST_F(SyncServiceTest, StopCutsAPlan) {
  hosts_.close_gate();
  service().start();
  std::vector<SyncOutcome> outcomes;
  std::jthread caller([&] {
    outcomes = service().plan_branch("robot", "b1", {std::nullopt, seconds(600), false}).value();
  });
  ASSERT_TRUE(wait_running(1));
  service().stop();
  caller.join();
  EXPECT_FALSE(outcomes.at(0).finished);
}

TEST_F(SyncServiceTest, ANewSnapshotDecidesTheRunsOfWhatIsPending) {
  ASSERT_TRUE(service().deliver(push_to("refs/heads/b1")));
  ASSERT_TRUE(service().deliver(push_to("refs/heads/b2")));
  auto moved = binding_between("robot", "in", "elsewhere");
  moved.branches.erase(moved.branches.begin() + 2);
  service().replace_snapshot(snapshot_of({moved}));
  EXPECT_EQ(service().snapshot()->find("robot")->external.host, "elsewhere");
  service().start();
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  ASSERT_EQ(hosts_.done().size(), 1U);
  EXPECT_EQ(hosts_.done()[0].target, "elsewhere refs/heads/b1");
}

}  // namespace
}  // namespace gitferry

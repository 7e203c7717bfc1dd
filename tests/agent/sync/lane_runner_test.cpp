#include "agent/sync/lane_runner.h"

#include <cstdio>
#include <stdexcept>

#include <gtest/gtest.h>

#include "tests/agent/sync/sync_fixture.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Error error_of(ErrorCode code, std::optional<seconds> retry_after = {}) {
  return {code, "it went wrong", "", retry_after};
}

class LaneRunnerTest : public SyncTest {};

TEST_F(LaneRunnerTest, RunsAMarkedLaneFromTheSourceToTheTarget) {
  runner().start();
  const auto id = request("b1");
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  runner().stop();
  ASSERT_EQ(hosts_.done().size(), 1U);
  EXPECT_EQ(hosts_.done()[0].source, "in refs/heads/b1");
  EXPECT_EQ(hosts_.done()[0].target, "out refs/heads/b1");
  const auto rows = run_rows();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].state, RunState::Finished);
  EXPECT_EQ(rows[0].code_status, 0);
  EXPECT_EQ(rows[0].total_us, 1500);
  EXPECT_NE(rows[0].text.find("internal b1 -> external b1: fast_forward"), std::string::npos);
  EXPECT_EQ(lane(id).last_success_at_ms, now_ms());
}

TEST_F(LaneRunnerTest, AThousandMarksDuringARunCostOneMoreRun) {
  hosts_.close_gate();
  runner().start();
  request("b1");
  ASSERT_TRUE(wait_running(1));
  for (int i = 0; i < 10; ++i) {
    const std::vector<LaneMark> hundred(100, mark_of("b1"));
    const auto receipt = store().mark_lanes(hundred, Trigger::Webhook);
    ASSERT_TRUE(receipt);
    runner().wake_for(receipt->marked);
  }
  hosts_.open_gate();
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  runner().stop();
  EXPECT_EQ(hosts_.done().size(), 2U);
  EXPECT_EQ(run_rows().size(), 2U);
}

TEST_F(LaneRunnerTest, R13_OfAThousandRequestsNoneRunsALaneTwiceAtOnce) {
  options_of_sync_.workers = 10;
  options_of_sync_.per_host = 100;
  auto both = binding_between("robot", "in", "out");
  both.granularity = Granularity::All;
  both.branches.clear();
  set_bindings({both});
  runner().start();
  {
    std::vector<std::jthread> clients;
    for (int client = 0; client < 10; ++client) {
      clients.emplace_back([&, client] {
        for (int i = 0; i < 100; ++i) {
          const auto mark = mark_of("lane" + std::to_string((client * 7 + i) % 20));
          const auto receipt = store().mark_lanes(std::span(&mark, 1), Trigger::Webhook);
          ASSERT_TRUE(receipt);
          runner().wake_for(receipt->marked);
        }
      });
    }
  }
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  runner().stop();
  std::printf("R-13 requests=1000 lanes=20 runs=%zu largest_overlap=%zu\n", run_rows().size(),
              hosts_.largest_overlap());
  EXPECT_EQ(hosts_.largest_overlap(), 1U);
  EXPECT_EQ(store().lanes().value().size(), 20U);
  EXPECT_EQ(run_rows().size(), hosts_.done().size());
  for (const auto& row : run_rows()) EXPECT_EQ(row.state, RunState::Finished);
}

TEST_F(LaneRunnerTest, ABusyHostDoesNotDelayTheOthers) {
  options_of_sync_.workers = 6;
  options_of_sync_.per_host = 2;
  std::vector<RepositoryBinding> bindings{binding_between("other", "elsewhere", "quick")};
  for (int i = 0; i < 5; ++i) bindings.push_back(binding_between("r" + std::to_string(i), "in", "slow"));
  set_bindings(bindings);
  hosts_.close_gate();
  for (int i = 0; i < 5; ++i) marked({lane_key("b1", "r" + std::to_string(i)), Direction::ToOuter});
  clock_.advance(milliseconds(1));
  marked({lane_key("b1", "other"), Direction::ToOuter});
  runner().start();
  ASSERT_TRUE(wait_running(3));
  hosts_.open_gate();
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  runner().stop();
  EXPECT_EQ(hosts_.largest_at("slow"), 2U);
  EXPECT_EQ(hosts_.largest_at("quick"), 1U);
  EXPECT_EQ(hosts_.done().size(), 6U);
}

TEST_F(LaneRunnerTest, ATransientFailureIsTriedAgainWhenItsTimeComes) {
  hosts_.answer_with({error_of(ErrorCode::ConnectionFailed), error_of(ErrorCode::Timeout)});
  runner().start();
  const auto id = request("b1");
  ASSERT_TRUE(eventually([&] { return lane(id).attempts == 1; }));
  EXPECT_EQ(lane(id).next_attempt_at_ms, now_ms() + 2'500);
  EXPECT_EQ(lane(id).last_error, "connection_failed");
  clock_.advance(milliseconds(2'499));
  EXPECT_FALSE(lane(id).is_due(now_ms()));
  clock_.advance(milliseconds(1));
  ASSERT_TRUE(eventually([&] { return lane(id).attempts == 2; }));
  EXPECT_EQ(lane(id).next_attempt_at_ms, now_ms() + 5'000);
  EXPECT_EQ(hosts_.done().size(), 2U);
  clock_.advance(seconds(5));
  ASSERT_TRUE(eventually([&] { return !lane(id).is_pending(); }));
  EXPECT_EQ(lane(id).attempts, 0);
  EXPECT_EQ(lane(id).last_error, "");
  EXPECT_EQ(hosts_.done().size(), 3U);
}

TEST_F(LaneRunnerTest, ANewPushDoesNotShortenAHostsRetryAfter) {
  hosts_.answer_with({error_of(ErrorCode::HostBusy, seconds(7'200))});
  runner().start();
  const auto id = request("b1");
  ASSERT_TRUE(eventually([&] { return lane(id).attempts == 1; }));
  EXPECT_EQ(lane(id).hold_until_ms, now_ms() + 3'600'000);
  request("b1");
  request("b2");
  ASSERT_TRUE(wait_done(2));
  clock_.advance(seconds(3'599));
  request("b3");
  ASSERT_TRUE(wait_done(3));
  EXPECT_TRUE(lane(id).is_pending());
  clock_.advance(seconds(1));
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  EXPECT_EQ(hosts_.done().size(), 4U);
}

TEST_F(LaneRunnerTest, APermanentFailureIsNotTriedAgain) {
  hosts_.answer_with({error_of(ErrorCode::Diverged)});
  runner().start();
  const auto id = request("b1");
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  EXPECT_EQ(lane(id).last_code_status, 20010);
  EXPECT_EQ(lane(id).last_success_at_ms, 0);
  clock_.advance(seconds(7'200));
  request("b2");
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  runner().stop();
  EXPECT_EQ(hosts_.done().size(), 2U);
}

TEST_F(LaneRunnerTest, RunsBothDirectionsInOrderWithARowEach) {
  marked(mark_of("b1", Direction::ToInter));
  const auto id = marked(mark_of("b1", Direction::ToOuter)).marked[0].lane_id;
  runner().start();
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  runner().stop();
  const auto done = hosts_.done();
  ASSERT_EQ(done.size(), 2U);
  EXPECT_EQ(done[0].target, "out refs/heads/b1");
  EXPECT_EQ(done[1].target, "in refs/heads/b1");
  const auto rows = run_rows();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].direction, Direction::ToOuter);
  EXPECT_EQ(rows[1].direction, Direction::ToInter);
  EXPECT_EQ(lane(id).requested_directions, 0U);
}

TEST_F(LaneRunnerTest, TheSecondDirectionTakesTheBindingsThatAreInForceByThen) {
  hosts_.close_gate();
  marked(mark_of("b1", Direction::ToInter));
  marked(mark_of("b1", Direction::ToOuter));
  runner().start();
  ASSERT_TRUE(wait_running(1));
  OverrideChange change;
  change.forget_lanes_of = {"robot"};
  ASSERT_TRUE(store().change_overrides(change));
  set_bindings({binding_between("robot", "new", "out")});
  hosts_.open_gate();
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  runner().stop();
  const auto done = hosts_.done();
  ASSERT_EQ(done.size(), 3U) << "one between the old addresses, one a direction between the new ones";
  EXPECT_EQ(done[0].source, "in refs/heads/b1");
  for (std::size_t i = 1; i < done.size(); ++i) {
    EXPECT_TRUE(done[i].source.starts_with("new ") || done[i].target.starts_with("new ")) << done[i].source;
  }
}

TEST_F(LaneRunnerTest, ATransientFailureInOneDirectionKeepsTheRequest) {
  hosts_.answer_with({error_of(ErrorCode::Timeout)});
  marked(mark_of("b1", Direction::ToInter));
  const auto id = marked(mark_of("b1", Direction::ToOuter)).marked[0].lane_id;
  runner().start();
  ASSERT_TRUE(eventually([&] { return lane(id).attempts == 1; }));
  EXPECT_EQ(hosts_.done().size(), 2U);
  clock_.advance(seconds(5));
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  EXPECT_EQ(hosts_.done().size(), 4U);
}

TEST_F(LaneRunnerTest, AForcedMarkForcesOneRunAndNotItsRetry) {
  hosts_.answer_with({error_of(ErrorCode::Timeout)});
  runner().start();
  const auto id = marked({lane_key("b1"), Direction::ToOuter, true}).marked[0].lane_id;
  runner().wake();
  ASSERT_TRUE(eventually([&] { return lane(id).attempts == 1; }));
  clock_.advance(seconds(5));
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  request("b1");
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  const auto done = hosts_.done();
  ASSERT_EQ(done.size(), 3U);
  EXPECT_EQ(done[0].policy, Policy::Force);
  EXPECT_EQ(done[1].policy, Policy::FfOnly);
  EXPECT_EQ(done[2].policy, Policy::FfOnly);
}

TEST_F(LaneRunnerTest, ARunIsToldWhatTheLastOnePutThere) {
  auto binding = binding_between("robot", "in", "out");
  binding.policy = Policy::Follow;
  set_bindings({binding});
  options_of_sync_.workers = 1;
  Guarded<std::vector<std::optional<ObjectId>>> told;
  hosts_.on_run([&](const SyncRequest& request) {
    for (const auto& ref : request.refs) told.lock()->push_back(ref.put_tip);
  });
  const auto put = ObjectId::from_hex(std::string(40, 'a')).value();
  const auto id = marked(mark_of("b1")).marked[0].lane_id;
  auto end = success(lane(id), store().begin_run(lane(id), Direction::ToOuter, now_ms()).value());
  end.report.target_tip_after = put;
  ASSERT_TRUE(store().finish_run(end));
  runner().start();
  request("b1");
  request("b2");
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  EXPECT_EQ(*told.lock(), (std::vector<std::optional<ObjectId>>{put, std::nullopt}));
  for (const auto& done : hosts_.done()) EXPECT_EQ(done.policy, Policy::Follow);
}

TEST_F(LaneRunnerTest, LeaveToForceOneDirectionIsNoneForTheOther) {
  marked({lane_key("b1"), Direction::ToInter, true});
  marked(mark_of("b1", Direction::ToOuter));
  runner().start();
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  const auto done = hosts_.done();
  ASSERT_EQ(done.size(), 2U);
  EXPECT_EQ(done[0].target, "out refs/heads/b1");
  EXPECT_EQ(done[0].policy, Policy::FfOnly);
  EXPECT_EQ(done[1].target, "in refs/heads/b1");
  EXPECT_EQ(done[1].policy, Policy::Force);
}

TEST_F(LaneRunnerTest, AForcedMarkDuringARunIsForTheNextOne) {
  hosts_.close_gate();
  runner().start();
  request("b1");
  ASSERT_TRUE(wait_running(1));
  runner().wake_for(marked({lane_key("b1"), Direction::ToOuter, true}).marked);
  hosts_.open_gate();
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  ASSERT_EQ(hosts_.done().size(), 2U);
  EXPECT_EQ(hosts_.done()[0].policy, Policy::FfOnly);
  EXPECT_EQ(hosts_.done()[1].policy, Policy::Force);
}

TEST_F(LaneRunnerTest, AnExceptionFailsTheRunAndNotTheProcess) {
  hosts_.on_run([](const SyncRequest& request) {
    if (request.refs.front().source_ref == "refs/heads/b1") throw std::runtime_error("boom");
    if (request.refs.front().source_ref == "refs/heads/b2") throw 7;
  });
  options_of_sync_.workers = 1;
  runner().start();
  const auto one = request("b1");
  const auto two = request("b2");
  const auto three = request("b3");
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  EXPECT_EQ(lane(one).last_error, "internal");
  EXPECT_NE(lane(one).last_text.find("boom"), std::string::npos);
  EXPECT_EQ(lane(two).last_error, "internal");
  EXPECT_EQ(lane(three).last_error, "");
}

TEST_F(LaneRunnerTest, AMissingCredentialIsTheRunsError) {
  credentials_ = [](const RemoteUrl&) -> Result<std::optional<Credential>> {
    return fail(ErrorCode::AuthenticationFailed, "read the secret file: no such file", "make it");
  };
  runner().start();
  const auto id = request("b1");
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  EXPECT_EQ(lane(id).last_code_status, 20005);
  EXPECT_TRUE(hosts_.done().empty());
  EXPECT_EQ(run_rows().size(), 1U);
}

TEST_F(LaneRunnerTest, DropsRequestsOfWhatIsGoneOrDisabled) {
  auto binding = binding_between("robot", "in", "out");
  binding.branches[1].enabled = false;
  auto disabled = binding_between("disabled", "in", "out");
  disabled.enabled = false;
  set_bindings({binding, disabled});
  const auto off = marked(mark_of("b1")).marked[0].lane_id;
  const auto unbound = marked(mark_of("zzz")).marked[0].lane_id;
  const auto gone = marked({lane_key("b1", "gone"), Direction::ToOuter}).marked[0].lane_id;
  const auto repository_off = marked({lane_key("b1", "disabled"), Direction::ToOuter}).marked[0].lane_id;
  runner().start();
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  runner().stop();
  EXPECT_EQ(lane(off).last_error, "not_enabled");
  EXPECT_EQ(lane(unbound).last_error, "branch_unknown");
  EXPECT_EQ(lane(gone).last_error, "repository_unknown");
  EXPECT_EQ(lane(repository_off).last_error, "not_enabled");
  EXPECT_TRUE(hosts_.done().empty());
  EXPECT_TRUE(run_rows().empty());
}

TEST_F(LaneRunnerTest, StopLetsRunningRunsFinishAndBeginsNoOther) {
  options_of_sync_.workers = 1;
  hosts_.close_gate();
  runner().start();
  const auto first = request("b1");
  ASSERT_TRUE(wait_running(1));
  clock_.advance(milliseconds(1));
  const auto second = request("b2");
  std::jthread stopping([&] { runner().stop(); });
  hosts_.open_gate();
  stopping.join();
  EXPECT_FALSE(lane(first).is_pending());
  EXPECT_EQ(lane(first).last_error, "");
  // Whether the second one was taken before stop() was called is open; if not, it stays pending.
  EXPECT_EQ(lane(second).is_pending(), hosts_.done().size() == 1);
  EXPECT_EQ(hosts_.running(), 0U);
}

TEST_F(LaneRunnerTest, StopCancelsAfterTheGraceAndTheLaneStaysPending) {
  options_of_sync_.grace = milliseconds(10);
  hosts_.close_gate();
  runner().start();
  const auto id = request("b1");
  ASSERT_TRUE(wait_running(1));
  runner().stop();
  const auto row = lane(id);
  EXPECT_TRUE(row.is_pending());
  EXPECT_EQ(row.attempts, 0);
  EXPECT_TRUE(row.is_due(now_ms()));
  ASSERT_EQ(run_rows().size(), 1U);
  EXPECT_EQ(run_rows()[0].state, RunState::Finished);
  EXPECT_EQ(run_rows()[0].error, "cancelled");
}

TEST_F(LaneRunnerTest, AtBootEveryPendingLaneRuns) {
  hosts_.answer_with(std::vector<Error>(10, error_of(ErrorCode::Timeout)));
  runner().start();
  for (int i = 0; i < 10; ++i) request("b" + std::to_string(i));
  ASSERT_TRUE(eventually([&] {
    const auto rows = store().lanes().value();
    return std::all_of(rows.begin(), rows.end(), [](const LaneRow& row) { return row.attempts == 1; });
  }));
  runner_.reset();
  reopen();
  runner().start();
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  EXPECT_EQ(hosts_.done().size(), 20U);
}

TEST_F(LaneRunnerTest, StartsAndStopsUnderLoadWithoutLosingWork) {
  options_of_sync_.workers = 4;
  for (int round = 0; round < 20; ++round) {
    LaneRunner again(parts());
    again.start();
    const auto mark = mark_of("b" + std::to_string(round % 10));
    ASSERT_TRUE(store().mark_lanes(std::span(&mark, 1), Trigger::Webhook));
    again.wake();
    again.stop();
  }
  runner().start();
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  runner().stop();
  for (const auto& row : run_rows()) EXPECT_EQ(row.state, RunState::Finished);
}

class TwoWayRunnerTest : public LaneRunnerTest {
 protected:
  TwoWayRunnerTest() {
    auto binding = binding_between("robot", "in", "out");
    binding.direction = BindingDirection::Both;
    set_bindings({binding});
  }
  std::vector<std::string> targets() {
    std::vector<std::string> found;
    for (const auto& done : hosts_.done()) found.push_back(done.target);
    return found;
  }
};

TEST_F(TwoWayRunnerTest, WhereTheSourceIsBehindTheSameRunGoesTheOtherWay) {
  hosts_.answer_with({error_of(ErrorCode::Diverged)});
  runner().start();
  const auto id = request("b1");
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  runner().stop();
  EXPECT_EQ(targets(), (std::vector<std::string>{"out refs/heads/b1", "in refs/heads/b1"}));
  const auto rows = run_rows();
  ASSERT_EQ(rows.size(), 1U) << "one row a mark";
  EXPECT_EQ(rows[0].direction, Direction::ToInter) << "what happened";
  EXPECT_EQ(rows[0].code_status, 0);
  EXPECT_EQ(rows[0].text.rfind("external b1 -> internal b1", 0), 0U) << rows[0].text;
  EXPECT_EQ(lane(id).last_direction, Direction::ToInter);
  EXPECT_EQ(lane(id).last_error, "");
}

TEST_F(TwoWayRunnerTest, WhereBothSidesHaveCommitsOfTheirOwnItSaysSo) {
  hosts_.answer_with({error_of(ErrorCode::Diverged), error_of(ErrorCode::Diverged)});
  runner().start();
  const auto id = request("b1", Direction::ToInter);
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  runner().stop();
  EXPECT_EQ(targets(), (std::vector<std::string>{"in refs/heads/b1", "out refs/heads/b1"}));
  ASSERT_EQ(run_rows().size(), 1U);
  EXPECT_EQ(run_rows()[0].direction, Direction::ToInter);
  EXPECT_EQ(lane(id).last_code_status, 20010);
  EXPECT_NE(lane(id).last_text.find("both sides have commits of their own"), std::string::npos);
}

TEST_F(TwoWayRunnerTest, WhatTheSourceLacksComesFromTheOtherSide) {
  hosts_.answer_with({error_of(ErrorCode::BranchMissing)});
  runner().start();
  request("b1");
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  EXPECT_EQ(run_rows().at(0).direction, Direction::ToInter);
}

TEST_F(TwoWayRunnerTest, OtherErrorsDoNotTurnIt) {
  hosts_.answer_with({error_of(ErrorCode::AccessDenied)});
  runner().start();
  request("b1");
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  EXPECT_EQ(targets(), (std::vector<std::string>{"out refs/heads/b1"}));
}

TEST_F(TwoWayRunnerTest, ATransientFailureOfTheOtherWayIsTriedAgain) {
  hosts_.answer_with({error_of(ErrorCode::Diverged), error_of(ErrorCode::Timeout)});
  runner().start();
  const auto id = request("b1");
  ASSERT_TRUE(eventually([&] { return lane(id).attempts == 1; }));
  EXPECT_TRUE(lane(id).is_pending());
  clock_.advance(seconds(5));
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  EXPECT_EQ(lane(id).last_error, "");
}

TEST_F(TwoWayRunnerTest, AForcedRunIsNotTurned) {
  hosts_.answer_with({error_of(ErrorCode::Diverged)});
  marked({lane_key("b1"), Direction::ToOuter, true});
  runner().start();
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  EXPECT_EQ(targets(), (std::vector<std::string>{"out refs/heads/b1"}));
}

TEST_F(TwoWayRunnerTest, TheTurnDoesNotUseLeaveToForceThatIsForTheOtherDirection) {
  hosts_.answer_with({error_of(ErrorCode::Diverged), error_of(ErrorCode::Diverged)});
  marked(mark_of("b1", Direction::ToOuter));
  marked({lane_key("b1"), Direction::ToInter, true});
  runner().start();
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  const auto done = hosts_.done();
  ASSERT_EQ(done.size(), 3U);
  EXPECT_EQ(done[1].target, "in refs/heads/b1");
  EXPECT_EQ(done[1].policy, Policy::FfOnly);
  EXPECT_EQ(done[2].target, "in refs/heads/b1");
  EXPECT_EQ(done[2].policy, Policy::Force);
}

TEST_F(TwoWayRunnerTest, WhoWaitsIsToldWhichWayItWent) {
  hosts_.answer_with({error_of(ErrorCode::Diverged)});
  service().start();
  const auto outcomes = service().sync_branch("robot", "b1", {std::nullopt, seconds(20), false}).value();
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_TRUE(outcomes[0].finished);
  EXPECT_EQ(outcomes[0].direction, Direction::ToInter);
  hosts_.answer_with({error_of(ErrorCode::Diverged)});
  const auto planned = service().plan_branch("robot", "b1", {std::nullopt, seconds(20), false}).value();
  EXPECT_EQ(planned.at(0).direction, Direction::ToInter);
  EXPECT_FALSE(planned.at(0).report.error);
}

TEST_F(LaneRunnerTest, AOneWayLaneIsNotTurned) {
  hosts_.answer_with({error_of(ErrorCode::Diverged)});
  runner().start();
  request("b1");
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  EXPECT_EQ(hosts_.done().size(), 1U);
}

}  // namespace
}  // namespace gitferry

#include "agent/store/deliveries.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <latch>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/agent/store/store_fixture.h"

namespace gitferry {
namespace {

DeliveryRecord signed_delivery(const std::string& signed_id) {
  auto record = delivery_of("d-" + signed_id);
  record.hook = "gitlab:group-a";
  record.request_id = "r-" + signed_id;
  record.named_repository = "acme/robot";
  record.signed_id = signed_id;
  record.side = Side::Internal;
  record.body_sha256 = std::string(64, 'b');
  return record;
}

class DeliveriesTest : public StoreTest {
 protected:
  Receipt recorded(const DeliveryRecord& record, const std::vector<LaneMark>& marks = {}) {
    return store().record_delivery(record, marks).value();
  }
  DeliveryRow row(std::int64_t id) { return store().delivery(id).value().value(); }
  DeliveryLane only_lane(std::int64_t delivery_id) {
    const auto found = row(delivery_id);
    EXPECT_EQ(found.lanes.size(), 1U);
    return found.lanes.empty() ? DeliveryLane{} : found.lanes[0];
  }
  std::int64_t begin(std::int64_t lane_id, Direction direction = Direction::ToOuter) {
    return store().begin_run(lane(lane_id), direction, now_ms()).value();
  }
  /// Ends what `taken` began.
  void end(const LaneRow& taken, std::int64_t run_id, std::optional<ErrorCode> error = std::nullopt) {
    auto end = success(taken, run_id);
    if (error) end.report.error = Error{*error, "failed", "", std::nullopt};
    if (end.report.error && end.report.error->is_transient()) end.done_seq.reset();
    ASSERT_TRUE(store().finish_run(end));
  }
  std::int64_t ran(std::int64_t lane_id, std::optional<ErrorCode> error = std::nullopt) {
    const auto taken = lane(lane_id);
    const auto run = begin(lane_id);
    end(taken, run, error);
    return run;
  }
};

// ---- what is kept

TEST_F(DeliveriesTest, EveryFieldSurvivesAReopen) {
  auto record = signed_delivery("msg_1");
  record.verdict = Verdict::Refused;
  record.reason = "other_repository";
  record.replay_of = 77;
  const auto id = recorded(record).delivery_id;
  reopen();
  const auto found = row(id);
  EXPECT_EQ(found.record.hook, "gitlab:group-a");
  EXPECT_EQ(found.record.request_id, "r-msg_1");
  EXPECT_EQ(found.record.repository, "robot");
  EXPECT_EQ(found.record.named_repository, "acme/robot");
  EXPECT_EQ(found.record.signed_id, "msg_1");
  EXPECT_EQ(found.record.side, Side::Internal);
  EXPECT_EQ(found.record.verdict, Verdict::Refused);
  EXPECT_EQ(found.record.reason, "other_repository");
  EXPECT_EQ(found.record.replay_of, 77);
  EXPECT_EQ(found.record.body_bytes, 12);
  EXPECT_FALSE(found.duplicate_of);
  EXPECT_FALSE(found.same_body_as);
}

TEST_F(DeliveriesTest, ARequestThatReachedSeveralBindingsIsARowForEach) {
  std::vector<NewDelivery> fan_out;
  for (const auto* repository : {"robot", "rover", "quiet"}) {
    auto record = signed_delivery("msg_1");
    record.repository = repository;
    fan_out.push_back({record, {{lane_key("main", repository), Direction::ToOuter}}});
  }
  fan_out[2].record.verdict = Verdict::Ignored;
  fan_out[2].marks.clear();
  const auto receipts = store().record_deliveries(fan_out).value();
  ASSERT_EQ(receipts.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto found = row(receipts[i].delivery_id);
    EXPECT_EQ(found.record.request_id, "r-msg_1");
    EXPECT_EQ(found.record.repository, fan_out[i].record.repository);
    EXPECT_EQ(found.lanes.size(), fan_out[i].marks.size());
    EXPECT_EQ(receipts[i].marked.size(), fan_out[i].marks.size());
    EXPECT_FALSE(found.same_body_as) << "it came with the others";
  }

  const auto again = store().record_deliveries(fan_out).value();
  EXPECT_EQ(again[0].duplicate_of, receipts[0].delivery_id);
  EXPECT_EQ(again[1].duplicate_of, receipts[1].delivery_id);
  EXPECT_FALSE(again[2].duplicate_of) << "it was ignored, and is again";
  for (const auto& receipt : again) {
    EXPECT_EQ(row(receipt.delivery_id).same_body_as, receipts[2].delivery_id);
  }
}

TEST_F(DeliveriesTest, ACallThatFailsStoresNoneOfItsRows) {
  std::vector<NewDelivery> two{{signed_delivery("msg_1"), {mark_of("main")}}, {signed_delivery("msg_2"), {}}};
  two[1].record.verdict = Verdict::Duplicate;  // of nothing: only the store can say so
  const auto failed = store().record_deliveries(two);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::StoreFailed);
  EXPECT_EQ(store().deliveries({}, {}).value().total, 0);
  EXPECT_TRUE(store().lanes().value().empty());
}

TEST_F(DeliveriesTest, NothingIsDroppedForAnEqualBody) {
  auto record = signed_delivery("");
  const auto first = recorded(record, {mark_of("main")});
  const auto second = recorded(record, {mark_of("main")});
  const auto third = recorded(record, {mark_of("main")});
  EXPECT_EQ(third.marked.at(0).seq, first.marked.at(0).seq + 2);
  EXPECT_EQ(row(second.delivery_id).same_body_as, first.delivery_id);
  EXPECT_EQ(row(third.delivery_id).same_body_as, second.delivery_id) << "the latest";
  EXPECT_EQ(row(third.delivery_id).record.verdict, Verdict::Accepted);

  record.hook = "gitlab:group-b";
  EXPECT_FALSE(row(recorded(record).delivery_id).same_body_as) << "of another hook";
  record.hook = "gitlab:group-a";
  record.body_sha256 = std::string(64, 'c');
  EXPECT_FALSE(row(recorded(record).delivery_id).same_body_as) << "another body";
  record.body_sha256.clear();
  recorded(record);
  EXPECT_FALSE(row(recorded(record).delivery_id).same_body_as) << "a replay has none";
}

TEST_F(DeliveriesTest, PagesOfEveryFilterNeitherRepeatNorSkip) {
  for (int i = 0; i < 60; ++i) {
    auto record = signed_delivery(i % 4 == 3 ? "msg" : "");
    record.repository = i % 2 == 0 ? "robot" : "rover";
    record.verdict = std::array{Verdict::Accepted, Verdict::Ignored, Verdict::Refused, Verdict::Accepted}.at(
        static_cast<std::size_t>(i % 4));
    recorded(record);
  }
  const auto everything = store().deliveries({}, {1, 100, true}).value();
  ASSERT_EQ(everything.total, 60);
  for (const auto* repository : {"", "robot", "rover"}) {
    for (const auto verdict :
         {std::optional<Verdict>(), std::optional(Verdict::Accepted), std::optional(Verdict::Ignored),
          std::optional(Verdict::Duplicate), std::optional(Verdict::Refused)}) {
      const DeliveryFilter filter{repository, verdict};
      std::vector<std::int64_t> expected;
      for (const auto& each : everything.rows) {
        const bool is_meant = (filter.repository.empty() || each.record.repository == repository) &&
                              (!verdict || each.record.verdict == *verdict);
        if (is_meant) expected.push_back(each.id);
      }
      std::vector<std::int64_t> paged;
      for (std::int64_t number = 1; number <= 9; ++number) {
        const auto page = store().deliveries(filter, {number, 7, true}).value();
        EXPECT_EQ(page.total, static_cast<std::int64_t>(expected.size()));
        for (const auto& each : page.rows) paged.push_back(each.id);
      }
      EXPECT_EQ(paged, expected) << repository << (verdict ? name_of(*verdict) : "all");
    }
  }
  EXPECT_EQ(store().deliveries({"rover", Verdict::Duplicate}, {}).value().total, 14);
}

TEST_F(DeliveriesTest, RetentionTakesTheLanesOfARowWithItAndForgetsItsSignedId) {
  GITFERRY_ABOUT_SQLITE_ALONE;
  options_.deliveries.count = 10;
  const auto first = recorded(signed_delivery("msg_0"), {mark_of("main")});
  for (int i = 1; i <= 200; ++i) recorded(signed_delivery("msg_" + std::to_string(i)), {mark_of("main")});
  reopen();
  EXPECT_EQ(store().deliveries({}, {}).value().total, 10);
  EXPECT_FALSE(store().delivery(first.delivery_id).value());
  EXPECT_FALSE(recorded(signed_delivery("msg_0"), {mark_of("main")}).duplicate_of);
  EXPECT_TRUE(recorded(signed_delivery("msg_200"), {mark_of("main")}).duplicate_of);
  close();
  SqliteConnection reader(options_.path, "", SqliteConnection::Role::Reader);
  auto orphans =
      reader.query("SELECT count(*) FROM delivery_lane WHERE delivery_id NOT IN (SELECT id FROM delivery)");
  ASSERT_TRUE(orphans.next());
  EXPECT_EQ(orphans.integer(0), 0);
}

// ---- duplicates

TEST_F(DeliveriesTest, S15_OfAHundredAtOnceOneIsAccepted) {
  constexpr int kClients = 100;
  store();
  std::latch all_there{kClients};
  std::vector<std::optional<std::int64_t>> told(kClients);
  std::atomic<int> marks{0};
  {
    std::vector<std::jthread> clients;
    for (int client = 0; client < kClients; ++client) {
      clients.emplace_back([&, client] {
        all_there.arrive_and_wait();
        const auto receipt = recorded(signed_delivery("msg_1"), {mark_of("main")});
        marks += static_cast<int>(receipt.marked.size());
        told.at(static_cast<std::size_t>(client)) = receipt.duplicate_of;
      });
    }
  }
  EXPECT_EQ(std::count(told.begin(), told.end(), std::nullopt), 1);
  EXPECT_EQ(marks, 1);
  EXPECT_EQ(lane(1).requested_seq, 1);
  const auto accepted = store().deliveries({"", Verdict::Accepted}, {}).value();
  ASSERT_EQ(accepted.total, 1);
  const auto duplicates = store().deliveries({"", Verdict::Duplicate}, {1, 1000, false}).value();
  EXPECT_EQ(duplicates.total, kClients - 1);
  for (const auto& each : duplicates.rows) {
    EXPECT_EQ(each.duplicate_of, accepted.rows[0].id);
    EXPECT_EQ(each.record.reason, kDuplicateReason);
    EXPECT_TRUE(each.lanes.empty());
  }
}

TEST_F(DeliveriesTest, S15_ADuplicateIsOneWhileTheFirstIsPendingRunningRetriedOrDone) {
  const auto record = signed_delivery("msg_1");
  const std::vector marks{mark_of("main")};
  const auto first = recorded(record, marks);
  const auto lane_id = first.marked.at(0).lane_id;
  const auto repeated = [&] { return recorded(record, marks).duplicate_of; };
  EXPECT_EQ(repeated(), first.delivery_id) << "pending";
  const auto taken = lane(lane_id);
  const auto run = begin(lane_id);
  EXPECT_EQ(repeated(), first.delivery_id) << "running";
  end(taken, run, ErrorCode::Timeout);
  EXPECT_EQ(repeated(), first.delivery_id) << "to be tried again";
  ran(lane_id);
  EXPECT_EQ(repeated(), first.delivery_id) << "done";
  EXPECT_FALSE(lane(lane_id).is_pending()) << "no duplicate marked it";
  recorded(signed_delivery("msg_2"), marks);
  ran(lane_id, ErrorCode::Diverged);
  EXPECT_EQ(repeated(), first.delivery_id) << "what failed was asked for by another";
  reopen();
  EXPECT_EQ(repeated(), first.delivery_id);
}

TEST_F(DeliveriesTest, S15_AfterAFailureItRunsAgain) {
  const auto record = signed_delivery("msg_1");
  const std::vector marks{mark_of("main"), mark_of("dev")};
  const auto first = recorded(record, marks);
  ran(first.marked.at(0).lane_id);
  ran(first.marked.at(1).lane_id, ErrorCode::Diverged);
  const auto second = recorded(record, marks);
  EXPECT_FALSE(second.duplicate_of) << "one of its lanes failed";
  EXPECT_EQ(second.marked.size(), 2U);
  EXPECT_EQ(row(second.delivery_id).record.verdict, Verdict::Accepted);
  EXPECT_EQ(recorded(record, marks).duplicate_of, second.delivery_id) << "it is pending again";
}

TEST_F(DeliveriesTest, S15_OnlyTheSameSignedIdOfTheSameHookAndBindingMakesADuplicate) {
  const auto record = signed_delivery("msg_1");
  const std::vector marks{mark_of("main")};
  recorded(record, marks);
  auto other = record;
  other.hook = "gitlab:group-b";
  EXPECT_FALSE(recorded(other, marks).duplicate_of);
  other = record;
  other.repository = "rover";
  EXPECT_FALSE(recorded(other, {{lane_key("main", "rover"), Direction::ToOuter}}).duplicate_of);
  other = record;
  other.signed_id = "msg_2";
  EXPECT_FALSE(recorded(other, marks).duplicate_of);
  other.signed_id.clear();
  EXPECT_FALSE(recorded(other, marks).duplicate_of);
  EXPECT_FALSE(recorded(other, marks).duplicate_of) << "no signed id is none, not an equal one";
  for (const auto verdict : {Verdict::Ignored, Verdict::Refused}) {
    other = record;
    other.verdict = verdict;
    const auto receipt = recorded(other);
    EXPECT_FALSE(receipt.duplicate_of);
    EXPECT_EQ(row(receipt.delivery_id).record.verdict, verdict);
  }
}

TEST_F(DeliveriesTest, S15_AnIgnoredOrRefusedOneIsNoFirst) {
  auto record = signed_delivery("msg_1");
  for (const auto verdict : {Verdict::Ignored, Verdict::Refused}) {
    record.verdict = verdict;
    recorded(record);
  }
  record.verdict = Verdict::Accepted;
  EXPECT_FALSE(recorded(record, {mark_of("main")}).duplicate_of);
}

TEST_F(DeliveriesTest, S15_ALaneThatTheFirstDidNotMarkMakesItCountAnew) {
  const auto record = signed_delivery("msg_1");
  recorded(record, {mark_of("main")});
  EXPECT_FALSE(recorded(record, {mark_of("main"), mark_of("dev")}).duplicate_of) << "bound in between";
  EXPECT_TRUE(recorded(record, {mark_of("dev")}).duplicate_of) << "main was unbound in between";
  EXPECT_FALSE(recorded(record, {mark_of("main", Direction::ToInter)}).duplicate_of) << "turned round";
}

TEST_F(DeliveriesTest, S15_WhatWasDroppedOrQuarantinedCountsAnew) {
  const auto record = signed_delivery("msg_1");
  const std::vector marks{mark_of("main")};
  const auto first = recorded(record, marks).marked.at(0);
  ASSERT_TRUE(store().drop_lane_request(first.lane_id, first.seq,
                                        Error{ErrorCode::NotEnabled, "disabled", "", std::nullopt}));
  EXPECT_FALSE(recorded(record, marks).duplicate_of) << "dropped";
  for (int crash = 0; crash < 3; ++crash) {
    begin(first.lane_id);
    reopen();
  }
  ASSERT_TRUE(lane(first.lane_id).quarantined);
  EXPECT_FALSE(recorded(record, marks).duplicate_of) << "quarantined";
}

TEST_F(DeliveriesTest, S15_WhereTheRunIsNoLongerKeptTheLaneTells) {
  options_.runs.count = 1;
  const std::vector marks{mark_of("main")};
  const auto good = recorded(signed_delivery("msg_1"), marks);
  ran(good.marked.at(0).lane_id);
  ran(recorded(signed_delivery("msg_2"), {mark_of("dev")}).marked.at(0).lane_id);
  reopen();
  ASSERT_FALSE(only_lane(good.delivery_id).run_id);
  EXPECT_EQ(recorded(signed_delivery("msg_1"), marks).duplicate_of, good.delivery_id);
}

// ---- which run covered a mark

TEST_F(DeliveriesTest, ShowsTheRunThatSettledItAndTheLatestOneUntilThen) {
  const auto first = recorded(signed_delivery("msg_1"), {mark_of("main")});
  const auto lane_id = first.marked.at(0).lane_id;
  EXPECT_EQ(only_lane(first.delivery_id).lane_id, lane_id);
  EXPECT_FALSE(only_lane(first.delivery_id).run_id);

  const auto taken = lane(lane_id);
  const auto failing = begin(lane_id);
  EXPECT_EQ(only_lane(first.delivery_id).run_id, failing);
  EXPECT_EQ(only_lane(first.delivery_id).run_state, RunState::Running);
  const auto folded = recorded(signed_delivery("msg_2"), {mark_of("main")});
  EXPECT_FALSE(only_lane(folded.delivery_id).run_id) << "it came after the run had begun";
  end(taken, failing, ErrorCode::Timeout);
  EXPECT_EQ(only_lane(first.delivery_id).run_id, failing);
  EXPECT_EQ(only_lane(first.delivery_id).run_state, RunState::Finished);
  EXPECT_EQ(only_lane(first.delivery_id).run_code_status, 20004);

  const auto good = ran(lane_id);
  const auto later = recorded(signed_delivery("msg_3"), {mark_of("main")});
  const auto bad = ran(lane_id, ErrorCode::Diverged);
  for (const auto id : {first.delivery_id, folded.delivery_id}) {
    EXPECT_EQ(only_lane(id).run_id, good);
    EXPECT_EQ(only_lane(id).run_code_status, 0);
  }
  EXPECT_EQ(only_lane(later.delivery_id).run_id, bad);
  EXPECT_EQ(only_lane(later.delivery_id).run_code_status, 20010);
  EXPECT_EQ(store().deliveries({}, {}).value().rows.at(0).lanes.at(0).run_id, bad) << "in lists too";
}

TEST_F(DeliveriesTest, ShowsTheRunOfItsOwnDirection) {
  const auto outer = recorded(signed_delivery("msg_1"), {mark_of("main", Direction::ToOuter)});
  const auto inter = recorded(signed_delivery("msg_2"), {mark_of("main", Direction::ToInter)});
  const auto lane_id = outer.marked.at(0).lane_id;
  const auto taken = lane(lane_id);
  const auto first = begin(lane_id, Direction::ToOuter);
  auto first_end = success(taken, first);
  first_end.more_follows = true;
  ASSERT_TRUE(store().finish_run(first_end));
  EXPECT_EQ(only_lane(outer.delivery_id).run_id, first);
  EXPECT_FALSE(only_lane(inter.delivery_id).run_id);
  const auto second = begin(lane_id, Direction::ToInter);
  end(taken, second);
  EXPECT_EQ(only_lane(outer.delivery_id).run_id, first);
  EXPECT_EQ(only_lane(inter.delivery_id).run_id, second);
}

TEST_F(DeliveriesTest, AnInterruptedRunSettlesNothing) {
  const auto first = recorded(signed_delivery("msg_1"), {mark_of("main")});
  const auto lane_id = first.marked.at(0).lane_id;
  const auto interrupted = begin(lane_id);
  reopen();
  EXPECT_EQ(only_lane(first.delivery_id).run_id, interrupted);
  EXPECT_EQ(only_lane(first.delivery_id).run_state, RunState::Interrupted);
  const auto good = ran(lane_id);
  EXPECT_EQ(only_lane(first.delivery_id).run_id, good);
}

TEST_F(DeliveriesTest, ARunForAddressesThatWereChangedMeanwhileSettlesNothing) {
  const auto first = recorded(signed_delivery("msg_1"), {mark_of("main")});
  const auto lane_id = first.marked.at(0).lane_id;
  const auto taken = lane(lane_id);
  const auto old = begin(lane_id);
  OverrideChange moved;
  moved.forget_lanes_of = {"robot"};
  ASSERT_TRUE(store().change_overrides(moved));
  end(taken, old);
  ASSERT_TRUE(lane(lane_id).is_pending());
  const auto good = ran(lane_id);
  EXPECT_EQ(only_lane(first.delivery_id).run_id, good);
}

TEST_F(DeliveriesTest, ADeliveryThatMarksALaneTwiceShowsTheRunOfTheLaterMark) {
  const auto receipt = recorded(signed_delivery("msg_1"), {mark_of("main"), mark_of("main")});
  ASSERT_EQ(receipt.marked.size(), 2U);
  const auto run = ran(receipt.marked[0].lane_id);
  EXPECT_EQ(only_lane(receipt.delivery_id).run_id, run);
}

TEST_F(DeliveriesTest, ALaneTellsItsNamesAndHowItsRunEnded) {
  const auto receipt = recorded(signed_delivery("msg_1"), {mark_of("main")});
  EXPECT_EQ(only_lane(receipt.delivery_id).key, lane_key("main"));
  EXPECT_EQ(only_lane(receipt.delivery_id).run_plan, "");
  ran(receipt.marked.at(0).lane_id, ErrorCode::Diverged);
  EXPECT_EQ(only_lane(receipt.delivery_id).run_error, "diverged");
  EXPECT_EQ(only_lane(receipt.delivery_id).run_plan, "fast_forward");
}

TEST_F(DeliveriesTest, AreSearchedByNameRefAndId) {
  auto main = signed_delivery("msg_1");
  main.refs = R"([{"ref":"refs/heads/Main","verdict":"accepted","reason":""}])";
  auto quoted = delivery_of("0B1-second", "rover");
  quoted.refs = R"([{"ref":"refs/heads/it's-\"x\"","verdict":"ignored","reason":"branch_not_bound"}])";
  quoted.verdict = Verdict::Ignored;
  auto damaged = delivery_of("third", "other");
  damaged.refs = R"(["ref",7,null,[]])";
  auto no_json = delivery_of("fourth", "other");
  no_json.refs = "{";
  const auto first = recorded(main).delivery_id;
  const auto second = recorded(quoted).delivery_id;
  const auto third = recorded(damaged).delivery_id;
  const auto fourth = recorded(no_json).delivery_id;
  const auto found = [&](const std::string& search, const std::string& repository = {},
                         std::optional<Verdict> verdict = {}) {
    std::vector<std::int64_t> ids;
    const auto rows = store().deliveries({repository, verdict, search}, {1, 10, true}).value();
    EXPECT_EQ(rows.total, static_cast<std::int64_t>(rows.rows.size()));
    for (const auto& row : rows.rows) ids.push_back(row.id);
    return ids;
  };
  using Ids = std::vector<std::int64_t>;
  EXPECT_EQ(found("mAIN"), Ids{first});
  EXPECT_EQ(found("acme/"), Ids{first}) << "the name at the host";
  EXPECT_EQ(found("R-MSG_1"), Ids{first}) << "the whole id of the request";
  EXPECT_EQ(found("r-msg"), Ids{});
  EXPECT_EQ(found("ROVER"), Ids{second});
  EXPECT_EQ(found("it's-\"x"), Ids{second});
  EXPECT_EQ(found("0b1-SEC"), Ids{second});
  EXPECT_EQ(found(std::to_string(third)), Ids{third});
  EXPECT_EQ(found("refs/heads/"), (Ids{first, second}));
  EXPECT_EQ(found("o", "other"), (Ids{third, fourth}));
  EXPECT_EQ(found("o", "other", Verdict::Ignored), Ids{});
  EXPECT_EQ(found("refs/heads/", "", Verdict::Ignored), Ids{second});
  for (const auto* word : {"accepted", "verdict", "branch_not_bound", "%", "' OR 1=1 --"})
    EXPECT_EQ(found(word), Ids{}) << word;
}

}  // namespace
}  // namespace gitferry

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/agent/store/store_fixture.h"

namespace gitferry {
namespace {

class LanesTest : public StoreTest {
 protected:
  LaneMark forced(Direction direction = Direction::ToOuter) { return {lane_key("main"), direction, true}; }
  std::int64_t begin(const LaneRow& row, Direction direction = Direction::ToOuter) {
    return store().begin_run(row, direction, now_ms()).value();
  }
  void forget(const std::string& repository) {
    OverrideChange change;
    change.forget_lanes_of = {repository};
    ASSERT_TRUE(store().change_overrides(change));
  }
  /// A run that failed for good.
  RunEnd failure(const LaneRow& row, std::int64_t run_id) const {
    auto end = success(row, run_id);
    end.report.error = Error{ErrorCode::Diverged, "diverged", "", std::nullopt};
    end.report.source_tip = ObjectId::from_hex(std::string(40, 'a'));
    end.report.target_tip_before = ObjectId::from_hex(std::string(40, 'b'));
    return end;
  }
};

TEST_F(LanesTest, LeaveToForceIsUsedUpByTheRunThatBeginsWithIt) {
  const auto id = marked(forced(), Trigger::Manual).marked[0].lane_id;
  marked(mark_of("main"));
  reopen();
  const auto taken = lane(id);
  EXPECT_TRUE(taken.is_forced(Direction::ToOuter));
  EXPECT_FALSE(taken.is_forced(Direction::ToInter));
  auto end = success(taken, begin(taken));
  EXPECT_EQ(lane(id).forced_directions, 0U);
  end.done_seq.reset();
  end.report.error = Error{ErrorCode::Timeout, "timed out", "", std::nullopt};
  ASSERT_TRUE(store().finish_run(end));
  EXPECT_TRUE(lane(id).is_pending());
  EXPECT_EQ(lane(id).forced_directions, 0U);
}

TEST_F(LanesTest, LeaveToForceOneDirectionIsNoneForTheOther) {
  marked(mark_of("main", Direction::ToOuter));
  const auto id = marked(forced(Direction::ToInter)).marked[0].lane_id;
  const auto taken = lane(id);
  EXPECT_EQ(taken.requested_directions, 3U);
  EXPECT_EQ(taken.forced_directions, direction_bit(Direction::ToInter));
  begin(taken, Direction::ToOuter);
  EXPECT_TRUE(lane(id).is_forced(Direction::ToInter));
  begin(taken, Direction::ToInter);
  EXPECT_EQ(lane(id).forced_directions, 0U);
}

TEST_F(LanesTest, LeaveToForceThatComesDuringARunWaitsForTheNext) {
  const auto id = marked(mark_of("main")).marked[0].lane_id;
  const auto taken = lane(id);
  marked(forced());  // after the row was read, before the run began
  const auto run = begin(taken);
  EXPECT_TRUE(lane(id).is_forced(Direction::ToOuter));
  ASSERT_TRUE(store().finish_run(success(taken, run)));
  EXPECT_TRUE(lane(id).is_pending());
  EXPECT_TRUE(lane(id).is_forced(Direction::ToOuter));
}

TEST_F(LanesTest, LeaveToForceThatWasTakenBackMeanwhileBeginsNoRun) {
  const auto id = marked(forced()).marked[0].lane_id;
  const auto taken = lane(id);
  forget("robot");
  const auto begun = store().begin_run(taken, Direction::ToOuter, now_ms());
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, ErrorCode::Unavailable);
  EXPECT_EQ(store().runs({}, {}).value().total, 0);
  EXPECT_TRUE(store().begin_run(lane(id), Direction::ToOuter, now_ms())) << "read again, it runs unforced";
}

class PutTipTest : public LanesTest {
 protected:
  static ObjectId tip(char digit) { return ObjectId::from_hex(std::string(40, digit)).value(); }
  /// A run that put `digit` there, up to what `change` makes of its report.
  void put(char digit, Direction direction, const std::function<void(RunReport&)>& change = {}) {
    const auto row = lane(id_);
    auto end = success(row, begin(row, direction));
    end.report.source_tip = end.report.target_tip_after = tip(digit);
    if (change) change(end.report);
    ASSERT_TRUE(store().finish_run(end));
  }
  std::string put_on(Direction direction) { return lane(id_).put_tip(direction); }

  std::int64_t id_ = marked(mark_of("main")).marked[0].lane_id;
  const std::string a_ = std::string(40, 'a');
};

TEST_F(PutTipTest, IsKeptForEachDirectionAcrossARestart) {
  put('a', Direction::ToOuter);
  EXPECT_EQ(put_on(Direction::ToInter), "");
  put('b', Direction::ToInter, [](RunReport& report) { report.plan = Plan::Create; });
  put('c', Direction::ToInter, [](RunReport& report) { report.plan = Plan::Rewrite; });
  reopen();
  EXPECT_EQ(put_on(Direction::ToOuter), a_);
  EXPECT_EQ(put_on(Direction::ToInter), std::string(40, 'c'));
}

TEST_F(PutTipTest, IsNotWhatARunFoundThereOrMayHaveFailedToPut) {
  put('a', Direction::ToOuter);
  const std::vector<std::function<void(RunReport&)>> others{
      [](RunReport& report) { report.plan = Plan::Nothing; },
      [](RunReport& report) { report.plan = Plan::Refuse; },
      [](RunReport& report) { report.plan = Plan::Undecided; },
      [](RunReport& report) { report.dry_run = true; },
      [](RunReport& report) { report.target_tip_after.reset(); },
      [](RunReport& report) {
        report.error = Error{ErrorCode::Timeout, "timed out", "", std::nullopt};
      },
  };
  for (std::size_t i = 0; i < others.size(); ++i) {
    put('b', Direction::ToOuter, others[i]);
    EXPECT_EQ(put_on(Direction::ToOuter), a_) << i;
  }
}

TEST_F(PutTipTest, IsForgottenWithTheAddressesAlsoByARunThatGoesOn) {
  put('a', Direction::ToOuter);
  put('a', Direction::ToInter);
  const auto row = lane(id_);
  auto end = success(row, begin(row));
  end.report.target_tip_after = tip('b');
  forget("robot");
  EXPECT_EQ(put_on(Direction::ToOuter), "");
  EXPECT_EQ(put_on(Direction::ToInter), "");
  ASSERT_TRUE(store().finish_run(end));
  EXPECT_EQ(put_on(Direction::ToOuter), "");
}

TEST_F(PutTipTest, ThatWasForgottenMeanwhileBeginsNoRun) {
  put('a', Direction::ToOuter);
  const auto row = lane(id_);
  forget("robot");
  const auto begun = store().begin_run(row, Direction::ToOuter, now_ms());
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, ErrorCode::Unavailable);
  EXPECT_FALSE(store().begin_run(row, Direction::ToInter, now_ms())) << "nor from what both sides had";
  EXPECT_TRUE(store().begin_run(lane(id_), Direction::ToOuter, now_ms()));
}

TEST_F(PutTipTest, OfARunThatWentTheOtherWayIsOfThatDirection) {
  const auto row = lane(id_);
  auto end = success(row, begin(row, Direction::ToOuter));
  end.report.source_tip = end.report.target_tip_after = tip('a');
  end.went = Direction::ToInter;
  ASSERT_TRUE(store().finish_run(end));
  EXPECT_EQ(put_on(Direction::ToOuter), "");
  EXPECT_EQ(put_on(Direction::ToInter), a_);
  EXPECT_EQ(lane(id_).last_direction, Direction::ToInter);
  EXPECT_EQ(store().runs({}, {}).value().rows.at(0).direction, Direction::ToInter);
}

class CommonTipTest : public PutTipTest {
 protected:
  std::string common() { return lane(id_).common_tip; }
};

TEST_F(CommonTipTest, IsWhatBothSidesHadAtTheLastSuccess) {
  EXPECT_EQ(common(), "");
  put('a', Direction::ToOuter, [](RunReport& report) { report.plan = Plan::Nothing; });
  EXPECT_EQ(common(), a_);
  put('b', Direction::ToInter);
  reopen();
  EXPECT_EQ(common(), std::string(40, 'b'));
}

TEST_F(CommonTipTest, OutlivesFailedRunsAndIsForgottenWithTheAddresses) {
  put('a', Direction::ToOuter);
  put('b', Direction::ToOuter, [](RunReport& report) {
    report.error = Error{ErrorCode::Timeout, "timed out", "", std::nullopt};
  });
  put('b', Direction::ToOuter, [](RunReport& report) {
    report.plan = Plan::Refuse;
    report.target_tip_after = tip('c');
    report.error = Error{ErrorCode::Diverged, "diverged", "", std::nullopt};
  });
  EXPECT_EQ(common(), a_);
  forget("robot");
  EXPECT_EQ(common(), "");
}

TEST_F(CommonTipTest, IsNothingOnceTheRefIsGoneOnBothSides) {
  put('a', Direction::ToOuter);
  put('a', Direction::ToOuter, [](RunReport& report) {
    report.plan = Plan::Delete;
    report.source_tip.reset();
    report.target_tip_before = tip('a');
    report.target_tip_after.reset();
  });
  EXPECT_EQ(common(), "");
  EXPECT_EQ(lane(id_).target_tip, "") << "not what it was before";
  EXPECT_EQ(put_on(Direction::ToOuter), "");
  EXPECT_EQ(lane(id_).source_tip, "");
  put('a', Direction::ToOuter);
  put('a', Direction::ToOuter, [](RunReport& report) {
    report.plan = Plan::Nothing;
    report.source_tip.reset();
    report.target_tip_after.reset();
  });
  EXPECT_EQ(common(), "");
}

TEST_F(LanesTest, ADroppedRequestTakesItsLeaveToForceWithIt) {
  const auto mark = marked(forced()).marked[0];
  ASSERT_TRUE(store().drop_lane_request(mark.lane_id, mark.seq, Error{ErrorCode::NotEnabled, "off", "", {}}));
  marked(mark_of("main"));
  EXPECT_EQ(lane(mark.lane_id).forced_directions, 0U);
}

TEST_F(LanesTest, AMarkForAChangedConfigurationSaysSo) {
  const auto id = marked(mark_of("main"), Trigger::Configuration).marked[0].lane_id;
  EXPECT_EQ(lane(id).trigger, Trigger::Configuration);
  begin(lane(id));
  EXPECT_EQ(store().runs({}, {}).value().rows.at(0).trigger, Trigger::Configuration);
}

TEST_F(LanesTest, ForgettingLanesKeepsTheirMarksAndNothingElse) {
  const auto id = marked(mark_of("main")).marked[0].lane_id;
  const auto other = marked({lane_key("main", "other"), Direction::ToOuter}).marked[0].lane_id;
  for (const auto one : {id, other}) {
    const auto row = lane(one);
    ASSERT_TRUE(store().finish_run(failure(row, begin(row))));
  }
  const auto seq = marked(forced()).marked[0].seq;
  forget("robot");
  const auto row = lane(id);
  EXPECT_TRUE(row.is_pending());
  EXPECT_TRUE(row.is_due(now_ms()));
  EXPECT_EQ(row.requested_seq, seq);
  EXPECT_EQ(row.forced_directions, 0U) << "it was given for another target";
  EXPECT_EQ(row.source_tip + row.target_tip + row.last_plan + row.last_error + row.last_text, "");
  EXPECT_EQ(row.last_code_status, 0);
  EXPECT_EQ(row.last_run_at_ms, 0);
  EXPECT_EQ(row.last_success_at_ms, 0);
  EXPECT_EQ(lane(other).last_error, "diverged");
}

TEST_F(LanesTest, ForgettingLiftsAQuarantineAndAHostsPause) {
  const auto id = marked(mark_of("main")).marked[0].lane_id;
  auto end = success(lane(id), begin(lane(id)));
  end.done_seq.reset();
  end.hold_until_ms = now_ms() + 60'000;
  ASSERT_TRUE(store().finish_run(end));
  for (int crash = 0; crash < 3; ++crash) {
    begin(lane(id));
    reopen();
  }
  ASSERT_TRUE(lane(id).quarantined);
  forget("robot");
  EXPECT_FALSE(lane(id).quarantined);
  EXPECT_EQ(lane(id).crash_count, 0);
  EXPECT_TRUE(lane(id).is_due(now_ms()));
}

TEST_F(LanesTest, ARunForTheOldAddressesEndsNothingAfterTheyAreForgotten) {
  const auto id = marked(mark_of("main")).marked[0].lane_id;
  const auto taken = lane(id);
  const auto run = begin(taken);
  forget("robot");
  ASSERT_TRUE(store().finish_run(failure(taken, run)));
  EXPECT_EQ(lane(id).source_tip, "");
  EXPECT_TRUE(lane(id).is_pending());
  EXPECT_EQ(store().runs({}, {}).value().rows.at(0).state, RunState::Finished);

  const auto next = lane(id);
  ASSERT_TRUE(store().finish_run(failure(next, begin(next))));
  EXPECT_EQ(lane(id).source_tip, std::string(40, 'a'));
  EXPECT_FALSE(lane(id).is_pending());
}

TEST_F(LanesTest, RunsThatBeginTogetherLeaveOutTheLaneThatMayNot) {
  std::vector<LaneRow> rows;
  for (const auto* branch : {"a", "b", "c"}) rows.push_back(lane(marked(mark_of(branch)).marked[0].lane_id));
  rows[1].put_to_outer = std::string(40, 'a');  // read when it was there; forgotten by now
  rows[1].forgotten_run_id = -1;
  const auto begun = store().begin_runs(rows, Direction::ToOuter, now_ms()).value();
  ASSERT_EQ(begun.size(), 3U);
  ASSERT_FALSE(begun[1]);
  EXPECT_EQ(begun[1].error().code, ErrorCode::Unavailable);
  ASSERT_TRUE(store().finish_runs(std::vector{success(rows[0], *begun[0]), success(rows[2], *begun[2])}));
  EXPECT_FALSE(lane(rows[0].id).is_pending());
  EXPECT_TRUE(lane(rows[1].id).is_pending());
  EXPECT_FALSE(lane(rows[2].id).is_pending());
  EXPECT_EQ(store().runs({}, {}).value().total, 2);
  EXPECT_TRUE(store().begin_runs({}, Direction::ToOuter, now_ms()).value().empty());
}

TEST_F(LanesTest, EndsThatAreRecordedTogetherAreAllOrNone) {
  const auto row = lane(marked(mark_of("main")).marked[0].lane_id);
  const auto run = begin(row);
  const auto ended = store().finish_runs(std::vector{success(row, run), success(row, run + 1)});
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, ErrorCode::Internal);
  EXPECT_TRUE(lane(row.id).is_pending());
  EXPECT_TRUE(store().finish_run(success(row, run)));
}

TEST_F(LanesTest, TheSearchPassesARepositoryInOneStep) {
  std::vector<LaneMark> many;
  for (int i = 0; i < 1000; ++i)
    many.push_back({lane_key("b" + std::to_string(i), "big"), Direction::ToOuter});
  ASSERT_TRUE(store().mark_lanes(many, Trigger::Manual));
  marked({lane_key("main", "small"), Direction::ToOuter});
  clock_.advance(std::chrono::milliseconds(1));
  marked({lane_key("later", "big"), Direction::ToOuter});
  std::vector<std::string> asked;
  const auto due = store().first_due(now_ms(), [&](const LaneRow& row) {
    asked.push_back(row.key.repository + " " + row.key.internal_ref);
    return Offer::RepositoryRefused;
  });
  EXPECT_FALSE(due.value());
  ASSERT_EQ(asked.size(), 3U) << "what was marked later is asked about anew";
  EXPECT_TRUE(asked[0].starts_with("big "));
  EXPECT_EQ(asked[1], "small refs/heads/main");
  EXPECT_EQ(asked[2], "big refs/heads/later");
  asked.clear();
  EXPECT_FALSE(store()
                   .first_due(now_ms(),
                              [&](const LaneRow& row) {
                                asked.push_back(row.key.internal_ref);
                                return Offer::EndOfSearch;
                              })
                   .value());
  EXPECT_EQ(asked.size(), 1U);
}

TEST_F(LanesTest, FindsTheDueLanesOfAGroupOldestFirst) {
  const auto add = [&](const std::string& branch, bool force = false,
                       Direction direction = Direction::ToOuter) {
    clock_.advance(std::chrono::milliseconds(1));
    return marked({lane_key(branch), direction, force}).marked[0].lane_id;
  };
  const auto fail_once = [&](std::int64_t id, int delay_ms) {
    const auto row = lane(id);
    auto end = success(row, begin(row));
    end.report.error = Error{ErrorCode::Timeout, "timed out", "", std::nullopt};
    end.done_seq.reset();
    end.next_attempt_at_ms = now_ms() + delay_ms;
    ASSERT_TRUE(store().finish_run(end));
  };
  const auto old = add("old");
  const auto forced = add("forced", true);
  const auto other_way = add("other-way", false, Direction::ToInter);
  const auto failed = add("failed");
  fail_once(failed, 0);
  const auto backs_off = add("backs-off");
  fail_once(backs_off, 60'000);
  const auto fresh = add("fresh");
  marked({lane_key("main", "other"), Direction::ToOuter});
  const auto done = lane(add("done"));
  ASSERT_TRUE(store().finish_run(success(done, begin(done))));

  LaneGroup group{"robot", 1, 0, 0, 0, 0};
  const auto found = [&](std::size_t limit = 10) { return store().due_of(group, now_ms(), limit).value(); };
  using Ids = std::vector<std::int64_t>;
  EXPECT_EQ(found(), (Ids{old, fresh}));
  EXPECT_EQ(found(1), Ids{old});
  group.attempts_max = 5;
  EXPECT_EQ(found(), (Ids{old, failed, fresh}));
  group.marked_after_ms = lane(old).marked_at_ms;
  EXPECT_EQ(found(), (Ids{failed, fresh}));
  group = {"robot", 1, 1, 0, 0, 0};
  EXPECT_EQ(found(), Ids{forced});
  group = {"robot", 2, 0, 0, 0, 0};
  EXPECT_EQ(found(), Ids{other_way});
  group = {"robot", 1, 0, 1, 0, 9};
  EXPECT_TRUE(found().empty());
  const auto rows = store().lanes_to_run(Ids{fresh, old, 4711}).value();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].key, lane_key("old"));
  EXPECT_EQ(rows[1].requested_seq, 1);
  EXPECT_TRUE(store().lanes_to_run({}).value().empty());
}

TEST_F(LanesTest, KeepsHowFarABranchDivergedUntilItDoesNoMore) {
  const auto id = marked(mark_of("main")).marked[0].lane_id;
  auto end = failure(lane(id), begin(lane(id)));
  end.report.divergence = Divergence{4, 3};
  ASSERT_TRUE(store().finish_run(end));
  reopen();
  EXPECT_EQ(lane(id).ahead, 4);
  EXPECT_EQ(lane(id).behind, 3);
  marked(mark_of("main"));
  auto forced = success(lane(id), begin(lane(id)));
  forced.report.divergence = Divergence{4, 3};
  ASSERT_TRUE(store().finish_run(forced));
  EXPECT_FALSE(lane(id).ahead) << "what was replaced parts them no more";
  EXPECT_FALSE(lane(id).behind);
}

TEST_F(LanesTest, FindsLanesByTheirKeysInOrder) {
  const auto main = marked(mark_of("main")).marked[0].lane_id;
  const auto dev = marked(mark_of("dev")).marked[0].lane_id;
  const std::vector keys{lane_key("dev"), lane_key("never"), lane_key("main"), lane_key("main", "other")};
  const auto found = store().lanes_of(keys).value();
  ASSERT_EQ(found.size(), 4U);
  EXPECT_EQ(found[0].value().id, dev);
  EXPECT_FALSE(found[1]);
  EXPECT_EQ(found[2].value().id, main);
  EXPECT_FALSE(found[3]);
  EXPECT_TRUE(store().lanes_of({}).value().empty());
}

TEST_F(LanesTest, ListsAndCountsTheLanesOfRepositories) {
  const std::string odd = "it's \"x\"";
  for (const auto& repository : {std::string("b"), std::string("a"), odd}) {
    for (const auto* branch : {"main", "dev"}) marked({lane_key(branch, repository), Direction::ToOuter});
  }
  marked({lane_key("extra", "a"), Direction::ToOuter});
  const std::vector<std::string> asked{"b", "nobody", "a", odd};
  std::vector<std::string> seen;
  const auto rows = store().lanes_of_repositories(std::vector<std::string>{"b", "a", "nobody"}).value();
  for (const auto& row : rows) seen.push_back(row.key.repository + " " + row.key.internal_ref);
  EXPECT_EQ(seen, (std::vector<std::string>{"a refs/heads/dev", "a refs/heads/extra", "a refs/heads/main",
                                            "b refs/heads/dev", "b refs/heads/main"}));
  EXPECT_EQ(store().lane_counts(asked).value(), (std::vector<std::int64_t>{2, 0, 3, 2}));
  std::vector<std::string> many(2000, "nobody");
  many.insert(many.end(), asked.begin(), asked.end());
  std::vector<std::int64_t> expected(2001, 0);
  expected[2000] = 2;
  expected.insert(expected.end(), {0, 3, 2});
  EXPECT_EQ(store().lane_counts(many).value(), expected);
  EXPECT_TRUE(store().lane_counts({}).value().empty());
  EXPECT_TRUE(store().lanes_of_repositories({}).value().empty());
}

TEST_F(LanesTest, FindsADeliveryAndFiltersByVerdict) {
  auto first = delivery_of("1");
  first.side = Side::External;
  const std::vector marks{mark_of("main")};
  const auto receipt = store().record_delivery(first, marks).value();
  auto replay = delivery_of("2", "other");
  replay.verdict = Verdict::Ignored;
  replay.reason = "not_bound";
  replay.replay_of = receipt.delivery_id;
  const auto second = store().record_delivery(replay, {}).value().delivery_id;

  const auto found = store().delivery(receipt.delivery_id).value().value();
  EXPECT_EQ(found.record.side, Side::External);
  EXPECT_FALSE(found.record.replay_of);
  ASSERT_EQ(found.lanes.size(), 1U);
  EXPECT_EQ(found.lanes[0].lane_id, receipt.marked[0].lane_id);
  EXPECT_EQ(store().delivery(second).value().value().record.replay_of, receipt.delivery_id);
  EXPECT_FALSE(store().delivery(second + 1).value());

  const auto total = [&](const DeliveryFilter& filter) {
    return store().deliveries(filter, {}).value().total;
  };
  EXPECT_EQ(total({}), 2);
  EXPECT_EQ(total({"", Verdict::Ignored}), 1);
  EXPECT_EQ(total({"other", Verdict::Ignored}), 1);
  EXPECT_EQ(total({"other", Verdict::Accepted}), 0);
  EXPECT_EQ(total({"robot", {}}), 1);
  const auto ignored = store().deliveries({"", Verdict::Ignored}, {}).value();
  EXPECT_EQ(ignored.rows.at(0).id, second);
  EXPECT_EQ(store().deliveries({"other", Verdict::Ignored}, {2, 1, true}).value().rows.size(), 0U);
}

TEST_F(LanesTest, AreLookedThroughSomeAtATime) {
  for (const auto* repository : {"b", "a-b", "B", "a"}) {
    for (const auto* branch : {"main", "Main", "x"})
      marked({lane_key(branch, repository), Direction::ToOuter});
  }
  std::vector<LaneKey> all;
  const auto rows = store().lanes().value();
  for (const auto& row : rows) all.push_back(row.key);
  ASSERT_EQ(all.size(), 12U);
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end())) << "as bindings are ordered, too";
  for (const std::size_t limit : {1U, 5U, 100U}) {
    std::vector<LaneKey> seen;
    for (;;) {
      const auto few = store().lanes_behind(seen.empty() ? LaneKey{} : seen.back(), limit).value();
      if (few.empty()) break;
      EXPECT_LE(few.size(), limit);
      for (const auto& row : few) seen.push_back(row.key);
    }
    EXPECT_EQ(seen, all) << limit;
  }
}

TEST_F(StoreTest, SaysWhatItTakesOfItsDisk) {
  GITFERRY_ABOUT_SQLITE_ALONE;
  marked(mark_of("main"));
  const auto usage = store().usage();
  ASSERT_TRUE(usage) << usage.error().text();
  EXPECT_EQ(usage->database_bytes, static_cast<std::int64_t>(std::filesystem::file_size(options_.path)));
  EXPECT_EQ(usage->wal_bytes, static_cast<std::int64_t>(std::filesystem::file_size(options_.path + "-wal")));
  EXPECT_GT(usage->wal_bytes, 0);
  EXPECT_GT(usage->free_bytes, 0);
  std::filesystem::rename(options_.path, options_.path + ".away");
  EXPECT_EQ(store().usage().error().code, ErrorCode::StoreFailed);
  std::filesystem::rename(options_.path + ".away", options_.path);
}

}  // namespace
}  // namespace gitferry

#include <atomic>
#include <fstream>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/agent/store/store_fixture.h"

namespace gitferry {
namespace {

const auto kAny = [](const LaneRow&) { return Offer::Taken; };

mode_t mode_of(const std::filesystem::path& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 ? found.st_mode & 0777U : 0;
}

TEST_F(StoreTest, KeepsDeliveriesLanesAndRunsAcrossAReopen) {
  const std::vector marks{mark_of("main"), mark_of("dev")};
  auto record = delivery_of("d-1");
  record.refs = R"([{"ref":"refs/heads/main"}])";
  record.received_at_ms = now_ms() - 42;
  const auto receipt = store().record_delivery(record, marks).value();
  ASSERT_EQ(receipt.marked.size(), 2U);
  const auto row = lane(receipt.marked[0].lane_id);
  const auto run = store().begin_run(row, Direction::ToOuter, now_ms() - 7).value();
  auto end = success(row, run);
  end.report.source_tip = ObjectId::from_hex(std::string(40, 'a'));
  end.report.target_tip_after = end.report.source_tip;
  end.report.pack_bytes = 99;
  ASSERT_TRUE(store().finish_run(end));
  reopen();

  const auto deliveries = store().deliveries({}, {}).value();
  ASSERT_EQ(deliveries.total, 1);
  EXPECT_EQ(deliveries.rows[0].id, receipt.delivery_id);
  EXPECT_EQ(deliveries.rows[0].record.provider_delivery_id, "d-1");
  EXPECT_EQ(deliveries.rows[0].record.refs, record.refs);
  EXPECT_EQ(deliveries.rows[0].record.verdict, Verdict::Accepted);
  EXPECT_EQ(deliveries.rows[0].record.received_at_ms, now_ms() - 42);
  ASSERT_EQ(deliveries.rows[0].lanes.size(), 2U);
  EXPECT_EQ(deliveries.rows[0].lanes[0].lane_id, receipt.marked[0].lane_id);
  EXPECT_EQ(deliveries.rows[0].lanes[1].lane_id, receipt.marked[1].lane_id);
  EXPECT_FALSE(lane(receipt.marked[0].lane_id).is_pending());
  EXPECT_EQ(lane(receipt.marked[0].lane_id).source_tip, std::string(40, 'a'));
  EXPECT_TRUE(lane(receipt.marked[1].lane_id).is_pending());
  EXPECT_EQ(lane(receipt.marked[1].lane_id).delivery_id, receipt.delivery_id);
  const auto runs = store().runs({}, {}).value();
  ASSERT_EQ(runs.total, 1);
  EXPECT_EQ(runs.rows[0].state, RunState::Finished);
  EXPECT_EQ(runs.rows[0].key, lane_key("main"));
  EXPECT_EQ(runs.rows[0].plan, "fast_forward");
  EXPECT_EQ(runs.rows[0].pack_bytes, 99);
  EXPECT_EQ(runs.rows[0].delivery_id, receipt.delivery_id);
  EXPECT_EQ(runs.rows[0].started_at_ms, now_ms() - 7);
}

TEST_F(StoreTest, S38_IsReadableByItsOwnerAlone) {
  GITFERRY_ABOUT_SQLITE_ALONE;
  ASSERT_TRUE(store().record_delivery(delivery_of("d"), {}));
  EXPECT_EQ(mode_of(directory_ / "data"), 0700U);
  for (const auto* suffix : {"", "-wal", "-shm", ".lock"})
    EXPECT_EQ(mode_of(options_.path + suffix), 0600U) << suffix;
}

TEST_F(StoreTest, MarksFoldWhileARunIsInProgress) {
  const auto first = marked(mark_of("main")).marked[0];
  const auto taken = lane(first.lane_id);
  const auto marked_at = now_ms();
  const auto run = store().begin_run(taken, Direction::ToOuter, now_ms()).value();
  clock_.advance(std::chrono::seconds(1));
  const auto folded_at = now_ms();
  EXPECT_EQ(marked(mark_of("main")).marked[0].seq, first.seq + 1);
  clock_.advance(std::chrono::seconds(1));
  EXPECT_EQ(marked(mark_of("main")).marked[0].seq, first.seq + 2);
  EXPECT_EQ(lane(first.lane_id).marked_at_ms, marked_at);

  ASSERT_TRUE(store().finish_run(success(taken, run)));
  const auto after = lane(first.lane_id);
  EXPECT_TRUE(after.is_pending());
  EXPECT_EQ(after.done_seq, first.seq);
  EXPECT_EQ(after.marked_at_ms, folded_at);
  const auto second = store().begin_run(after, Direction::ToOuter, now_ms()).value();
  ASSERT_TRUE(store().finish_run(success(after, second)));
  EXPECT_FALSE(lane(first.lane_id).is_pending());
}

TEST_F(StoreTest, AsksOnlyForDirectionsMarkedSinceTheLastRun) {
  marked(mark_of("main", Direction::ToOuter));
  const auto id = marked(mark_of("main", Direction::ToInter)).marked[0].lane_id;
  const auto taken = lane(id);
  EXPECT_EQ(taken.requested_directions, 3U);
  const auto first = store().begin_run(taken, Direction::ToOuter, now_ms()).value();
  marked(mark_of("main", Direction::ToInter));
  auto end = success(taken, first);
  end.more_follows = true;
  ASSERT_TRUE(store().finish_run(end));
  EXPECT_EQ(lane(id).requested_directions, 3U);
  const auto second = store().begin_run(taken, Direction::ToInter, now_ms()).value();
  ASSERT_TRUE(store().finish_run(success(taken, second)));
  EXPECT_EQ(lane(id).requested_directions, direction_bit(Direction::ToInter));
}

TEST_F(StoreTest, ATransientFailureStaysPendingAndAMarkDoesNotShortenAHold) {
  const auto id = marked(mark_of("main")).marked[0].lane_id;
  const auto taken = lane(id);
  auto end = success(taken, store().begin_run(taken, Direction::ToOuter, now_ms()).value());
  end.done_seq.reset();
  end.report.error = Error{ErrorCode::HostBusy, "busy", "", std::nullopt};
  end.next_attempt_at_ms = now_ms() + 5'000;
  end.hold_until_ms = now_ms() + 60'000;
  ASSERT_TRUE(store().finish_run(end));
  EXPECT_EQ(lane(id).attempts, 1);
  EXPECT_EQ(lane(id).last_error, "host_busy");
  marked(mark_of("main"));
  EXPECT_EQ(lane(id).next_attempt_at_ms, now_ms());
  EXPECT_FALSE(store().first_due(now_ms() + 59'999, kAny).value());
  EXPECT_EQ(store().next_due_after(now_ms()).value(), now_ms() + 60'000);
  EXPECT_TRUE(store().first_due(now_ms() + 60'000, kAny).value());

  reopen();
  EXPECT_EQ(lane(id).next_attempt_at_ms, 0);
  EXPECT_EQ(lane(id).hold_until_ms, end.hold_until_ms);
}

TEST_F(StoreTest, LanesThatAreTriedAgainNowKeepTheirAttemptsAndAHold) {
  const auto failed = [&](const std::string& repository, std::int64_t hold_ms) {
    const auto row = lane(marked({lane_key("main", repository), Direction::ToOuter}).marked[0].lane_id);
    auto end = success(row, store().begin_run(row, Direction::ToOuter, now_ms()).value());
    end.done_seq.reset();
    end.report.error = Error{ErrorCode::Timeout, "timed out", "", std::nullopt};
    end.next_attempt_at_ms = now_ms() + 900'000;
    end.hold_until_ms = hold_ms;
    EXPECT_TRUE(store().finish_run(end));
    return row.id;
  };
  const auto hurried = failed("robot", 0);
  const auto held = failed("held", now_ms() + 60'000);
  const auto other = failed("other", 0);
  const std::vector<std::string> repositories{"robot", "held", "unknown"};
  ASSERT_TRUE(store().retry_now(repositories));
  EXPECT_TRUE(lane(hurried).is_due(now_ms()));
  EXPECT_EQ(lane(hurried).attempts, 1);
  EXPECT_FALSE(lane(held).is_due(now_ms()));
  EXPECT_FALSE(lane(other).is_due(now_ms()));
}

TEST_F(StoreTest, AMarkDuringAFailingRunIsDueAtOnce) {
  const auto row = lane(marked(mark_of("main")).marked[0].lane_id);
  const auto run = store().begin_run(row, Direction::ToOuter, now_ms()).value();
  marked(mark_of("main"), Trigger::Manual);
  auto end = success(row, run);
  end.done_seq.reset();
  end.report.error = Error{ErrorCode::Timeout, "timed out", "", std::nullopt};
  end.next_attempt_at_ms = now_ms() + 900'000;
  ASSERT_TRUE(store().finish_run(end));
  EXPECT_TRUE(lane(row.id).is_due(now_ms()));
  EXPECT_EQ(lane(row.id).attempts, 1);

  const auto again = store().begin_run(lane(row.id), Direction::ToOuter, now_ms()).value();
  end.run_id = again;
  ASSERT_TRUE(store().finish_run(end));
  EXPECT_FALSE(lane(row.id).is_due(now_ms()));
}

TEST_F(StoreTest, ACancelledRunCountsAsNoAttempt) {
  const auto id = marked(mark_of("main")).marked[0].lane_id;
  const auto taken = lane(id);
  auto end = success(taken, store().begin_run(taken, Direction::ToOuter, now_ms()).value());
  end.done_seq.reset();
  end.counts_as_attempt = false;
  ASSERT_TRUE(store().finish_run(end));
  EXPECT_EQ(lane(id).attempts, 0);
  EXPECT_TRUE(lane(id).is_pending());
}

TEST_F(StoreTest, ADueTimeFromBeforeTheClockWasTurnedBackMeansNothing) {
  const auto id = marked(mark_of("main")).marked[0].lane_id;
  const std::int64_t a_day = 86'400'000;
  EXPECT_TRUE(store().first_due(now_ms() - a_day, kAny).value());
  EXPECT_TRUE(lane(id).is_due(now_ms() - a_day));
  EXPECT_FALSE(store().first_due(now_ms() - 1'000, kAny).value());
  EXPECT_FALSE(lane(id).is_due(now_ms() - 1'000));
}

TEST_F(StoreTest, ScansPastLanesThatMayNotRun) {
  std::int64_t last = 0;
  for (int i = 0; i < 200; ++i) {
    last = marked(mark_of("b" + std::to_string(i))).marked[0].lane_id;
    clock_.advance(std::chrono::milliseconds(1));
  }
  std::vector<std::int64_t> asked;
  const auto due = store().first_due(now_ms(), [&](const LaneRow& row) {
    asked.push_back(row.id);
    return row.id == last ? Offer::Taken : Offer::LaneRefused;
  });
  ASSERT_TRUE(due.value());
  EXPECT_EQ((*due)->id, last);
  EXPECT_EQ(asked.size(), 200U);
  EXPECT_TRUE(std::is_sorted(asked.begin(), asked.end()));
  EXPECT_FALSE(store().first_due(now_ms(), [](const LaneRow&) { return Offer::LaneRefused; }).value());
}

TEST_F(StoreTest, InterruptsRunsAtOpenAndQuarantinesAtTheThirdCrash) {
  const auto id = marked(mark_of("main")).marked[0].lane_id;
  for (int crash = 1; crash <= 3; ++crash) {
    ASSERT_TRUE(store().first_due(now_ms(), kAny).value()) << crash;
    ASSERT_TRUE(store().begin_run(lane(id), Direction::ToOuter, now_ms()));
    reopen();
    EXPECT_EQ(lane(id).crash_count, crash);
    EXPECT_EQ(lane(id).quarantined, crash == 3);
  }
  const auto runs = store().runs({}, {}).value();
  ASSERT_EQ(runs.total, 3);
  for (const auto& run : runs.rows) {
    EXPECT_EQ(run.state, RunState::Interrupted);
    EXPECT_FALSE(run.text.empty());
    EXPECT_NE(run.code_status, 0);
  }
  EXPECT_FALSE(store().first_due(now_ms(), kAny).value());
  marked(mark_of("main"));
  EXPECT_FALSE(store().first_due(now_ms(), kAny).value());
  marked(mark_of("main"), Trigger::Manual);
  EXPECT_TRUE(store().first_due(now_ms(), kAny).value());
  EXPECT_EQ(lane(id).crash_count, 0);
}

TEST_F(StoreTest, AFinishedRunForgetsTheCrashes) {
  const auto id = marked(mark_of("main")).marked[0].lane_id;
  ASSERT_TRUE(store().begin_run(lane(id), Direction::ToOuter, now_ms()));
  reopen();
  const auto taken = lane(id);
  EXPECT_EQ(taken.crash_count, 1);
  ASSERT_TRUE(
      store().finish_run(success(taken, store().begin_run(taken, Direction::ToOuter, now_ms()).value())));
  EXPECT_EQ(lane(id).crash_count, 0);
}

TEST_F(StoreTest, ARunEndsOnlyOnce) {
  const auto id = marked(mark_of("main")).marked[0].lane_id;
  const auto taken = lane(id);
  const auto end = success(taken, store().begin_run(taken, Direction::ToOuter, now_ms()).value());
  ASSERT_TRUE(store().finish_run(end));
  const auto again = store().finish_run(end);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::Internal);
}

TEST_F(StoreTest, DropsARequestWithItsReason) {
  const auto mark = marked(mark_of("main")).marked[0];
  ASSERT_TRUE(store().drop_lane_request(mark.lane_id, mark.seq,
                                        Error{ErrorCode::NotEnabled, "it is disabled", "", std::nullopt}));
  EXPECT_FALSE(lane(mark.lane_id).is_pending());
  EXPECT_EQ(lane(mark.lane_id).last_error, "not_enabled");
  EXPECT_EQ(lane(mark.lane_id).last_code_status, 10006);
  EXPECT_EQ(store().runs({}, {}).value().total, 0);
}

TEST_F(StoreTest, BranchIdsAreStableAndShared) {
  const auto main = branch_id("main");
  const auto dev = branch_id("dev");
  EXPECT_NE(main, dev);
  EXPECT_EQ(lane(marked(mark_of("main")).marked[0].lane_id).branch_id, main);
  reopen();
  EXPECT_EQ(branch_id("main"), main);
}

TEST_F(StoreTest, RefusesANewerSchemaAndLeavesItAlone) {
  GITFERRY_ABOUT_SQLITE_ALONE;
  store();
  close();
  run_sql(options_.path, "PRAGMA user_version=99");
  for (int i = 0; i < 2; ++i) {
    const auto opened = Store::open(options_, clock_);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::StoreFailed);
    EXPECT_NE(opened.error().message.find("99"), std::string::npos);
  }
}

TEST_F(StoreTest, RefusesASecondOpen) {
  GITFERRY_ABOUT_SQLITE_ALONE;
  store();
  const auto second = Store::open(options_, clock_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::Unavailable);
  EXPECT_NE(second.error().message.find("in use by another process"), std::string::npos);
  EXPECT_TRUE(store().record_delivery(delivery_of("d"), {}));
  close();
  EXPECT_TRUE(Store::open(options_, clock_));
}

TEST_F(StoreTest, RefusesADamagedFileAndKeepsIt) {
  GITFERRY_ABOUT_SQLITE_ALONE;
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(store().record_delivery(delivery_of(std::string(300, 'x')), {}));
  close();
  std::string before;
  for (const std::size_t first_bad : {std::size_t{0}, std::size_t{4096}}) {
    {
      std::fstream file(options_.path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(static_cast<std::streamoff>(first_bad));
      file << std::string(20'000, '\x5a');
    }
    before = (std::stringstream() << std::ifstream(options_.path).rdbuf()).str();
    const auto opened = Store::open(options_, clock_);
    ASSERT_FALSE(opened) << first_bad;
    EXPECT_EQ(opened.error().code, ErrorCode::StoreDamaged) << opened.error().text();
    EXPECT_EQ((std::stringstream() << std::ifstream(options_.path).rdbuf()).str(), before);
    std::filesystem::remove(options_.path);
    for (int i = 0; i < 200; ++i)
      ASSERT_TRUE(store().record_delivery(delivery_of(std::string(300, 'x')), {}));
    close();
  }
}

TEST_F(StoreTest, RefusesADirectoryThatCannotBeMade) {
  GITFERRY_ABOUT_SQLITE_ALONE;
  std::ofstream(directory_ / "file") << "x";
  options_.path = (directory_ / "file" / "gitferry.db").string();
  const auto opened = Store::open(options_, clock_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::StoreFailed);
}

TEST_F(StoreTest, PagesAreStableWhereTimesAreEqual) {
  for (int i = 0; i < 25; ++i) {
    ASSERT_TRUE(store().record_delivery(delivery_of(std::to_string(i), i % 5 == 0 ? "other" : "robot"), {}));
  }
  for (const bool ascending : {false, true}) {
    std::vector<std::int64_t> ids;
    for (std::int64_t number = 1; number <= 3; ++number) {
      const auto page = store().deliveries({}, {number, 10, ascending}).value();
      EXPECT_EQ(page.total, 25);
      for (const auto& row : page.rows) ids.push_back(row.id);
    }
    EXPECT_EQ(std::set(ids.begin(), ids.end()).size(), 25U);
    EXPECT_EQ(ids.front() < ids.back(), ascending);
  }
  EXPECT_EQ(store().deliveries({"other", {}}, {}).value().total, 5);
  EXPECT_TRUE(store().deliveries({}, {INT64_MAX, INT64_MAX, false}).value().rows.empty());
  EXPECT_EQ(store().deliveries({}, {-3, -3, false}).value().rows.size(), 1U);
}

TEST_F(StoreTest, ARunIsFoundByItsIdWithWhereItsTimeWent) {
  const auto row = lane(marked(mark_of("main")).marked.at(0).lane_id);
  const auto id = store().begin_run(row, Direction::ToOuter, now_ms()).value();
  EXPECT_EQ(store().run(id).value()->first_byte_us, 0);
  auto end = success(row, id);
  using std::chrono::microseconds;
  end.report.listing = microseconds(10);
  end.report.first_byte = microseconds(30);
  end.report.sent = microseconds(60);
  end.report.total = microseconds(100);
  ASSERT_TRUE(store().finish_run(end));
  reopen();
  const auto run = store().run(id).value().value();
  EXPECT_EQ(run.key, lane_key("main"));
  EXPECT_EQ(run.listing_us, 10);
  EXPECT_EQ(run.first_byte_us, 30);
  EXPECT_EQ(run.sent_us, 60);
  EXPECT_EQ(run.total_us, 100);
  EXPECT_EQ(store().runs({}, {}).value().rows.at(0).sent_us, 60);
  EXPECT_FALSE(store().run(id + 1).value());
}

TEST_F(StoreTest, TheLastRunsOfEachLaneAreNewestFirst) {
  const auto first = lane(marked(mark_of("main")).marked.at(0).lane_id);
  const auto other = lane(marked(mark_of("dev")).marked.at(0).lane_id);
  std::vector<std::int64_t> ids;
  for (int i = 0; i < 3; ++i) {
    clock_.advance(std::chrono::seconds(1));
    ids.push_back(store().begin_run(first, Direction::ToOuter, now_ms()).value());
    auto end = success(first, ids.back());
    if (i == 1) end.report.error = Error{ErrorCode::Diverged, "it diverged", {}, {}};
    ASSERT_TRUE(store().finish_run(end));
  }
  const auto running = store().begin_run(other, Direction::ToInter, now_ms()).value();
  const auto runs = store().latest_runs(std::vector{first.id, std::int64_t{0}, other.id}, 2).value();
  ASSERT_EQ(runs.size(), 3U);
  ASSERT_EQ(runs[0].size(), 2U);
  EXPECT_EQ(runs[0][0].id, ids[2]);
  EXPECT_EQ(runs[0][0].plan, "fast_forward");
  EXPECT_TRUE(runs[0][0].is_success());
  EXPECT_EQ(runs[0][0].finished_at_ms, now_ms());
  EXPECT_EQ(runs[0][1].id, ids[1]);
  EXPECT_EQ(runs[0][1].code_status, 20010);
  EXPECT_FALSE(runs[0][1].is_success());
  EXPECT_TRUE(runs[1].empty()) << "no lane has the id 0";
  ASSERT_EQ(runs[2].size(), 1U);
  EXPECT_EQ(runs[2][0].id, running);
  EXPECT_FALSE(runs[2][0].is_success());
}

TEST_F(StoreTest, FiltersRunsByRepositoryAndBranch) {
  for (const auto* repository : {"robot", "other", "it's \"x\""}) {
    for (const auto* branch : {"main", "dev"}) {
      const auto id = marked({lane_key(branch, repository), Direction::ToOuter}).marked[0].lane_id;
      ASSERT_TRUE(store().begin_run(lane(id), Direction::ToInter, now_ms()));
    }
  }
  EXPECT_EQ(store().runs({}, {}).value().total, 6);
  EXPECT_EQ(store().runs({{"robot", "it's \"x\""}, {}}, {}).value().total, 4);
  const auto branch = branch_id("dev", "other");
  const auto found = store().runs({{"other"}, {branch}}, {}).value();
  ASSERT_EQ(found.total, 1);
  EXPECT_EQ(found.rows[0].branch_id, branch);
  EXPECT_EQ(found.rows[0].direction, Direction::ToInter);
  EXPECT_EQ(store().runs({{"nobody"}, {}}, {}).value().total, 0);
}

TEST_F(StoreTest, KeepsTheNewestRowsAndEveryRunningRun) {
  options_.deliveries.count = 10;
  options_.runs.count = 10;
  const auto still_running = lane(marked(mark_of("slow")).marked[0].lane_id);
  const auto oldest = store().begin_run(still_running, Direction::ToOuter, now_ms()).value();
  const std::vector marks{mark_of("main")};
  for (int i = 0; i < 200; ++i) {
    const auto receipt = store().record_delivery(delivery_of(std::to_string(i)), marks).value();
    const auto row = lane(receipt.marked[0].lane_id);
    ASSERT_TRUE(
        store().finish_run(success(row, store().begin_run(row, Direction::ToOuter, now_ms()).value())));
  }
  EXPECT_LE(store().deliveries({}, {}).value().total, 10 + 64);
  const auto runs = store().runs({}, {1, 1, true}).value();
  EXPECT_LE(runs.total, 11 + 64);
  EXPECT_EQ(runs.rows.at(0).id, oldest);
  reopen();
  const auto kept = store().deliveries({}, {}).value();
  EXPECT_EQ(kept.total, 10);
  EXPECT_EQ(kept.rows.front().record.provider_delivery_id, "199");
}

TEST_F(StoreTest, ForgetsWhatIsTooOldAndKeepsTheLane) {
  const auto record = [this](const std::string& id) {
    auto delivery = delivery_of(id);
    delivery.received_at_ms = now_ms();
    const std::vector marks{mark_of("main")};
    const auto row = lane(store().record_delivery(delivery, marks).value().marked[0].lane_id);
    ASSERT_TRUE(
        store().finish_run(success(row, store().begin_run(row, Direction::ToOuter, now_ms()).value())));
  };
  const auto slow = lane(marked(mark_of("slow")).marked[0].lane_id);
  const auto running = store().begin_run(slow, Direction::ToOuter, now_ms()).value();
  record("old");
  clock_.advance(std::chrono::days{7});
  record("of the last week");
  clock_.advance(std::chrono::hours{1});
  for (int i = 0; i < 64; ++i) record("new");
  EXPECT_EQ(store().deliveries({}, {}).value().total, 65);
  EXPECT_EQ(store().runs({}, {}).value().total, 67);

  clock_.advance(std::chrono::days{90} - std::chrono::hours{1});
  for (int i = 0; i < 64; ++i) record("newest");
  EXPECT_EQ(store().deliveries({}, {}).value().total, 64);
  const auto runs = store().runs({}, {1, 2, true}).value();
  EXPECT_LE(runs.total, 1 + 1 + 64 + 64);
  EXPECT_EQ(runs.rows.at(0).id, running);
  EXPECT_NE(runs.rows.at(1).id, running + 1);

  clock_.advance(std::chrono::days{365});
  reopen();
  EXPECT_EQ(store().deliveries({}, {}).value().total, 0);
  EXPECT_EQ(store().runs({}, {}).value().total, 0);
  EXPECT_EQ(store().lanes().value().size(), 2U);
}

TEST_F(StoreTest, S38_RefusesADirectoryThatOthersMayWriteTo) {
  GITFERRY_ABOUT_SQLITE_ALONE;
  const auto data = directory_ / "data";
  std::filesystem::create_directory(data);
  for (const auto mode : {0777U, 01777U, 0770U}) {
    ASSERT_EQ(::chmod(data.c_str(), mode), 0);
    const auto refused = SqliteStore::open(options_, clock_);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::LocalPermission);
    EXPECT_NE(refused.error().hint.find("chmod go-w '" + data.string() + "'"), std::string::npos);
    EXPECT_TRUE(std::filesystem::is_empty(data));
  }
  ASSERT_EQ(::chmod(data.c_str(), 0755), 0);
  EXPECT_TRUE(SqliteStore::open(options_, clock_));
}

TEST_F(StoreTest, ManyClientsLoseAndInventNothing) {
  constexpr int kThreads = 8;
  constexpr int kEach = 100;
  std::atomic<int> failed{0};
  const auto before = store().counters();
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        const std::vector marks{mark_of("main"), mark_of("b" + std::to_string(thread))};
        for (int i = 0; i < kEach; ++i) {
          if (!store().record_delivery(delivery_of(std::to_string(thread * kEach + i)), marks)) ++failed;
          if (i % 10 == 0 && !store().lanes()) ++failed;
        }
      });
    }
  }
  EXPECT_EQ(failed, 0);
  const auto after = store().counters();
  EXPECT_EQ(after.jobs - before.jobs, kThreads * kEach);
  EXPECT_LT(after.commits - before.commits, kThreads * kEach);
  EXPECT_EQ(store().deliveries({}, {}).value().total, kThreads * kEach);
  const auto rows = store().lanes().value();
  ASSERT_EQ(rows.size(), kThreads + 1U);
  for (const auto& row : rows) {
    EXPECT_EQ(row.requested_seq, row.key == lane_key("main") ? kThreads * kEach : kEach);
  }
}

}  // namespace
}  // namespace gitferry

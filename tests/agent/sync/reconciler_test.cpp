#include "agent/sync/reconciler.h"

#include <atomic>
#include <future>
#include <stdexcept>

#include <gtest/gtest.h>

#include "tests/agent/sync/sync_fixture.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// `robot` with b0 and b1 between in and out, of which b0 differs.
class ReconcilerTest : public SyncTest {
 protected:
  ReconcilerTest() {
    options_of_sync_.reconcile_interval = minutes(10);
    set_bindings({robot()});
    hosts_.set_branches("in", {{"refs/heads/b0", 'a'}, {"refs/heads/b1", 'b'}});
    hosts_.set_branches("out", {{"refs/heads/b0", '1'}, {"refs/heads/b1", 'b'}});
    clock_.on_advance([this] {
      if (reconciler_) reconciler_->wake();
    });
  }
  ~ReconcilerTest() override {
    hosts_.open_listing_gate();
    reconciler_.reset();
  }

  static RepositoryBinding robot(const std::string& name = "robot") {
    auto binding = binding_between(name, "in", "out");
    binding.branches.resize(2);
    return binding;
  }
  Reconciler& reconciler() {
    if (!reconciler_) {
      reconciler_ = std::make_unique<Reconciler>(
          Reconciler::Parts{options_of_sync_, store(), clock_,
                            [this] {
                              ++engines_;
                              return std::make_unique<FakeEngine>(hosts_);
                            },
                            [this](const RemoteUrl& url) { return credentials_(url); },
                            [this] { return *snapshot_.lock(); }, [this] { ++told_; }, [] { return 0.5; }});
    }
    return *reconciler_;
  }
  void replace(const std::vector<RepositoryBinding>& bindings) {
    const Snapshot before = *snapshot_.lock();
    set_bindings(bindings);
    const Snapshot now = *snapshot_.lock();
    reconciler().replace(*before, *now);
  }
  /// Turns the clock on until so many listings were made.
  bool turn_until_listed(std::size_t count) {
    return eventually([&] {
      clock_.advance(seconds(1));
      return hosts_.listed().size() >= count;
    });
  }
  /// Beside the store's own connections.
  void change_schema(const char* sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(options_.path.c_str(), &database), SQLITE_OK);
    sqlite3_busy_timeout(database, 20'000);
    EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
    sqlite3_close(database);
  }
  std::size_t lane_count() { return store().lanes().value().size(); }
  /// The marked lane's run, as it would have ended.
  void end_with(const std::optional<Error>& error) {
    const auto row = store().lanes().value().at(0);
    const auto run = store().begin_run(row, Direction::ToOuter, now_ms()).value();
    auto end = success(row, run);
    end.report.source_tip = ObjectId::from_hex(std::string(40, 'a')).value();
    end.report.target_tip_before = ObjectId::from_hex(std::string(40, '1')).value();
    end.report.error = error;
    ASSERT_TRUE(store().finish_run(end));
  }

  std::unique_ptr<Reconciler> reconciler_;
  std::atomic<int> told_ = 0;
  std::atomic<int> engines_ = 0;
};

TEST_F(ReconcilerTest, WhatWasPushedWhileNobodyRanIsFoundAtTheStartWithOneListingASide) {
  reconciler().start();
  clock_.advance(seconds(1));
  ASSERT_TRUE(eventually([&] { return told_ == 1; }));
  const auto lanes = store().lanes().value();
  ASSERT_EQ(lanes.size(), 1U);
  EXPECT_EQ(lanes[0].key, lane_key("b0"));
  EXPECT_EQ(lanes[0].trigger, Trigger::Reconcile);
  EXPECT_TRUE(lanes[0].is_pending());
  EXPECT_EQ(hosts_.listed(), (std::vector<std::string>{"in", "out"}));
}

TEST_F(ReconcilerTest, ComparesAgainEveryIntervalAndMarksNoPendingLaneTwice) {
  reconciler().start();
  ASSERT_TRUE(turn_until_listed(2));
  clock_.advance(minutes(10));
  ASSERT_TRUE(hosts_.wait_listed(4));
  clock_.advance(minutes(10));
  ASSERT_TRUE(hosts_.wait_listed(6));
  EXPECT_EQ(store().lanes().value().at(0).requested_seq, 1);
}

TEST_F(ReconcilerTest, ADivergenceLeavesNoRowEveryIntervalAndARefusalIsTriedAgain) {
  reconciler().start();
  clock_.advance(seconds(1));
  ASSERT_TRUE(eventually([&] { return lane_count() == 1; }));
  end_with(Error{ErrorCode::Diverged, "the target has commits of its own", "", std::nullopt});
  for (std::size_t listed = 4; listed <= 8; listed += 2) {
    clock_.advance(minutes(10));
    ASSERT_TRUE(hosts_.wait_listed(listed));
  }
  EXPECT_EQ(store().lanes().value().at(0).requested_seq, 1);
  hosts_.set_branches("in", {{"refs/heads/b0", 'c'}});
  clock_.advance(minutes(20));
  ASSERT_TRUE(eventually([&] { return store().lanes().value().at(0).is_pending(); })) << "the source moved";
}

TEST_F(ReconcilerTest, ADeadHostKeepsNoOtherFromBeingCompared) {
  std::vector<RepositoryBinding> bindings;
  for (int i = 0; i < 50; ++i) {
    bindings.push_back(binding_between("a" + std::to_string(i), "in", "dead"));
    bindings.push_back(robot("w" + std::to_string(i)));
  }
  set_bindings(bindings);
  hosts_.fail_listing("dead", {ErrorCode::ConnectionFailed, "nobody there", "", std::nullopt});
  reconciler().start();
  ASSERT_TRUE(eventually([&] {
    clock_.advance(milliseconds(100));
    return lane_count() == 50;
  }));
  const auto listed = hosts_.listed();
  EXPECT_LE(std::count(listed.begin(), listed.end(), "dead"), 6);
}

TEST_F(ReconcilerTest, ListsNoMoreThanTwoAtAHostAndFourInAllAtATime) {
  std::vector<RepositoryBinding> bindings;
  for (int i = 0; i < 40; ++i)
    bindings.push_back(binding_between("r" + std::to_string(i), "in" + std::to_string(i % 10), "out"));
  for (int i = 0; i < 40; ++i)
    bindings.push_back(
        binding_between("s" + std::to_string(i), "x" + std::to_string(i), "y" + std::to_string(i)));
  set_bindings(bindings);
  hosts_.close_listing_gate();
  reconciler().start();
  clock_.advance(minutes(1));
  ASSERT_TRUE(hosts_.wait_listed(Reconciler::kThreads));
  EXPECT_EQ(hosts_.listed().size(), Reconciler::kThreads);
  EXPECT_EQ(static_cast<std::size_t>(engines_), Reconciler::kThreads);
  hosts_.open_listing_gate();
  ASSERT_TRUE(hosts_.wait_listed(160));
  EXPECT_EQ(static_cast<std::size_t>(engines_), Reconciler::kThreads);
}

TEST_F(ReconcilerTest, StopCutsListingsThatHang) {
  hosts_.close_listing_gate();
  reconciler().start();
  clock_.advance(seconds(1));
  ASSERT_TRUE(hosts_.wait_listed(1));
  auto stopped = std::async(std::launch::async, [&] { reconciler().stop(); });
  EXPECT_EQ(stopped.wait_for(seconds(20)), std::future_status::ready);
  EXPECT_EQ(lane_count(), 0U);
}

TEST_F(ReconcilerTest, AProvenClaimIsComparedOutOfTurnAndAgainUntilTheHostAnswers) {
  options_of_sync_.reconcile_interval = milliseconds(0);
  hosts_.fail_listing("out", {ErrorCode::AccessDenied, "not for you", "", std::nullopt});
  reconciler().start();
  EXPECT_EQ(reconciler().state(), ReconcileState::Off);
  reconciler().ask("nobody", Claim::Proven);
  reconciler().ask("robot", Claim::Proven);
  ASSERT_TRUE(hosts_.wait_listed(2));
  hosts_.mend_listing("out");
  ASSERT_TRUE(eventually([&] {
    clock_.advance(seconds(1));
    return lane_count() == 1;
  }));
}

TEST_F(ReconcilerTest, WithoutAnythingToCompareThereIsNoThread) {
  options_of_sync_.reconcile_interval = milliseconds(0);
  reconciler().start();
  reconciler().ask("nobody", Claim::Proven);
  clock_.advance(minutes(60));
  reconciler().stop();
  EXPECT_EQ(engines_, 0);
  EXPECT_TRUE(hosts_.listed().empty());
}

TEST_F(ReconcilerTest, AReloadBringsNewRepositoriesAndTakesOldOnes) {
  reconciler().start();
  ASSERT_TRUE(turn_until_listed(2));
  replace({robot("fresh")});
  ASSERT_TRUE(eventually([&] {
    clock_.advance(milliseconds(100));
    return lane_count() == 2;
  }));
  EXPECT_EQ(hosts_.listed().size(), 4U);
  reconciler().ask("robot", Claim::Proven);
  clock_.advance(minutes(10));
  ASSERT_TRUE(hosts_.wait_listed(6));
  const auto lanes = store().lanes().value();
  for (const auto& lane : lanes) EXPECT_EQ(lane.requested_seq, 1);
}

TEST_F(ReconcilerTest, WhatWasListedAtAddressesThatWereChangedMeanwhileMarksNothing) {
  hosts_.close_listing_gate();
  reconciler().start();
  clock_.advance(seconds(1));
  ASSERT_TRUE(hosts_.wait_listed(1));
  auto moved = robot();
  moved.external = url_of("https://elsewhere/robot");
  hosts_.set_branches("elsewhere", {{"refs/heads/b0", 'a'}, {"refs/heads/b1", 'b'}});
  replace({moved});
  hosts_.open_listing_gate();
  ASSERT_TRUE(turn_until_listed(4)) << "the new address is compared as well";
  reconciler().stop();
  EXPECT_EQ(lane_count(), 0U);
  EXPECT_EQ(hosts_.listed().at(3), "elsewhere");
}

TEST_F(ReconcilerTest, WhatCannotBeMarkedIsMarkedLater) {
  reconciler();
  change_schema("CREATE TRIGGER full BEFORE INSERT ON lane BEGIN SELECT RAISE(ABORT, 'full'); END");
  reconciler().start();
  ASSERT_TRUE(turn_until_listed(2));
  ASSERT_TRUE(turn_until_listed(4)) << "long before the interval is over";
  EXPECT_LE(now_ms(), to_epoch_ms(FakeClock().now()) + milliseconds(minutes(5)).count());
  EXPECT_EQ(lane_count(), 0U);
  change_schema("DROP TRIGGER full");
  ASSERT_TRUE(eventually([&] {
    clock_.advance(seconds(1));
    return lane_count() == 1;
  }));
}

TEST_F(ReconcilerTest, ACredentialThatCannotBeReadAsksNoHost) {
  std::atomic<int> asked = 0;
  credentials_ = [&asked](const RemoteUrl&) -> Result<std::optional<Credential>> {
    ++asked;
    return fail(ErrorCode::ConfigurationInvalid, "the file is gone");
  };
  reconciler().start();
  ASSERT_TRUE(eventually([&] {
    clock_.advance(seconds(1));
    return asked >= 2;
  }));
  reconciler().stop();
  EXPECT_TRUE(hosts_.listed().empty());
}

TEST_F(ReconcilerTest, AnEngineThatThrowsEndsNothing) {
  std::atomic<int> throws = 2;
  credentials_ = [&throws](const RemoteUrl&) -> Result<std::optional<Credential>> {
    if (--throws >= 0) throw std::runtime_error("out of it");
    return std::optional<Credential>{};
  };
  reconciler().start();
  ASSERT_TRUE(eventually([&] {
    clock_.advance(seconds(1));
    return lane_count() == 1;
  }));
}

TEST_F(ReconcilerTest, TheServiceRunsWhatItFinds) {
  service().start();
  ASSERT_TRUE(eventually([&] {
    clock_.advance(seconds(1));
    service().reconcile_soon("robot", Claim::Heard);
    const auto rows = run_rows();
    return rows.size() == 1 && rows[0].state == RunState::Finished;
  }));
  EXPECT_EQ(run_rows().at(0).trigger, Trigger::Reconcile);
  EXPECT_EQ(hosts_.done().at(0).target, "out refs/heads/b0");
  EXPECT_EQ(service().reconcile_state(), ReconcileState::Ok);
  service().stop();
}

}  // namespace
}  // namespace gitferry

#include <algorithm>
#include <atomic>
#include <iterator>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/agent/store/postgres/shared_fixture.h"

namespace gitferry {
namespace {

using ConnectionTest = SharedStoreTest;

/// Records deliveries from several threads until it is told to stop, and remembers those that were
/// acknowledged.
class Recorder {
 public:
  explicit Recorder(PostgresStore& store) : store_(store) {
    for (int thread = 0; thread < 4; ++thread) threads_.emplace_back([this, thread] { record(thread); });
  }
  std::set<std::string> stop() {
    is_stopping_ = true;
    for (auto& thread : threads_) thread.join();
    threads_.clear();
    return acknowledged_;
  }
  [[nodiscard]] int refused() const { return refused_; }
  [[nodiscard]] std::size_t acknowledged() {
    const std::scoped_lock lock(mutex_);
    return acknowledged_.size();
  }

 private:
  void record(int thread) {
    const std::vector marks{mark_of("b" + std::to_string(thread)), mark_of("main")};
    for (int number = 0; !is_stopping_; ++number) {
      const auto id = std::to_string(thread) + "-" + std::to_string(number);
      const auto receipt = store_.record_delivery(delivery_of(id), marks);
      if (receipt) {
        const std::scoped_lock lock(mutex_);
        acknowledged_.insert(id);
      } else {
        ++refused_;
        EXPECT_EQ(receipt.error().code, ErrorCode::StoreBusy) << receipt.error().text();
      }
    }
  }

  PostgresStore& store_;
  std::atomic<bool> is_stopping_{false};
  std::atomic<int> refused_{0};
  std::mutex mutex_;
  std::set<std::string> acknowledged_;
  std::vector<std::jthread> threads_;
};

std::set<std::string> kept(PostgresStore& store) {
  std::set<std::string> ids;
  for (std::int64_t number = 1;; ++number) {
    const auto page = store.deliveries({}, {number, 1000, true});
    if (!page) ADD_FAILURE() << page.error().text();
    if (!page || page->rows.empty()) return ids;
    for (const auto& row : page->rows) ids.insert(row.record.provider_delivery_id);
  }
}

void expect_all_kept(PostgresStore& store, const std::set<std::string>& acknowledged) {
  const auto found = kept(store);
  std::vector<std::string> lost;
  std::set_difference(acknowledged.begin(), acknowledged.end(), found.begin(), found.end(),
                      std::back_inserter(lost));
  EXPECT_TRUE(lost.empty()) << lost.size() << " of " << acknowledged.size()
                            << " were acknowledged and are lost";
}

TEST_F(ConnectionTest, NothingAcknowledgedIsLostWhereConnectionsBreak) {
  auto store = open();
  Recorder recorder(*store);
  for (int kill = 0; kill < 30; ++kill) {
    const auto before = recorder.acknowledged();
    ASSERT_TRUE(eventually([&] { return recorder.acknowledged() > before + 10; })) << kill;
    sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid()");
  }
  const auto acknowledged = recorder.stop();
  EXPECT_GT(recorder.refused(), 0) << "the control: connections did break while something was written";
  expect_all_kept(*store, acknowledged);
  EXPECT_TRUE(store->lanes());
}

TEST_F(ConnectionTest, NothingAcknowledgedIsLostWhereTheServerCrashesInTheMiddleOfWrites) {
  auto store = open();
  Recorder recorder(*store);
  for (int crash = 0; crash < 3; ++crash) {
    const auto before = recorder.acknowledged();
    ASSERT_TRUE(eventually([&] { return recorder.acknowledged() > before + 50; })) << crash;
    server().stop();
    EXPECT_FALSE(store->next_due_after(now_ms())) << "by which readiness is told";
    server().start();
  }
  const auto before = recorder.acknowledged();
  ASSERT_TRUE(eventually([&] { return recorder.acknowledged() > before; }));
  const auto acknowledged = recorder.stop();
  EXPECT_GT(recorder.refused(), 0);
  expect_all_kept(*store, acknowledged);
}

TEST_F(ConnectionTest, AnIdleStoreDoesNotNoticeThatItsConnectionsBroke) {
  auto store = open();
  const auto id = mark(*store, "main");
  for (int round = 0; round < 3; ++round) {
    sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid()");
    for (int reader = 0; reader < 4; ++reader) EXPECT_TRUE(store->lane(id));
    EXPECT_TRUE(store->latest_runs(std::vector{id}, 1));
    EXPECT_EQ(mark(*store, "main"), id);
  }
}

TEST_F(ConnectionTest, ATransactionThatFailsAtItsCommitIsNotAcknowledged) {
  auto store = open();
  sql("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$; "
      "CREATE CONSTRAINT TRIGGER refused AFTER INSERT ON delivery DEFERRABLE INITIALLY DEFERRED "
      "FOR EACH ROW EXECUTE FUNCTION refuse()");
  const auto refused = store->record_delivery(delivery_of("a"), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::StoreFailed);
  EXPECT_TRUE(kept(*store).empty());
  sql("DROP TRIGGER refused ON delivery");
  EXPECT_TRUE(store->record_delivery(delivery_of("b"), {}));
  // A server that ends in its commit: it was not taken, and the database says so.
  sql("CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$; "
      "CREATE CONSTRAINT TRIGGER refused AFTER INSERT ON delivery DEFERRABLE INITIALLY DEFERRED "
      "FOR EACH ROW EXECUTE FUNCTION refuse()");
  const auto broken = store->record_delivery(delivery_of("c"), {});
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, ErrorCode::StoreBusy);
  EXPECT_EQ(kept(*store), std::set<std::string>{"b"});
}

TEST_F(ConnectionTest, AServerThatIsAwayIsSaidToBeAway) {
  server().stop();
  const auto opened = PostgresStore::open(options(), clock_);
  server().start();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::StoreBusy);
  EXPECT_NE(opened.error().message.find("PostgreSQL cannot be used"), std::string::npos)
      << opened.error().text();
}

TEST_F(ConnectionTest, AnAddressWithAPasswordIsRefusedAndNotRepeated) {
  for (const auto* url :
       {"postgresql://gitferry:h4nd@db/gitferry", "postgresql://gitferry@db/gitferry?password=h4nd",
        "postgresql://gitferry@db/gitferry?sslpassword=h4nd", "postgres://:h4nd@/x"}) {
    auto wanted = options();
    wanted.url = url;
    const auto opened = PostgresStore::open(wanted, clock_);
    ASSERT_FALSE(opened) << url;
    EXPECT_EQ(opened.error().code, ErrorCode::ConfigurationInvalid);
    EXPECT_NE(opened.error().hint.find("storage.password_file"), std::string::npos);
    EXPECT_EQ(opened.error().text().find("h4nd"), std::string::npos);
  }
  for (const auto* url : {"mysql://x", "", "postgresql:/x", "postgresql://[/h4nd"}) {
    const auto refused = check_shared_store_url(url);
    ASSERT_FALSE(refused) << url;
    EXPECT_EQ(refused.error().text().find("h4nd"), std::string::npos);
  }
}

TEST_F(ConnectionTest, APasswordOpensAndAWrongOneIsInNoError) {
  sql("GRANT ALL ON SCHEMA " + sql("SELECT current_schema()") + " TO guarded");
  auto wanted = options();
  wanted.url = server().url(sql("SELECT current_schema()"), "guarded");
  wanted.password = Secret("s3cret");
  EXPECT_TRUE(PostgresStore::open(wanted, clock_));
  wanted.password = Secret("wr0ng");
  const auto refused = PostgresStore::open(wanted, clock_);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("password authentication failed"), std::string::npos)
      << refused.error().text();
  EXPECT_EQ(refused.error().text().find("wr0ng"), std::string::npos);
}

TEST_F(ConnectionTest, WhatPostgresqlCannotKeepIsKeptReadable) {
  auto store = open();
  auto record = delivery_of(std::string("a\0b", 3));
  record.event = "caf\xE9 \xF0\x9F\x9A\xA2 \xE2\x82";
  const auto id = store->record_delivery(record, {}).value().delivery_id;
  const auto row = store->delivery(id).value().value();
  EXPECT_EQ(row.record.provider_delivery_id,
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(row.record.event, "caf\xEF\xBF\xBD \xF0\x9F\x9A\xA2 \xEF\xBF\xBD\xEF\xBF\xBD");
}

using SchemaTest = SharedStoreTest;

TEST_F(SchemaTest, ManyThatStartAtOnceMakeItOnce) {
  std::atomic<int> failed{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 6; ++i) {
      threads.emplace_back([&] {
        const auto opened = PostgresStore::open(options(), clock_);
        if (!opened) {
          ++failed;
          ADD_FAILURE() << opened.error().text();
        }
      });
    }
  }
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(sql("SELECT version FROM gitferry_schema"), "1");
  EXPECT_EQ(sql("SELECT count(*) FROM agent WHERE ending = 'stopped'"), "6");
}

TEST_F(SchemaTest, ANewerOneIsRefusedAndLeftAlone) {
  open();
  sql("UPDATE gitferry_schema SET version = 99");
  const auto opened = PostgresStore::open(options(), clock_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::StoreFailed);
  EXPECT_NE(opened.error().message.find("99"), std::string::npos);
  EXPECT_EQ(sql("SELECT version FROM gitferry_schema"), "99");
  EXPECT_FALSE(peek_shared_overrides(options()));
  EXPECT_FALSE(check_shared_database(options()));
}

TEST_F(SchemaTest, WhatBelongsToSomebodyElseIsLeftAlone) {
  sql("CREATE TABLE lane (theirs text)");
  const auto opened = PostgresStore::open(options(), clock_);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("somebody else"), std::string::npos) << opened.error().text();
  EXPECT_EQ(sql("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"), "1");
}

TEST_F(SchemaTest, ASchemaThatIsMissingIsSaidToBe) {
  auto wanted = options();
  wanted.url = server().url("nobody_made_it");
  const auto opened = PostgresStore::open(wanted, clock_);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().hint.find("CREATE SCHEMA"), std::string::npos) << opened.error().text();
}

TEST_F(SchemaTest, TheCheckSeesWhatIsKeptAndWhatIsBroken) {
  EXPECT_EQ(check_shared_database(options()).value().schema_version, 0);
  auto store = open();
  const auto id = mark(*store, "main");
  ASSERT_TRUE(store->record_delivery(delivery_of("d"), {}));
  const auto sound = check_shared_database(options()).value();
  EXPECT_TRUE(sound.faults.empty()) << sound.faults.front();
  EXPECT_EQ(sound.lanes, 1);
  EXPECT_EQ(sound.pending_lanes, 1);
  EXPECT_EQ(sound.deliveries, 1);
  sql("UPDATE lane SET to_outer_seq = 7");
  const auto broken = check_shared_database(options()).value();
  ASSERT_EQ(broken.faults.size(), 1U);
  EXPECT_NE(broken.faults.front().find("lane " + std::to_string(id)), std::string::npos);
}

TEST_F(SchemaTest, OverridesCanBePeekedAt) {
  auto wanted = options();
  wanted.common.sealing_key = sealing_key_of('k');
  EXPECT_TRUE(peek_shared_overrides(wanted).value().repositories.empty());
  auto store = PostgresStore::open(wanted, clock_).value();
  ASSERT_TRUE(store->change_overrides({{}, {}, {bound("robot")}, {}, {}, {}}));
  EXPECT_EQ(peek_shared_overrides(wanted).value().repositories.at(0).internal, bound("robot").internal);
  wanted.common.sealing_key = sealing_key_of('x');
  const auto refused = peek_shared_overrides(wanted);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::StoreDamaged);
}

}  // namespace
}  // namespace gitferry

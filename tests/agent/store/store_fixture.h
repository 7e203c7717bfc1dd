#pragma once

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>
#include <sqlite3.h>

#include "agent/store/postgres/postgres_store.h"
#include "agent/store/sqlite_store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/postgres_server.h"

namespace gitferry {

inline LaneKey lane_key(const std::string& branch, const std::string& repository = "robot") {
  return {repository, "refs/heads/" + branch, "refs/heads/" + branch};
}
inline LaneMark mark_of(const std::string& branch, Direction direction = Direction::ToOuter) {
  return {lane_key(branch), direction};
}
inline DeliveryRecord delivery_of(const std::string& id, const std::string& repository = "robot") {
  DeliveryRecord record;
  record.provider = "gitea";
  record.repository = repository;
  record.event = "push";
  record.provider_delivery_id = id;
  record.source_address = "192.0.2.7";
  record.verdict = Verdict::Accepted;
  record.refs = "[]";
  record.body_sha256 = "00";
  record.body_bytes = 12;
  record.received_at_ms = to_epoch_ms(FakeClock().now());
  return record;
}

/// Runs SQL on the closed database file, as no product code does.
inline void run_sql(const std::string& path, const char* sql) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
  sqlite3_close(database);
}

inline Secret sealing_key_of(char byte) {
  return Secret(std::string(32, byte));
}
/// A binding made through the API.
inline RepositoryOverride bound(const std::string& name) {
  RepositoryOverride row;
  row.name = name;
  row.kind = RepositoryOverride::Kind::Bound;
  row.enabled = true;
  row.internal = "https://internal.example.org/" + name + ".git";
  row.external = "https://external.example.org/" + name + ".git";
  row.granularity = Granularity::One;
  row.direction = BindingDirection::ToInter;
  row.created_at_ms = 1'700'000'000'000;
  return row;
}
inline AuditEntry audit_of(const std::string& repository, const std::string& action = "bind_repository") {
  return {"ops", "api", action, repository, "", "", R"({"enable":true})", "r-1"};
}

/// The end of a run that succeeded, for `row` as it was when the run began.
inline RunEnd success_of(const LaneRow& row, std::int64_t run_id, std::int64_t at_ms) {
  RunEnd end;
  end.run_id = run_id;
  end.lane_id = row.id;
  end.report.plan = Plan::FastForward;
  end.finished_at_ms = at_ms;
  end.done_seq = row.requested_seq;
  end.text = "done";
  return end;
}

/// The PostgreSQL of this test program, where its tests are to run on one: GITFERRY_TEST_STORE=postgresql.
/// Otherwise null, and they run on SQLite. One test after the other, each in a schema of its own.
inline test::PostgresServer* postgres_server() {
  static const char* wanted = std::getenv("GITFERRY_TEST_STORE");
  if (wanted == nullptr || std::string_view(wanted) != "postgresql") return nullptr;
  static test::PostgresServer server;
  return &server;
}

/// For a test that is about SQLite's file, in a suite that is for every store.
#define GITFERRY_ABOUT_SQLITE_ALONE \
  if (postgres_server() != nullptr) GTEST_SKIP() << "it is about SQLite's file"

/// A store in a directory or a schema of its own, that can be closed and opened again.
class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    if (auto* server = postgres_server()) url_ = server->new_schema();
    std::string pattern = (std::filesystem::temp_directory_path() / "gitferry-store-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    directory_ = pattern;
    options_.path = (directory_ / "data" / "gitferry.db").string();
  }
  ~StoreTest() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  SqlStore& store() {
    if (!store_) reopen();
    return *store_;
  }
  void reopen() {
    store_.reset();
    if (url_.empty()) {
      take(SqliteStore::open(options_, clock_));
    } else {
      take(PostgresStore::open(shared_options(), clock_));
    }
  }
  [[nodiscard]] SharedStoreOptions shared_options() const {
    SharedStoreOptions options;
    options.common = options_;
    options.url = url_;
    return options;
  }
  void close() { store_.reset(); }
  /// The id of a branch binding, by its short names.
  std::int64_t branch_id(const std::string& branch, const std::string& repository = "robot") {
    return store().binding_ids({{}, {{repository, branch, branch}}}).value().branches.at(0).id;
  }

  [[nodiscard]] std::int64_t now_ms() const { return to_epoch_ms(clock_.now()); }
  Receipt marked(const LaneMark& mark, Trigger trigger = Trigger::Webhook) {
    return store().mark_lanes(std::span(&mark, 1), trigger).value();
  }
  LaneRow lane(std::int64_t id) { return store().lane(id).value().value(); }

  RunEnd success(const LaneRow& row, std::int64_t run_id) const { return success_of(row, run_id, now_ms()); }

  std::filesystem::path directory_;
  std::string url_;  ///< of PostgreSQL; empty: SQLite
  StoreOptions options_;
  FakeClock clock_;
  std::unique_ptr<SqlStore> store_;

 private:
  template <typename Opened>
  void take(Opened opened) {
    if (!opened) {
      ADD_FAILURE() << opened.error().text();
      std::abort();
    }
    store_ = std::move(*opened);
  }
};

}  // namespace gitferry

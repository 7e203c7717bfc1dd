#include "agent/store/database_check.h"

#include <atomic>
#include <csignal>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/agent/store/store_fixture.h"

namespace gitferry {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string bytes_of(const std::string& path) {
  return (std::ostringstream() << std::ifstream(path, std::ios::binary).rdbuf()).str();
}

class DatabaseCheckTest : public StoreTest {
 protected:
  /// One lane that is done, one that is pending, two deliveries, a run.
  void fill() {
    const std::vector marks{mark_of("main"), mark_of("dev")};
    const auto receipt = store().record_delivery(delivery_of("d-1"), marks).value();
    ASSERT_TRUE(store().record_delivery(delivery_of("d-2"), {}));
    const auto row = lane(receipt.marked[0].lane_id);
    ASSERT_TRUE(
        store().finish_run(success(row, store().begin_run(row, Direction::ToOuter, now_ms()).value())));
  }
  std::vector<std::string> faults() const {
    const auto report = check_database(options_.path);
    return report ? report->faults : std::vector{report.error().text()};
  }
  [[nodiscard]] std::string copy_path() const { return (directory_ / "copy.db").string(); }
  std::vector<std::string> files_beside_the_data() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
      if (entry.path().filename() != "data") names.push_back(entry.path().filename().string());
    }
    return names;
  }
};

TEST_F(DatabaseCheckTest, CountsWhatASoundOneHoldsAlsoWhileTheStoreIsOpen) {
  fill();
  for (int i = 0; i < 2; ++i) {
    const auto report = check_database(options_.path);
    ASSERT_TRUE(report) << report.error().text();
    EXPECT_THAT(report->faults, ElementsAre());
    EXPECT_EQ(report->lanes, 2);
    EXPECT_EQ(report->pending_lanes, 1);
    EXPECT_EQ(report->deliveries, 2);
    EXPECT_EQ(report->runs, 1);
    ASSERT_TRUE(store().record_delivery(delivery_of("d"), {})) << "the store goes on";
    run_sql(options_.path, "DELETE FROM delivery WHERE provider_delivery_id = 'd'");
    close();
  }
}

TEST_F(DatabaseCheckTest, TellsWhichRowBreaksWhatTheStorePromises) {
  const std::vector<std::pair<const char*, const char*>> broken{
      {"PRAGMA ignore_check_constraints=ON; UPDATE lane SET done_seq = 7 WHERE id = 1",
       "lane 1: done_seq 7 is ahead of requested_seq 1"},
      {"UPDATE lane SET requested_seq = 5 WHERE id = 1",
       "lane 1: requested_seq 5 is not that of its latest mark"},
      {"UPDATE lane SET force_to_inter_seq = 5 WHERE id = 2", "lane 2: leave to force is newer"},
      {"UPDATE branch_id SET external_ref = 'x' WHERE id = 2", "lane 2: it and its branch 2 have different"},
      {"UPDATE delivery_lane SET seq = 9 WHERE lane_id = 2", "delivery 1: its mark 9 is not in lane 2"},
      {"UPDATE run SET requested_seq = 9", "run 1: it began from a mark that lane 1 does not have"},
      {"DELETE FROM delivery WHERE id = 1", "row ? of delivery_lane refers to no row of delivery"},
      {"PRAGMA writable_schema=ON; DELETE FROM sqlite_schema WHERE name = 'run_running'", "never used"},
  };
  for (const auto& [sql, fault] : broken) {
    fill();
    close();
    run_sql(options_.path, sql);
    const auto found = faults();
    ASSERT_FALSE(found.empty()) << sql;
    EXPECT_THAT(found.front(), HasSubstr(fault)) << sql;
    std::filesystem::remove_all(directory_ / "data");
  }
}

TEST_F(DatabaseCheckTest, AnOlderSchemaIsNoFaultAndANewerOneIsRefused) {
  fill();
  close();
  run_sql(options_.path, "PRAGMA user_version=6");
  EXPECT_EQ(check_database(options_.path).value().schema_version, 6);
  EXPECT_THAT(faults(), ElementsAre());
  run_sql(options_.path, "PRAGMA user_version=99");
  const auto newer = check_database(options_.path);
  ASSERT_FALSE(newer);
  EXPECT_THAT(newer.error().text(), HasSubstr("schema version 99"));
}

TEST_F(DatabaseCheckTest, WhatIsNoDatabaseIsToldByItsName) {
  const auto missing = check_database(options_.path);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::NoData);
  EXPECT_THAT(missing.error().message, HasSubstr("'" + options_.path + "'"));
  EXPECT_FALSE(std::filesystem::exists(options_.path)) << "looking makes none";
  const auto directory = check_database(directory_.string());
  ASSERT_FALSE(directory);
  EXPECT_THAT(directory.error().message, HasSubstr("it is not a file"));
}

TEST_F(DatabaseCheckTest, R35_EveryCopyIsSoundAndHoldsWhatWasAcknowledgedBeforeItBegan) {
  constexpr int kCopies = 3;
  std::atomic<bool> enough{false};
  Guarded<std::set<std::int64_t>> acknowledged;
  store();
  std::vector<std::jthread> clients;
  clients.reserve(4);
  for (int client = 0; client < 4; ++client) {
    clients.emplace_back([&, client] {
      const std::vector marks{mark_of("b" + std::to_string(client))};
      while (!enough) {
        const auto receipt = store_->record_delivery(delivery_of("d"), marks);
        if (receipt) acknowledged.lock()->insert(receipt->delivery_id);
      }
    });
  }
  for (int copy = 0; copy < kCopies; ++copy) {
    const std::size_t wanted = 100U * static_cast<std::size_t>(copy + 1);
    while (acknowledged.lock()->size() < wanted) std::this_thread::yield();
    const auto before = *acknowledged.lock();
    StoreOptions options = options_;
    options.path = (directory_ / ("restored-" + std::to_string(copy)) / "gitferry.db").string();
    std::filesystem::create_directory(std::filesystem::path(options.path).parent_path());
    const auto copied = back_up_database(options_.path, options.path);
    ASSERT_TRUE(copied) << copied.error().text();
    EXPECT_THAT(check_database(options.path).value().faults, ElementsAre());
    const auto restored = SqliteStore::open(options, clock_);
    ASSERT_TRUE(restored) << restored.error().text();
    for (const auto id : before) ASSERT_TRUE((*restored)->delivery(id).value()) << id;
    EXPECT_EQ((*restored)->lanes().value().size(), 4U);
  }
  enough = true;
}

TEST_F(DatabaseCheckTest, ACopyIsForItsOwnerAloneAndReplacesNothing) {
  fill();
  ASSERT_TRUE(back_up_database(options_.path, copy_path()));
  struct stat found {};
  ASSERT_EQ(::stat(copy_path().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0600U);
  EXPECT_THAT(files_beside_the_data(), ElementsAre("copy.db"));
  const auto before = bytes_of(copy_path());
  ASSERT_TRUE(store().record_delivery(delivery_of("d-3"), {}));
  const auto again = back_up_database(options_.path, copy_path());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::LocalConflict);
  EXPECT_THAT(again.error().text(), HasSubstr("'" + copy_path() + "': File exists; name another file"));
  EXPECT_EQ(bytes_of(copy_path()), before);
  // Nor does it follow a link that leads to the database.
  std::filesystem::remove(copy_path());
  std::filesystem::create_symlink(options_.path, copy_path());
  EXPECT_FALSE(back_up_database(options_.path, copy_path()));
  const auto onto_itself = back_up_database(options_.path, options_.path);
  ASSERT_FALSE(onto_itself);
  EXPECT_EQ(onto_itself.error().code, ErrorCode::LocalConflict);
  EXPECT_EQ(store().deliveries({}, {}).value().total, 3);
}

TEST_F(DatabaseCheckTest, ACopyThatCannotBeWrittenLeavesNothing) {
  fill();
  const auto nowhere = back_up_database(options_.path, (directory_ / "no" / "copy.db").string());
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, ErrorCode::LocalPermission);
  EXPECT_THAT(nowhere.error().text(), HasSubstr("No such file or directory"));
  close();
  // A limit of the process stands for a volume that is full after the first pages.
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{20'000, 20'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const auto copied = back_up_database(options_.path, copy_path());
    ::_exit(!copied && copied.error().message.find(copy_path()) != std::string::npos ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_THAT(files_beside_the_data(), ElementsAre());
}

TEST_F(DatabaseCheckTest, ADamagedOneIsNotCopied) {
  fill();
  close();
  std::ofstream(options_.path, std::ios::binary | std::ios::in) << "garbage";
  const auto copied = back_up_database(options_.path, copy_path());
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().code, ErrorCode::StoreDamaged);
  EXPECT_THAT(files_beside_the_data(), ElementsAre());
}

}  // namespace
}  // namespace gitferry

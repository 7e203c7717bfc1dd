#include <cstdio>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/store/database_check.h"
#include "tests/agent/store/failing_vfs.h"
#include "tests/agent/store/store_fixture.h"

// A database that is damaged, locked, read-only or on a full disk is told clearly, and never made worse.

namespace gitferry {
namespace {

using ::testing::HasSubstr;

constexpr int kDeliveries = 200;
constexpr std::size_t kPage = 4096;
constexpr auto kNobody = 65534;

std::string bytes_of(const std::string& path) {
  return (std::ostringstream() << std::ifstream(path, std::ios::binary).rdbuf()).str();
}
void replace_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

class DamageTest : public StoreTest {
 protected:
  DamageTest() {
    for (int i = 0; i < kDeliveries; ++i) {
      const std::vector marks{mark_of("b" + std::to_string(i % 7))};
      EXPECT_TRUE(store().record_delivery(delivery_of(std::to_string(i)), marks));
    }
    close();
    sound_ = bytes_of(options_.path);
  }
  /// The database as these bytes alone, without a log.
  void put(const std::string& bytes) {
    std::filesystem::remove(options_.path + "-wal");
    std::filesystem::remove(options_.path + "-shm");
    replace_bytes(options_.path, bytes);
  }
  Error refused() {
    const auto opened = Store::open(options_, clock_);
    EXPECT_FALSE(opened);
    if (opened) return {};
    EXPECT_THAT(opened.error().message, HasSubstr(options_.path));
    EXPECT_FALSE(opened.error().hint.empty());
    return opened.error();
  }
  /// Opens the store as a user who is not root, to whom modes of files mean something. What was said.
  std::string refusal_for_nobody() {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      if (::geteuid() == 0 && ::setresuid(kNobody, kNobody, kNobody) != 0) ::_exit(2);
      const auto opened = Store::open(options_, clock_);
      const auto said = opened ? "opened" : opened.error().text();
      ::_exit(::write(ends[1], said.data(), said.size()) < 0 ? 3 : 0);
    }
    ::close(ends[1]);
    std::string said(2000, '\0');
    const auto size = ::read(ends[0], said.data(), said.size());
    ::close(ends[0]);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    said.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return said;
  }
  void give_to_nobody() {
    if (::geteuid() != 0) return;
    ASSERT_EQ(::chmod(directory_.c_str(), 0755), 0);
    for (const auto& path : {directory_ / "data", directory_ / "data" / "gitferry.db",
                             directory_ / "data" / "gitferry.db.lock"}) {
      ASSERT_EQ(::chown(path.c_str(), kNobody, kNobody), 0) << path;
    }
  }

  std::string sound_;
};

TEST_F(DamageTest, R06_ADamagedDatabaseIsRefusedByItsNameAndLeftAsItIs) {
  ASSERT_GT(sound_.size(), 10 * kPage);
  const std::vector<std::pair<const char*, std::string>> damaged{
      {"garbage in the header", "garbage" + sound_.substr(7)},
      {"garbage in the first page",
       sound_.substr(0, 100) + std::string(kPage - 100, '\x5a') + sound_.substr(kPage)},
      {"garbage in its middle",
       sound_.substr(0, 4 * kPage) + std::string(2 * kPage, '\x5a') + sound_.substr(6 * kPage)},
      {"cut to half", sound_.substr(0, sound_.size() / 2)},
      {"cut by a page", sound_.substr(0, sound_.size() - kPage)},
      {"cut in a page", sound_.substr(0, sound_.size() - 100)},
      {"cut to a few bytes", sound_.substr(0, 50)},
      {"only the header", sound_.substr(0, 100)},
      {"another program's file", std::string(100'000, 'x')},
  };
  for (const auto& [what, bytes] : damaged) {
    put(bytes);
    EXPECT_EQ(refused().code, ErrorCode::StoreDamaged) << what;
    const auto report = check_database(options_.path);
    EXPECT_TRUE(!report || !report->faults.empty()) << what;
    EXPECT_EQ(bytes_of(options_.path), bytes) << what;
  }
}

TEST_F(DamageTest, R06_OfAFlippedBitNothingIsEverMadeWorse) {
  constexpr int kFlips = 100;
  std::mt19937 random{20'261'127};  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same bits each time
  int refused_to_open = 0;
  int found_by_check = 0;
  for (int flip = 0; flip < kFlips; ++flip) {
    auto bytes = sound_;
    for (int bit = 0; bit < 8; ++bit) bytes[random() % bytes.size()] ^= static_cast<char>(1U << random() % 8);
    put(bytes);
    const auto report = check_database(options_.path);
    const bool is_found = !report || !report->faults.empty();
    if (is_found) ++found_by_check;
    const auto opened = Store::open(options_, clock_);
    if (!opened) {
      ++refused_to_open;
      EXPECT_TRUE(is_found) << "the check sees what the start sees";
      EXPECT_THAT(opened.error().message, HasSubstr(options_.path));
      EXPECT_EQ(bytes_of(options_.path), bytes);
      continue;
    }
    // In the text of a row nothing can tell: then every row is there all the same.
    const auto rows = (*opened)->deliveries({}, {1, 1000, true});
    EXPECT_EQ(rows ? rows->total : kDeliveries, kDeliveries);
  }
  std::printf("R-06 flipped bits: files=%d refused_at_start=%d found_by_check=%d\n", kFlips, refused_to_open,
              found_by_check);
  EXPECT_GT(refused_to_open, 0);
  EXPECT_LT(refused_to_open, kFlips);
  EXPECT_GE(found_by_check, refused_to_open);
}

TEST_F(DamageTest, R06_AProgramThatWritesToTheDatabaseIsWaitedForAndThenNamed) {
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(options_.path.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN EXCLUSIVE", nullptr, nullptr, nullptr), SQLITE_OK);
  const auto error = refused();
  EXPECT_EQ(error.code, ErrorCode::StoreBusy);
  EXPECT_THAT(error.hint, HasSubstr("close other programs"));
  EXPECT_TRUE(check_database(options_.path)) << "looking does not wait for it";
  ASSERT_EQ(sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
  EXPECT_EQ(store().deliveries({}, {}).value().total, kDeliveries);
}

TEST_F(DamageTest, R06_AFullDiskAtTheStartIsToldAndHarmsNothing) {
  options_.vfs = FailingVfs::name();
  // The start closes what a crash left open, and there is no room to write that.
  {
    const FailingVfs::Full full;
    EXPECT_EQ(refused().code, ErrorCode::StoreFull);
  }
  EXPECT_EQ(store().deliveries({}, {}).value().total, kDeliveries);
  close();
  std::filesystem::remove_all(directory_ / "data");
  {
    const FailingVfs::Full full;
    EXPECT_EQ(refused().code, ErrorCode::StoreFull) << "nor for a new one";
  }
  EXPECT_EQ(store().deliveries({}, {}).value().total, 0);
}

TEST_F(DamageTest, R06_WhatMayNotBeWrittenIsToldByItsName) {
  give_to_nobody();
  // A directory in which neither the log nor its index can be made.
  ASSERT_EQ(::chmod((directory_ / "data").c_str(), 0500), 0);
  const auto in_directory = refusal_for_nobody();
  EXPECT_THAT(in_directory, HasSubstr(options_.path));
  EXPECT_THAT(in_directory, HasSubstr("permissions"));
  // Files of somebody else.
  ASSERT_EQ(::chmod((directory_ / "data").c_str(), 0700), 0);
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(options_.path.c_str(), 0, 0), 0);
    const auto of_another = refusal_for_nobody();
    EXPECT_THAT(of_another, HasSubstr(options_.path));
    EXPECT_THAT(of_another, HasSubstr("Operation not permitted"));
  }
  EXPECT_EQ(bytes_of(options_.path), sound_);
}

}  // namespace
}  // namespace gitferry

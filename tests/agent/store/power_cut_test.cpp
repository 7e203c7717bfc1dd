#include <cstdio>
#include <string>

#include <gtest/gtest.h>
#include <sqlite3.h>

#include "tests/agent/store/power_cuts.h"

// The power is cut at random moments. A kill cannot show what this shows: the system's cache outlives a
// process.

namespace gitferry {
namespace {

/// As long as it lives, new connections of the process have other settings than the store gives them. There
/// is nothing in the store to ask for that: SQLite itself calls this for each connection.
class OtherSettings {
 public:
  /// `synchronous` may be null: as the store has it.
  explicit OtherSettings(const char* synchronous) {
    wanted() = synchronous;
    sqlite3_auto_extension(entry());
  }
  OtherSettings(const OtherSettings&) = delete;
  OtherSettings& operator=(const OtherSettings&) = delete;
  ~OtherSettings() { sqlite3_cancel_auto_extension(entry()); }

 private:
  static const char*& wanted() {
    static const char* synchronous = nullptr;
    return synchronous;
  }
  static void (*entry())() { return reinterpret_cast<void (*)()>(&set_up); }
  static int set_up(sqlite3* database, const char**, const void*) {
    // SQLite sets the checkpoint's own default after this call, so that has to wait for the first statement.
    sqlite3_trace_v2(database, SQLITE_TRACE_PROFILE, checkpoint_often, nullptr);
    if (wanted() == nullptr) return SQLITE_OK;
    const auto setting = std::string("PRAGMA synchronous=") + wanted();
    sqlite3_exec(database, setting.c_str(), nullptr, nullptr, nullptr);
    return sqlite3_set_authorizer(database, keep_synchronous, nullptr);
  }
  /// So that cuts come in the middle of a checkpoint too.
  static int checkpoint_often(unsigned, void*, void* statement, void*) {
    auto* database = sqlite3_db_handle(static_cast<sqlite3_stmt*>(statement));
    if (sqlite3_db_readonly(database, "main") == 0) sqlite3_wal_autocheckpoint(database, 100);
    return 0;
  }
  /// What the store says of it counts for nothing.
  static int keep_synchronous(void*, int what, const char* name, const char* value, const char*,
                              const char*) {
    const bool sets_it = what == SQLITE_PRAGMA && value != nullptr && std::string(name) == "synchronous";
    return sets_it ? SQLITE_IGNORE : SQLITE_OK;
  }
};

constexpr std::uint64_t kSeed = 20'261'127;

PowerCutCounts cut(const char* title, int times, const char* synchronous = nullptr) {
  const OtherSettings settings(synchronous);
  PowerCuts cuts(kSeed);
  cuts.run(times);
  std::printf("R-02 power cuts, %s: %s seed=%llu\n", title, cuts.counts().line().c_str(),
              static_cast<unsigned long long>(kSeed));
  return cuts.counts();
}

void expect_nothing_lost(const PowerCutCounts& counts) {
  EXPECT_EQ(counts.lost, 0U);
  EXPECT_EQ(counts.duplicated, 0U);
  EXPECT_EQ(counts.unexpected, 0U);
  EXPECT_EQ(counts.marks_lost, 0U);
  EXPECT_EQ(counts.ends_lost, 0U);
  EXPECT_EQ(counts.done_ahead, 0U);
  EXPECT_EQ(counts.damaged, 0);
  EXPECT_GT(counts.acked, static_cast<std::size_t>(counts.cuts));
}

TEST(PowerCutTest, R02_NothingAcknowledgedIsLost) {
  expect_nothing_lost(cut("synchronous=FULL", 60));
}

TEST(FullPowerCutTest, R02_NothingAcknowledgedIsLostInTwoThousandCuts) {
  expect_nothing_lost(cut("synchronous=FULL", 2000));
}

// Whether the two above could see a loss.
TEST(PowerCutTest, N02_WithoutASyncAtEachCommitSomeOfItIsLost) {
  const auto counts = cut("synchronous=NORMAL", 60, "NORMAL");
  EXPECT_GT(counts.lost, 0U);
  EXPECT_GT(counts.marks_lost + counts.ends_lost, 0U);
  EXPECT_EQ(counts.damaged, 0);
}

TEST(FullPowerCutTest, N03_WithoutAnySyncTheDatabaseIsDamaged) {
  EXPECT_GT(cut("synchronous=OFF", 100, "OFF").damaged, 0);
}

}  // namespace
}  // namespace gitferry

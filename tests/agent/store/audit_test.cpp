#include <set>

#include <gtest/gtest.h>

#include "tests/agent/store/store_fixture.h"

namespace gitferry {
namespace {

class AuditTest : public StoreTest {
 protected:
  void record(const AuditEntry& entry) {
    OverrideChange change;
    change.audit.push_back(entry);
    ASSERT_TRUE(store().change_overrides(change));
  }
  std::int64_t total() { return store().audit({}, {}).value().total; }
};

TEST_F(AuditTest, KeepsWhoDidWhatWhenAcrossAReopen) {
  const AuditEntry entry{
      "ops", "api", "set_enabled", "robot", "main -> v1", R"({"enable":1})", R"({"enable":0})", "req-7"};
  const auto at_ms = now_ms();
  record(entry);
  reopen();
  const auto listing = store().audit({}, {}).value();
  ASSERT_EQ(listing.total, 1);
  const auto& row = listing.rows.at(0);
  EXPECT_GT(row.id, 0);
  EXPECT_EQ(row.at_ms, at_ms);
  EXPECT_EQ(row.entry.actor, "ops");
  EXPECT_EQ(row.entry.via, "api");
  EXPECT_EQ(row.entry.action, "set_enabled");
  EXPECT_EQ(row.entry.repository, "robot");
  EXPECT_EQ(row.entry.branch, "main -> v1");
  EXPECT_EQ(row.entry.before, R"({"enable":1})");
  EXPECT_EQ(row.entry.after, R"({"enable":0})");
  EXPECT_EQ(row.entry.request_id, "req-7");
}

TEST_F(AuditTest, FiltersByRepositoryAndPagesBothWays) {
  for (int i = 0; i < 25; ++i) record(audit_of(i % 5 == 0 ? "it's" : "robot"));
  EXPECT_EQ(store().audit({"it's"}, {}).value().total, 5);
  EXPECT_EQ(store().audit({"nobody"}, {}).value().total, 0);
  for (const bool ascending : {false, true}) {
    for (const std::string repository : {"", "robot"}) {
      std::vector<std::int64_t> ids;
      for (std::int64_t number = 1; number <= 4; ++number) {
        const auto page = store().audit({repository}, {number, 10, ascending}).value();
        EXPECT_EQ(page.total, repository.empty() ? 25 : 20);
        for (const auto& row : page.rows) {
          EXPECT_TRUE(repository.empty() || row.entry.repository == repository);
          ids.push_back(row.id);
        }
      }
      EXPECT_EQ(std::set(ids.begin(), ids.end()).size(), repository.empty() ? 25U : 20U);
      EXPECT_EQ(std::is_sorted(ids.begin(), ids.end()), ascending);
    }
  }
}

TEST_F(AuditTest, KeepsTheNewestByCount) {
  options_.audit.count = 10;
  for (int i = 0; i < 200; ++i) record(audit_of("r" + std::to_string(i)));
  EXPECT_LE(total(), 10 + 64);
  reopen();
  EXPECT_EQ(total(), 10);
  EXPECT_EQ(store().audit({}, {}).value().rows.front().entry.repository, "r199");
}

TEST_F(AuditTest, ForgetsWhatIsTooOld) {
  record(audit_of("old"));
  clock_.advance(options_.audit.age);
  record(audit_of("on the edge"));
  EXPECT_EQ(total(), 2);
  clock_.advance(std::chrono::hours(1));
  reopen();
  EXPECT_EQ(store().audit({}, {}).value().rows.at(0).entry.repository, "on the edge");
  EXPECT_EQ(total(), 1);
  clock_.advance(options_.audit.age);
  for (int i = 0; i < 64; ++i) record(audit_of("new"));
  EXPECT_EQ(total(), 64);
}

}  // namespace
}  // namespace gitferry

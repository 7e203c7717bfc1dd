#include "agent/store/migrations.h"

#include <gtest/gtest.h>

#include "tests/agent/store/store_fixture.h"

namespace gitferry {
namespace {

class MigrationTest : public StoreTest {
 protected:
  /// A database as version 1 wrote it.
  void make_version_1(const char* rows) {
    ASSERT_TRUE(DataDirectory::claim(options_.path));
    SqlConnection connection(options_.path, "", SqlConnection::Role::Writer);
    ASSERT_TRUE(migrate(connection, 1));
    connection.execute(rows);
  }
};

TEST_F(MigrationTest, Version1KeepsItsRowsAndGainsWhatVersion2Has) {
  make_version_1(R"sql(
    INSERT INTO branch_id (id, repository, internal_ref, external_ref) VALUES
      (7, 'robot', 'refs/heads/main', 'refs/heads/main'), (9, 'robot', 'refs/heads/dev', 'refs/heads/dev');
    INSERT INTO lane (id, branch_id, repository, internal_ref, external_ref, requested_seq, done_seq, to_outer_seq,
      last_error) VALUES (3, 7, 'robot', 'refs/heads/main', 'refs/heads/main', 5, 4, 5, 'timeout');
    INSERT INTO delivery (id, provider, repository, event, provider_delivery_id, source_address, verdict, reason, refs,
      body_sha256, body_bytes, received_at_ms) VALUES
      (11, 'gitea', 'robot', 'push', 'd', '192.0.2.7', 'accepted', '', '[]', '00', 1, 4102444800000);
    INSERT INTO delivery_lane VALUES (11, 3);
    INSERT INTO run (id, lane_id, direction, trigger, state, started_at_ms) VALUES
      (20, 3, 1, 'webhook', 'finished', 4102444800000), (21, 3, 2, 'webhook', 'finished', 4102444900000);
  )sql");
  ASSERT_TRUE(Store::peek_overrides(options_).value().repositories.empty());

  const auto row = lane(3);
  EXPECT_TRUE(row.is_pending());
  EXPECT_EQ(row.branch_id, 7);
  EXPECT_EQ(row.last_error, "timeout");
  EXPECT_EQ(row.forced_directions, 0U);
  EXPECT_EQ(row.last_direction, Direction::ToInter) << "of the latest run";
  EXPECT_EQ(store().runs({}, {}).value().total, 2);
  const auto delivery = store().delivery(11).value().value();
  ASSERT_EQ(delivery.lanes.size(), 1U);
  EXPECT_EQ(delivery.lanes[0].lane_id, 3);
  EXPECT_FALSE(delivery.record.side);
  EXPECT_FALSE(delivery.record.replay_of);
  const auto ids =
      store().binding_ids({{"robot"}, {{"robot", "main", "main"}, {"robot", "dev", "dev"}}}).value();
  EXPECT_EQ(ids.branches[0].id, 7);
  EXPECT_EQ(ids.branches[0].created_at_ms, 4'102'444'800'000);
  EXPECT_EQ(ids.branches[1].id, 9);
  EXPECT_GT(ids.branches[1].created_at_ms, 0);
  EXPECT_GT(ids.repositories[0].id, 0);
  EXPECT_EQ(ids.repositories[0].created_at_ms, ids.branches[1].created_at_ms);
  EXPECT_TRUE(store().change_overrides(
      {{}, {}, {}, {}, {}, {AuditEntry{"ops", "api", "reload", "", "", "", "", ""}}}));
}

TEST_F(MigrationTest, AStepThatFailsLeavesVersion1) {
  make_version_1("CREATE TABLE audit (mine INTEGER)");
  for (int i = 0; i < 2; ++i) {
    const auto opened = Store::open(options_, clock_);
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().message.find("audit"), std::string::npos) << opened.error().text();
    SqlConnection connection(options_.path, "", SqlConnection::Role::Reader);
    EXPECT_EQ(schema_version(connection).value(), 1);
    EXPECT_FALSE(connection.query("SELECT 1 FROM sqlite_schema WHERE name = 'credential'").next());
  }
}

}  // namespace
}  // namespace gitferry

#include "agent/store/migrations.h"

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "tests/agent/store/store_fixture.h"

namespace gitferry {
namespace {

class MigrationTest : public StoreTest {
 protected:
  /// A database as that version wrote it.
  void make_version(std::int64_t version, const char* rows) {
    ASSERT_TRUE(DataDirectory::claim(options_.path));
    SqliteConnection connection(options_.path, "", SqliteConnection::Role::Writer);
    ASSERT_TRUE(migrate(connection, version));
    connection.execute(rows);
  }
};

TEST_F(MigrationTest, Version1KeepsItsRowsAndGainsWhatVersion2Has) {
  make_version(1, R"sql(
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
  make_version(1, "CREATE TABLE audit (mine INTEGER)");
  for (int i = 0; i < 2; ++i) {
    const auto opened = Store::open(options_, clock_);
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().message.find("audit"), std::string::npos) << opened.error().text();
    SqliteConnection connection(options_.path, "", SqliteConnection::Role::Reader);
    EXPECT_EQ(schema_version(connection).value(), 1);
    EXPECT_FALSE(connection.query("SELECT 1 FROM sqlite_schema WHERE name = 'credential'").next());
  }
}

constexpr const char* kRowsOfVersion2 = R"sql(
  INSERT INTO branch_id (id, repository, internal_ref, external_ref) VALUES
    (7, 'robot', 'refs/heads/main', 'refs/heads/main'), (8, 'robot', 'refs/heads/dev', 'refs/heads/dev');
  INSERT INTO lane (id, branch_id, repository, internal_ref, external_ref, requested_seq, done_seq, to_outer_seq)
    VALUES (3, 7, 'robot', 'refs/heads/main', 'refs/heads/main', 5, 4, 5),
    (4, 8, 'robot', 'refs/heads/dev', 'refs/heads/dev', 1, 1, 1);
  INSERT INTO delivery (id, provider, repository, event, provider_delivery_id, source_address, verdict, reason, refs,
    body_sha256, body_bytes, received_at_ms, side, replay_of) VALUES
    (11, 'gitea', 'robot', 'push', 'd', '192.0.2.7', 'accepted', '', '[1]', 'aa', 1, 4102444800000, 'external', NULL),
    (13, 'gitlab', 'robot', 'ping', 'e', '192.0.2.8', 'ignored', 'ping', '[]', 'aa', 2, 4102444800001, NULL, 11),
    (20, 'gitlab', 'rover', 'push', 'f', '192.0.2.9', 'accepted', '', '[]', 'bb', 3, 4102444800002, NULL, NULL);
  DELETE FROM delivery WHERE id = 20;
  INSERT INTO delivery_lane VALUES (11, 3), (11, 4);
  INSERT INTO run (id, lane_id, direction, trigger, delivery_id, state, started_at_ms) VALUES
    (20, 3, 1, 'webhook', 11, 'finished', 4102444800000), (21, 3, 1, 'webhook', 11, 'running', 4102444900000);
)sql";

TEST_F(MigrationTest, Version2KeepsItsRowsAndWhatItDidNotNoteIsUnset) {
  make_version(2, kRowsOfVersion2);
  const auto accepted = store().delivery(11).value().value();
  EXPECT_EQ(accepted.record.provider, "gitea");
  EXPECT_EQ(accepted.record.repository, "robot");
  EXPECT_EQ(accepted.record.side, Side::External);
  EXPECT_EQ(accepted.record.event, "push");
  EXPECT_EQ(accepted.record.provider_delivery_id, "d");
  EXPECT_EQ(accepted.record.source_address, "192.0.2.7");
  EXPECT_EQ(accepted.record.verdict, Verdict::Accepted);
  EXPECT_EQ(accepted.record.refs, "[1]");
  EXPECT_EQ(accepted.record.body_sha256, "aa");
  EXPECT_EQ(accepted.record.body_bytes, 1);
  EXPECT_EQ(accepted.record.received_at_ms, 4'102'444'800'000);
  EXPECT_FALSE(accepted.record.replay_of);
  for (const auto* unknown : {&accepted.record.hook, &accepted.record.request_id,
                              &accepted.record.named_repository, &accepted.record.signed_id}) {
    EXPECT_EQ(*unknown, "");
  }
  EXPECT_FALSE(accepted.duplicate_of);
  EXPECT_FALSE(accepted.same_body_as);
  ASSERT_EQ(accepted.lanes.size(), 2U);
  EXPECT_EQ(accepted.lanes[0].lane_id, 3);
  EXPECT_EQ(accepted.lanes[1].lane_id, 4);
  EXPECT_FALSE(accepted.lanes[0].run_id) << "nobody noted what that run began from";
  EXPECT_EQ(store().delivery(13).value().value().record.replay_of, 11);
  EXPECT_EQ(store().deliveries({"robot", Verdict::Ignored}, {}).value().total, 1);
  EXPECT_EQ(store().runs({}, {}).value().rows.at(0).state, RunState::Interrupted);
  EXPECT_TRUE(lane(3).is_pending());
}

TEST_F(MigrationTest, Version3CountsItsDeliveriesOnAndTakesWhatIsNewInIt) {
  make_version(2, kRowsOfVersion2);
  const std::vector marks{mark_of("main")};
  auto record = delivery_of("new");
  record.signed_id = "msg_1";
  record.verdict = Verdict::Accepted;
  const auto first = store().record_delivery(record, marks).value();
  EXPECT_EQ(first.delivery_id, 21) << "the id of a deleted row is not given again";
  EXPECT_EQ(store().record_delivery(record, marks).value().duplicate_of, first.delivery_id);
  record.verdict = Verdict::Refused;
  EXPECT_TRUE(store().record_delivery(record, {}));
  close();
  SqliteConnection connection(options_.path, "", SqliteConnection::Role::Writer);
  EXPECT_FALSE(connection.query("PRAGMA foreign_key_check").next());
  connection.execute("DELETE FROM delivery WHERE id = 11");
  EXPECT_FALSE(connection.query("SELECT 1 FROM delivery_lane WHERE delivery_id = 11").next())
      << "a delivery takes its lanes with it, as before";
}

TEST_F(MigrationTest, Version4BeginsWithNothingThatWasPutAnywhere) {
  make_version(3, R"sql(
    INSERT INTO branch_id (id, repository, internal_ref, external_ref) VALUES
      (7, 'robot', 'refs/heads/main', 'refs/heads/main');
    INSERT INTO lane (id, branch_id, repository, internal_ref, external_ref, requested_seq, done_seq, target_tip)
      VALUES (3, 7, 'robot', 'refs/heads/main', 'refs/heads/main', 5, 5, 'aa');
  )sql");
  const auto row = lane(3);
  EXPECT_EQ(row.target_tip, "aa");
  EXPECT_EQ(row.put_tip(Direction::ToOuter), "");
  EXPECT_EQ(row.put_tip(Direction::ToInter), "");
  EXPECT_FALSE(row.ahead);
  EXPECT_FALSE(row.behind);
  EXPECT_TRUE(store().begin_run(row, Direction::ToOuter, now_ms()));
}

TEST_F(MigrationTest, Version5KeepsOverridesAndTokensAndKnowsWhatBothSidesHad) {
  make_version(4, R"sql(
    INSERT INTO repository_override (name, kind, enabled, direction, created_at_ms) VALUES ('robot', 'change', 1, 2, 7);
    INSERT INTO credential (repository, side, username, token, origin) VALUES ('robot', 'internal', x'01', x'02', x'03');
    INSERT INTO branch_id (id, repository, internal_ref, external_ref) VALUES
      (7, 'robot', 'refs/heads/main', 'refs/heads/main'), (8, 'robot', 'refs/heads/dev', 'refs/heads/dev');
    INSERT INTO lane (id, branch_id, repository, internal_ref, external_ref, source_tip, target_tip, last_run_at_ms, last_error)
      VALUES (3, 7, 'robot', 'refs/heads/main', 'refs/heads/main', 'aa', 'aa', 5, ''),
             (4, 8, 'robot', 'refs/heads/dev', 'refs/heads/dev', 'aa', 'aa', 5, 'timeout');
  )sql");
  EXPECT_EQ(lane(3).common_tip, "aa");
  EXPECT_EQ(lane(4).common_tip, "");
  close();
  SqliteConnection connection(options_.path, "", SqliteConnection::Role::Writer);
  EXPECT_FALSE(connection.query("PRAGMA foreign_key_check").next());
  {
    auto row =
        connection.query("SELECT direction, created_at_ms FROM repository_override WHERE name = 'robot'");
    ASSERT_TRUE(row.next());
    EXPECT_EQ(row.integer(0), 2);
    EXPECT_EQ(row.integer(1), 7);
  }
  EXPECT_TRUE(connection.query("SELECT 1 FROM credential WHERE token = x'02'").next());
  connection.execute("UPDATE repository_override SET direction = 3");
  connection.execute("DELETE FROM repository_override");
  EXPECT_FALSE(connection.query("SELECT 1 FROM credential").next()) << "the tokens go with it, as before";
}

TEST_F(MigrationTest, Version6FindsWhatWasPendingBefore) {
  make_version(5, R"sql(
    INSERT INTO branch_id (id, repository, internal_ref, external_ref) VALUES
      (7, 'robot', 'refs/heads/main', 'refs/heads/main');
    INSERT INTO lane (id, branch_id, repository, internal_ref, external_ref, requested_seq, to_outer_seq, marked_at_ms)
      VALUES (3, 7, 'robot', 'refs/heads/main', 'refs/heads/main', 5, 5, 9);
  )sql");
  const auto due = store().first_due(now_ms(), [](const LaneRow&) { return Offer::Taken; }).value();
  ASSERT_TRUE(due);
  EXPECT_EQ(due->id, 3);
  EXPECT_EQ(store().due_of({"robot", 1, 0, 0, 0, 0}, now_ms(), 9).value(), std::vector<std::int64_t>{3});
}

TEST_F(MigrationTest, Version9FindsTheRunsOfALaneAndNotWhereTheirTimeWent) {
  make_version(7, R"sql(
    INSERT INTO branch_id (id, repository, internal_ref, external_ref) VALUES
      (7, 'robot', 'refs/heads/main', 'refs/heads/main');
    INSERT INTO lane (id, branch_id, repository, internal_ref, external_ref)
      VALUES (3, 7, 'robot', 'refs/heads/main', 'refs/heads/main');
    INSERT INTO run (id, lane_id, direction, trigger, state, listing_us, total_us, started_at_ms) VALUES
      (20, 3, 1, 'webhook', 'finished', 5, 9, 4102444800000), (21, 3, 2, 'webhook', 'finished', 5, 9, 4102444900000);
  )sql");
  const auto runs = store().latest_runs(std::vector<std::int64_t>{3}, 9).value().at(0);
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_EQ(runs[0].id, 21);
  const auto run = store().run(20).value().value();
  EXPECT_EQ(run.listing_us, 5);
  EXPECT_EQ(run.first_byte_us, 0);
  EXPECT_EQ(run.sent_us, 0);
}

TEST_F(MigrationTest, AStepThatFailsLeavesVersion2WithItsRows) {
  make_version(2, kRowsOfVersion2);
  run_sql(options_.path, "CREATE TABLE delivery_lane_3 (mine INTEGER)");
  ASSERT_FALSE(Store::open(options_, clock_));
  SqliteConnection connection(options_.path, "", SqliteConnection::Role::Reader);
  EXPECT_EQ(schema_version(connection).value(), 2);
  auto kept =
      connection.query("SELECT count(*) FROM delivery JOIN delivery_lane ON delivery_id = delivery.id");
  ASSERT_TRUE(kept.next());
  EXPECT_EQ(kept.integer(0), 2);
}

}  // namespace
}  // namespace gitferry

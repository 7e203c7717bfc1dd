#include "api/client.h"

#include <gtest/gtest.h>

#include "api/http_client.h"
#include "tests/api/api_fixture.h"

namespace gitferry::api {
namespace {

class ClientTest : public testing::ApiTest {
 protected:
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port); }
  [[nodiscard]] ApiClient client(const char* token = testing::kAdminToken) const {
    return {url(), Secret(token)};
  }
};

DeliveryRow delivery(std::int64_t id) {
  DeliveryRow row;
  row.id = id;
  row.record.repository = "github";
  row.record.provider = "github";
  row.record.event = "push";
  row.record.verdict = Verdict::Ignored;
  row.record.reason = "branch_not_bound";
  row.record.refs = R"([{"ref":"refs/heads/a","verdict":"ignored","reason":"branch_not_bound"}])";
  row.record.received_at_ms = 1'700'000'000'042;
  row.record.replay_of = 3;
  row.duplicate_of = 2;
  row.lanes = {{.lane_id = 9, .run_id = 12, .run_state = RunState::Finished, .run_code_status = 20010},
               {.lane_id = 10}};
  return row;
}

TEST_F(ClientTest, ReadsDeliveries) {
  world.store.delivery_rows = {delivery(7)};
  const auto answer = client().deliveries({"github", "ignored", 20});
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->http_status, 200);
  EXPECT_EQ(answer->code_status, 0);
  EXPECT_EQ(answer->total, 1);
  ASSERT_EQ(answer->rows.size(), 1U);
  const auto& row = answer->rows[0];
  EXPECT_EQ(row.id, 7);
  EXPECT_EQ(row.received_at_ms, 1'700'000'000'042);
  EXPECT_EQ(row.repository, "github");
  EXPECT_EQ(row.verdict, "ignored");
  EXPECT_EQ(row.reason, "branch_not_bound");
  EXPECT_EQ(row.refs, std::vector<std::string>{"refs/heads/a"});
  EXPECT_EQ(row.replay_of, 3);
  EXPECT_EQ(row.duplicate_of, 2);
  ASSERT_EQ(row.runs.size(), 2U);
  EXPECT_EQ(row.runs[0].run_id, 12);
  EXPECT_EQ(row.runs[0].state, "finished");
  EXPECT_EQ(row.runs[0].code_status, 20010);
  EXPECT_EQ(row.runs[1].run_id, 0);
  EXPECT_EQ(world.store.last_page.size, 20);
  EXPECT_EQ(testing::json_of(answer->json), json("GET", "/cerobot/sync/deliveries")["data"]);
}

TEST_F(ClientTest, AsksForPagesUntilItHasWhatWasWanted) {
  // The fake has the same hundred rows on every page, and a total beyond them.
  for (std::int64_t id = 1; id <= 100; ++id) world.store.delivery_rows.push_back(delivery(id));
  world.store.delivery_total = 1000;
  const auto answer = client().deliveries({"", "", 250});
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->rows.size(), 250U);
  EXPECT_EQ(world.store.last_page.number, 3);
  EXPECT_EQ(world.store.last_page.size, 100);
  EXPECT_EQ(testing::json_of(answer->json).size(), 250U);
}

TEST_F(ClientTest, ReadsTheStatusOfEveryBranch) {
  const auto answer = client(testing::kReadToken).status("");
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->code_status, 0) << answer->detail;
  ASSERT_EQ(answer->rows.size(), webhook_kinds().size()) << answer->json;
  EXPECT_EQ(answer->rows[0].internal_branch, "main");
  EXPECT_EQ(answer->rows[0].status, "never_synced");
  EXPECT_EQ(answer->rows[0].last_success_at_ms, 0);
  EXPECT_FALSE(answer->rows[0].progress);
  LaneRow running;
  running.id = 4;
  running.key = {"gitlab", "refs/heads/main", "refs/heads/main"};
  world.store.lane_rows = {running};
  world.sync.running_lane = running.id;
  world.sync.progress = ProgressView{TransferPhase::Sending,  1, 4, 5, 6, 7, 3, std::chrono::seconds(9),
                                     std::chrono::seconds(11)};
  const auto one = client().status("gitlab");
  ASSERT_TRUE(one);
  ASSERT_EQ(one->rows.size(), 1U);
  EXPECT_EQ(one->rows[0].repository, "gitlab");
  ASSERT_TRUE(one->rows[0].progress);
  const auto& progress = *one->rows[0].progress;
  EXPECT_EQ(progress.phase, "sending");
  EXPECT_EQ(progress.objects_done, 1);
  EXPECT_EQ(progress.objects_total, 4);
  EXPECT_EQ(progress.bytes_received, 5);
  EXPECT_EQ(progress.bytes_sent, 6);
  EXPECT_EQ(progress.bytes_per_second, 7);
  EXPECT_EQ(progress.refs_in_transfer, 3);
  EXPECT_EQ(progress.elapsed_seconds, 9);
  EXPECT_EQ(progress.remaining_seconds, 11);
}

SyncOutcome failed_outcome() {
  SyncOutcome outcome;
  outcome.key = {"github", "refs/heads/feature/x", "refs/heads/main"};
  outcome.finished = true;
  outcome.report.plan = Plan::Refuse;
  outcome.report.error = Error{ErrorCode::Diverged, "the target has other commits", "merge them", {}};
  outcome.report.source_tip = ObjectId::from_hex(std::string(40, 'b')).value();
  outcome.report.total = std::chrono::milliseconds{12};
  return outcome;
}

TEST_F(ClientTest, SyncsABranchAndReadsItsRuns) {
  world.sync.outcomes = {failed_outcome()};
  const auto answer =
      client(testing::kOperateToken)
          .sync({"github", "feature/x", Direction::ToInter, std::chrono::seconds{7}, false, false});
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->code_status, 20010);
  ASSERT_EQ(answer->rows.size(), 1U);
  EXPECT_TRUE(answer->rows[0].finished);
  EXPECT_EQ(answer->rows[0].code_status, 20010);
  EXPECT_EQ(answer->rows[0].detail, "the target has other commits; merge them");
  EXPECT_EQ(answer->rows[0].source_tip, std::string(40, 'b'));
  EXPECT_EQ(answer->rows[0].target_tip_before, "");
  EXPECT_EQ(answer->rows[0].duration_ms, 12);
  const auto calls = world.sync.calls();
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].branch, "feature/x");
  EXPECT_EQ(calls[0].direction, Direction::ToInter);
  EXPECT_EQ(calls[0].wait, std::chrono::seconds{7});
}

TEST_F(ClientTest, PlansAWholeRepository) {
  const auto answer = client().sync({"github", "", {}, std::chrono::seconds{60}, true, false});
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->code_status, 0) << answer->detail;
  EXPECT_EQ(answer->json, "[]");
  const auto calls = world.sync.calls();
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].branch, "");
  EXPECT_TRUE(calls[0].dry_run);
  EXPECT_FALSE(calls[0].direction);
}

TEST_F(ClientTest, ARefusalIsAnAnswer) {
  const auto unknown = client().sync({"nobody", "", {}, std::chrono::seconds{0}, false, false});
  ASSERT_TRUE(unknown) << unknown.error().text();
  EXPECT_EQ(unknown->code_status, 10010);
  EXPECT_EQ(unknown->json, "null");
  EXPECT_NE(unknown->detail, "");
  const auto stranger = client("S3CRET-wrong").status("");
  ASSERT_TRUE(stranger);
  EXPECT_EQ(stranger->http_status, 401);
  EXPECT_EQ(stranger->code_status, 10022);
  const auto forced =
      client(testing::kOperateToken).sync({"github", "", {}, std::chrono::seconds{0}, false, true});
  ASSERT_TRUE(forced);
  EXPECT_EQ(forced->http_status, 403);
}

TEST_F(ClientTest, FindsAnAgentWithoutAToken) {
  const auto found = find_agent(url());
  EXPECT_TRUE(found) << found.error().text();
  const auto below_a_path = find_agent(url() + "/prefix/");
  ASSERT_FALSE(below_a_path);
  EXPECT_EQ(below_a_path.error().code, ErrorCode::ProtocolError);
}

TEST_F(ClientTest, TellsNoServerFromEverythingElse) {
  server->stop();
  const auto found = find_agent(url());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::ConnectionFailed);
  EXPECT_NE(found.error().text().find(url()), std::string::npos);
  const auto answer = client("S3CRET").status("");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::ConnectionFailed);
  EXPECT_EQ(answer.error().text().find("S3CRET"), std::string::npos);
}

TEST_F(ClientTest, RefusesAddressesThatAreNone) {
  for (const auto* bad :
       {"ftp://127.0.0.1", "http://u:S3CRET@127.0.0.1", "http://127.0.0.1:1\r\nX: y", "http://"}) {
    const auto found = find_agent(bad);
    ASSERT_FALSE(found) << bad;
    EXPECT_EQ(found.error().code, ErrorCode::InvalidArgument) << bad << ": " << found.error().text();
    EXPECT_EQ(found.error().text().find("S3CRET"), std::string::npos);
  }
}

TEST_F(ClientTest, RefusesATokenThatIsNoHeader) {
  const auto answer = client("S3CRET\r\nX-Other: 1").status("");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(answer.error().text().find("S3CRET"), std::string::npos);
}

}  // namespace
}  // namespace gitferry::api

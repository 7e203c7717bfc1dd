#include "api/management_routes.h"

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/api/api_fixture.h"

namespace gitferry::api {
namespace {

using namespace std::string_literals;
using testing::ApiTest;
using testing::body_of;
using testing::json_of;
using testing::status_of;

using ManagementRoutesTest = ApiTest;

struct Guarded {
  const char* method;
  const char* path;
  Role needed;
};

TEST_F(ManagementRoutesTest, EveryRouteNeedsATokenOfItsRole) {
  for (const auto& route : {Guarded{"GET", "/cerobot/sync/repo/github/logs", Role::Read},
                            Guarded{"GET", "/cerobot/sync/deliveries", Role::Read},
                            Guarded{"GET", "/cerobot/sync/status", Role::Read},
                            Guarded{"POST", "/cerobot/sync/github/branch/main", Role::Operate}}) {
    for (const auto* token : {static_cast<const char*>(nullptr), "", "wrong"}) {
      const auto answer = ask(route.method, route.path, token);
      EXPECT_EQ(status_of(answer), 401) << route.path;
      EXPECT_NE(answer.find("WWW-Authenticate: Bearer"), std::string::npos);
      EXPECT_EQ(json_of(body_of(answer))["code_status"].asInt(), 10022);
    }
    EXPECT_EQ(status_of(ask(route.method, route.path, testing::kReadToken)),
              route.needed == Role::Read ? 200 : 403);
    EXPECT_EQ(status_of(ask(route.method, route.path, testing::kOperateToken)), 200) << route.path;
    EXPECT_EQ(status_of(ask(route.method, route.path, testing::kAdminToken)), 200) << route.path;
  }
}

TEST_F(ManagementRoutesTest, RefusalsAreTheSameForKnownAndUnknownNames) {
  for (const auto* token : {"wrong", testing::kReadToken}) {
    EXPECT_EQ(body_of(ask("POST", "/cerobot/sync/github/branch/main", token)),
              body_of(ask("POST", "/cerobot/sync/nobody/branch/main", token)));
  }
}

TEST_F(ManagementRoutesTest, RefusesBeforeTheBodyIsRead) {
  testing::RawClient client(port);
  client.send("POST /cerobot/sync/github/branch/main HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
  EXPECT_EQ(status_of(client.receive()), 401);
}

TEST_F(ManagementRoutesTest, OtherAuthorizationFormsDoNotCount) {
  for (const auto& value : {"Basic "s + testing::kAdminToken, std::string(testing::kAdminToken), "Bearer"s,
                            "Bearer  "s, "Bearer "s + testing::kAdminToken + "x"}) {
    testing::Sent sent{"GET", "/cerobot/sync/status", {{"Authorization", value}}, {}};
    EXPECT_EQ(status_of(ask(sent)), 401) << value;
  }
  testing::Sent query{"GET", "/cerobot/sync/status?token="s + testing::kAdminToken, {}, {}};
  EXPECT_EQ(status_of(ask(query)), 401);
}

TEST_F(ManagementRoutesTest, UnknownPathsAndMethodsAnswerInTheEnvelope) {
  const auto unknown = ask("GET", "/nothing/here");
  EXPECT_EQ(status_of(unknown), 404);
  EXPECT_EQ(json_of(body_of(unknown))["code_status"].asInt(), 10024);
  const auto method = ask("DELETE", "/cerobot/sync/status");
  EXPECT_EQ(status_of(method), 405);
  EXPECT_NE(method.find("Allow: GET, HEAD"), std::string::npos);
  EXPECT_EQ(json_of(body_of(method))["code_status"].asInt(), 10025);
  EXPECT_EQ(status_of(ask("GET", "/cerobot/sync/repo/github/logs/")), 404);
  EXPECT_EQ(status_of(ask("GET", "/cerobot/sync/repo//logs")), 404);
}

TEST_F(ManagementRoutesTest, MessagesFollowAcceptLanguage) {
  const auto message = [&](const std::string& language) {
    testing::Sent sent{
        "GET", "/cerobot/sync/status", {{"Authorization", "Bearer "s + testing::kReadToken}}, {}};
    if (!language.empty()) sent.headers.emplace_back("Accept-Language", language);
    return json_of(body_of(ask(sent)))["msg"].asString();
  };
  EXPECT_EQ(message(""), "操作成功");
  EXPECT_EQ(message("*"), "操作成功");
  EXPECT_EQ(message("zh-CN,zh;q=0.9,en;q=0.8"), "操作成功");
  EXPECT_EQ(message("en"), "The operation succeeded");
  EXPECT_EQ(message("de, en-GB;q=0.9, zh;q=0.1"), "The operation succeeded");
}

TEST_F(ManagementRoutesTest, LogsHaveTheDocumentsFieldsAndOurs) {
  RunRow run;
  run.id = 7;
  run.branch_id = 3;
  run.lane_id = 5;
  run.key = {"github", "refs/heads/main", "refs/heads/stable"};
  run.state = RunState::Finished;
  run.plan = "fast_forward";
  run.source_tip = "89abcdef0123456789abcdef0123456789abcdef";
  run.target_tip_before = std::string(40, '1');
  run.target_tip_after = run.source_tip;
  run.delivery_id = 12;
  run.pack_bytes = 345;
  run.total_us = 12'999;
  run.text = "pushed \xff";
  run.started_at_ms = 1'700'000'000'000;  // 2023-11-14T22:13:20Z
  run.finished_at_ms = 1'700'000'001'500;
  world.store.run_rows = {run};

  const auto answer =
      json("GET", "/cerobot/sync/repo/github/logs?page_num=2&page_size=5&branch_id=1,2,%203&create_sort=yes");
  EXPECT_EQ(answer["code_status"].asInt(), 0);
  EXPECT_EQ(answer["total"].asInt(), 1);
  const auto& row = answer["data"][0];
  EXPECT_EQ(row["id"].asInt(), 7);
  EXPECT_EQ(row["branch_id"].asInt(), 3);
  EXPECT_EQ(row["repo_name"].asString(), "github");
  EXPECT_EQ(row["commit_id"].asString(), "89abcde");
  EXPECT_EQ(row["sync_direct"].asString(), "to_outer");
  EXPECT_EQ(row["log"].asString(), "pushed ?");
  EXPECT_EQ(row["created_at"].asString(), "2023-11-15 06:13:20");
  EXPECT_EQ(row["update_at"].asString(), "2023-11-15 06:13:21");
  EXPECT_EQ(row["state"].asString(), "finished");
  EXPECT_EQ(row["plan"].asString(), "fast_forward");
  EXPECT_EQ(row["trigger"].asString(), "webhook");
  EXPECT_EQ(row["delivery_id"].asInt(), 12);
  EXPECT_TRUE(row["error"].isNull());
  EXPECT_EQ(row["duration_ms"].asInt(), 12);
  EXPECT_EQ(row["pack_bytes"].asInt(), 345);
  EXPECT_EQ(row["internal_ref"].asString(), "refs/heads/main");
  EXPECT_EQ(row["started_at"].asString().substr(0, 19), "2023-11-14T22:13:20");

  EXPECT_EQ(world.store.last_filter.repositories, std::vector<std::string>{"github"});
  EXPECT_EQ(world.store.last_filter.branch_ids, (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_EQ(world.store.last_page.number, 2);
  EXPECT_EQ(world.store.last_page.size, 5);
  EXPECT_TRUE(world.store.last_page.ascending);
}

TEST_F(ManagementRoutesTest, LogsTakeDefaultsAndRefuseBadParametersByName) {
  EXPECT_EQ(json("GET", "/cerobot/sync/repo/github/logs")["code_status"].asInt(), 0);
  EXPECT_EQ(world.store.last_page.number, 1);
  EXPECT_EQ(world.store.last_page.size, 10);
  EXPECT_FALSE(world.store.last_page.ascending);
  EXPECT_EQ(json("GET", "/cerobot/sync/repo/nobody/logs")["code_status"].asInt(), 10010);
  for (const auto& bad : {"branch_id=x"s, "branch_id=1,,2"s, "branch_id=-1"s, "page_num=0"s, "page_num=x"s,
                          "page_size=0"s, "page_size=101"s, "page_size=1.5"s, "create_sort=maybe"s}) {
    const auto answer = ask("GET", "/cerobot/sync/repo/github/logs?" + bad);
    EXPECT_EQ(status_of(answer), 400) << bad;
    const auto body = json_of(body_of(answer));
    EXPECT_EQ(body["code_status"].asInt(), 10020);
    EXPECT_NE(body["detail"].asString().find(bad.substr(0, bad.find('='))), std::string::npos) << bad;
  }
  EXPECT_EQ(status_of(ask("GET", "/cerobot/sync/repo/github/logs?page_num=1&page_num=2")), 400);
}

TEST_F(ManagementRoutesTest, DeliveriesShowTheirRefs) {
  DeliveryRow delivery;
  delivery.id = 4;
  delivery.record.repository = "github";
  delivery.record.provider = "github";
  delivery.record.event = "push";
  delivery.record.verdict = Verdict::Accepted;
  delivery.record.refs = R"([{"ref":"refs/heads/main","verdict":"marked","reason":""}])";
  delivery.lane_ids = {9};
  world.store.delivery_rows = {delivery};
  const auto row = json("GET", "/cerobot/sync/deliveries?repo_name=github")["data"][0];
  EXPECT_EQ(row["verdict"].asString(), "accepted");
  EXPECT_EQ(row["refs"][0]["ref"].asString(), "refs/heads/main");
  EXPECT_EQ(row["lane_ids"][0].asInt(), 9);
  EXPECT_EQ(world.store.last_filter.repositories, std::vector<std::string>{"github"});
}

TEST_F(ManagementRoutesTest, StatusTellsWhetherALaneIsInSync) {
  LaneRow good;
  good.id = 1;
  good.key = {"github", "refs/heads/main", "refs/heads/main"};
  good.source_tip = good.target_tip = std::string(40, 'a');
  good.requested_seq = good.done_seq = 2;
  good.last_success_at_ms = 1'700'000'000'000;
  LaneRow failing = good;
  failing.id = 2;
  failing.key.repository = "gitea";
  failing.requested_seq = 3;
  failing.attempts = 2;
  failing.next_attempt_at_ms = 1'700'000'009'000;
  failing.last_code_status = 20004;
  failing.last_error = "timeout";
  failing.last_text = "connect to x: timed out";
  failing.quarantined = true;
  world.store.lane_rows = {good, failing};

  const auto all = json("GET", "/cerobot/sync/status");
  ASSERT_EQ(all["data"].size(), 2U);
  EXPECT_TRUE(all["data"][0]["in_sync"].asBool());
  EXPECT_FALSE(all["data"][0]["pending"].asBool());
  EXPECT_TRUE(all["data"][0]["next_retry_at"].isNull());
  EXPECT_FALSE(all["data"][1]["in_sync"].asBool());
  EXPECT_TRUE(all["data"][1]["pending"].asBool());
  EXPECT_TRUE(all["data"][1]["quarantined"].asBool());
  EXPECT_EQ(all["data"][1]["reason"].asString(), "connect to x: timed out");
  EXPECT_EQ(all["data"][1]["next_retry_at"].asString().substr(0, 19), "2023-11-14T22:13:29");
  EXPECT_EQ(json("GET", "/cerobot/sync/status?repo_name=gitea")["data"].size(), 1U);
}

SyncOutcome outcome(bool finished, std::optional<Error> error) {
  SyncOutcome result;
  result.key = {"github", "refs/heads/main", "refs/heads/main"};
  result.finished = finished;
  result.report.error = std::move(error);
  result.report.plan = Plan::FastForward;
  return result;
}

TEST_F(ManagementRoutesTest, BranchNamesMayHoldSlashesBothWays) {
  for (const auto* branch : {"feature/login", "feature%2Flogin", "feature%2flogin"}) {
    EXPECT_EQ(status_of(ask("POST", "/cerobot/sync/github/branch/"s + branch)), 200);
  }
  const auto calls = world.sync.calls();
  ASSERT_EQ(calls.size(), 3U);
  for (const auto& call : calls) EXPECT_EQ(call.branch, "feature/login");
}

TEST_F(ManagementRoutesTest, ParametersComeFromTheQueryThenFromTheBody) {
  const auto path = "/cerobot/sync/github/branch/main"s;
  json("POST", path);
  json("POST", path + "?sync_direct=2&wait=0");
  json("POST", path, R"({"sync_direct":1,"wait":"5","repo_name":"ignored"})");
  json("POST", path + "?sync_direct=2", R"({"sync_direct":1})");
  json("POST", path, R"({"dry_run":true})");
  const auto calls = world.sync.calls();
  ASSERT_EQ(calls.size(), 5U);
  EXPECT_EQ(calls[0].direction, std::nullopt);
  EXPECT_EQ(calls[0].wait, std::chrono::seconds{60});
  EXPECT_EQ(calls[1].direction, Direction::ToInter);
  EXPECT_EQ(calls[1].wait, std::chrono::seconds{0});
  EXPECT_EQ(calls[2].direction, Direction::ToOuter);
  EXPECT_EQ(calls[2].wait, std::chrono::seconds{5});
  EXPECT_EQ(calls[2].repository, "github");
  EXPECT_EQ(calls[3].direction, Direction::ToInter);
  EXPECT_TRUE(calls[4].dry_run);
}

TEST_F(ManagementRoutesTest, BadSyncParametersRunNothing) {
  const auto path = "/cerobot/sync/github/branch/main"s;
  EXPECT_EQ(json("POST", path + "?sync_direct=3")["code_status"].asInt(), 10008);
  EXPECT_EQ(json("POST", path + "?sync_direct=x")["code_status"].asInt(), 10020);
  EXPECT_EQ(json("POST", path + "?wait=601")["code_status"].asInt(), 10020);
  EXPECT_EQ(json("POST", path + "?dry_run=perhaps")["code_status"].asInt(), 10020);
  for (const auto* force : {"force", "force_flag"}) {
    const auto answer = json("POST", path + "?" + force + "=true");
    EXPECT_EQ(answer["code_status"].asInt(), 10020);
    EXPECT_NE(answer["detail"].asString().find("parameter "s + force + ":"), std::string::npos);
  }
  for (const auto& body : {"["s, "[]"s, "1"s, R"({"wait":1,"wait":2})"s, R"({"wait":1} x)"s,
                           "\xEF\xBB\xBF{}"s, "{\"wait\":\"\xff\"}"s, R"({"wait":{}})"s,
                           R"({"sync_direct":"\u0000"})"s, "{}\0"s, std::string(5'000, '[')}) {
    EXPECT_EQ(status_of(ask("POST", path, testing::kAdminToken, body)), 400) << body;
  }
  EXPECT_TRUE(world.sync.calls().empty());
}

TEST_F(ManagementRoutesTest, ASyncAnswersWithTheCodeOfItsRun) {
  const auto path = "/cerobot/sync/github/branch/main"s;
  const Error diverged{ErrorCode::Diverged, "push main", "merge first", {}};
  world.sync.outcomes = {outcome(true, std::nullopt)};
  auto answer = json("POST", path);
  EXPECT_EQ(answer["code_status"].asInt(), 0);
  EXPECT_TRUE(answer.isMember("data") && answer["data"].isNull()) << "as the API document has it";
  EXPECT_EQ(answer["runs"][0]["plan"].asString(), "fast_forward");

  world.sync.outcomes = {outcome(false, std::nullopt), outcome(true, diverged), outcome(true, std::nullopt)};
  answer = json("POST", path);
  EXPECT_EQ(answer["code_status"].asInt(), 20010);
  EXPECT_EQ(answer["msg"].asString(), "推送冲突");
  EXPECT_EQ(answer["detail"].asString(), "push main; merge first");
  EXPECT_TRUE(answer.isMember("data") && answer["data"].isNull());
  EXPECT_EQ(answer["runs"].size(), 3U);
  EXPECT_EQ(answer["runs"][0]["code_status"].asInt(), 10021);

  world.sync.outcomes = {outcome(true, std::nullopt), outcome(false, std::nullopt)};
  EXPECT_EQ(json("POST", path)["code_status"].asInt(), 10021);
  EXPECT_EQ(json("POST", "/cerobot/sync/nobody/branch/main")["code_status"].asInt(), 10010);
}

TEST_F(ManagementRoutesTest, AFloodOfWaitersLeavesThreadsForOthers) {
  std::mutex mutex;
  std::condition_variable changed;
  int waiting = 0;
  bool is_over = false;
  world.sync.while_waiting = [&](std::chrono::milliseconds wait) {
    if (wait.count() == 0) return;
    std::unique_lock lock(mutex);
    ++waiting;
    changed.notify_all();
    changed.wait(lock, [&] { return is_over; });
  };
  world.sync.outcomes = {outcome(true, std::nullopt)};
  const auto path = "/cerobot/sync/github/branch/main"s;
  const testing::Sent flood{
      "POST", path + "?wait=600", {{"Authorization", "Bearer "s + testing::kAdminToken}}, {}};
  std::vector<std::unique_ptr<testing::RawClient>> waiters;
  for (int i = 0; i < 64; ++i) {
    waiters.push_back(std::make_unique<testing::RawClient>(port));
    waiters.back()->send(flood.bytes());
  }
  bool all_wait = false;
  {
    std::unique_lock lock(mutex);
    all_wait = changed.wait_for(lock, std::chrono::seconds{20}, [&] { return waiting == 64; });
  }
  EXPECT_TRUE(all_wait);
  const auto refused = ask(flood);
  EXPECT_EQ(status_of(refused), 503);
  EXPECT_EQ(json_of(body_of(refused))["code_status"].asInt(), 10028);
  EXPECT_NE(refused.find("Retry-After: "), std::string::npos);
  EXPECT_EQ(status_of(ask("POST", path + "?wait=0")), 200) << "who does not wait is served";
  EXPECT_EQ(status_of(ask("GET", "/livez", nullptr)), 200);
  {
    const std::lock_guard lock(mutex);
    is_over = true;
  }
  changed.notify_all();
  for (auto& waiter : waiters) EXPECT_EQ(status_of(waiter->receive()), 200);
  EXPECT_EQ(status_of(ask(flood)), 200) << "the places were given back";
}

TEST_F(ManagementRoutesTest, HealthIsPublic) {
  for (const auto* path : {"/livez", "/readyz", "/healthz", "/version"}) {
    EXPECT_EQ(status_of(ask("GET", path, nullptr)), 200) << path;
  }
  EXPECT_EQ(json_of(body_of(ask("GET", "/version", nullptr)))["version"].asString(), GITFERRY_VERSION);
  world.store.broken = true;
  EXPECT_EQ(status_of(ask("GET", "/readyz", nullptr)), 503);
  EXPECT_EQ(status_of(ask("GET", "/livez", nullptr)), 200);
  EXPECT_EQ(status_of(ask("GET", "/cerobot/sync/status")), 503);
}

}  // namespace
}  // namespace gitferry::api

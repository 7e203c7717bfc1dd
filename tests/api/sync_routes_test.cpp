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

using SyncRoutesTest = ApiTest;

SyncOutcome outcome(bool finished, std::optional<Error> error) {
  SyncOutcome result;
  result.key = {"github", "refs/heads/main", "refs/heads/main"};
  result.finished = finished;
  result.report.error = std::move(error);
  result.report.plan = Plan::FastForward;
  return result;
}

TEST_F(SyncRoutesTest, ParametersComeFromTheQueryThenFromTheBody) {
  const auto path = "/cerobot/sync/github/branch/main"s;
  json("POST", path);
  json("POST", path + "?sync_direct=2&wait=0");
  json("POST", path, R"({"sync_direct":1,"wait":"5","repo_name":"ignored"})");
  json("POST", path + "?sync_direct=2", R"({"sync_direct":1})");
  json("POST", path, R"({"dry_run":true})");
  json("POST", path + "?sync_direct=to_inter&force_flag=1");
  const auto calls = world.sync.calls();
  ASSERT_EQ(calls.size(), 6U);
  EXPECT_EQ(calls[0].direction, std::nullopt);
  EXPECT_EQ(calls[0].wait, std::chrono::seconds{60});
  EXPECT_EQ(calls[1].direction, Direction::ToInter);
  EXPECT_EQ(calls[1].wait, std::chrono::seconds{0});
  EXPECT_EQ(calls[2].direction, Direction::ToOuter);
  EXPECT_EQ(calls[2].wait, std::chrono::seconds{5});
  EXPECT_EQ(calls[2].repository, "github");
  EXPECT_EQ(calls[3].direction, Direction::ToInter);
  EXPECT_TRUE(calls[4].dry_run);
  EXPECT_EQ(calls[4].wait, std::chrono::seconds{60}) << "a plan has as long as a run";
  EXPECT_FALSE(calls[4].force);
  EXPECT_EQ(calls[5].direction, Direction::ToInter);
  EXPECT_TRUE(calls[5].force);
}

TEST_F(SyncRoutesTest, AWholeRepositoryIsSyncedAndPlannedWithTheSameParameters) {
  const auto path = "/cerobot/sync/repo/github"s;
  EXPECT_EQ(json("POST", path)["code_status"].asInt(), 0);
  json("POST", path + "?wait=7&dry_run=yes");
  json("POST", path, R"({"force":true,"sync_direct":"2","repo_name":"gitea"})");
  const auto calls = world.sync.calls();
  ASSERT_EQ(calls.size(), 3U);
  for (const auto& call : calls) {
    EXPECT_EQ(call.repository, "github");
    EXPECT_TRUE(call.branch.empty());
  }
  EXPECT_EQ(calls[0].wait, std::chrono::seconds{60});
  EXPECT_TRUE(calls[1].dry_run);
  EXPECT_EQ(calls[1].wait, std::chrono::seconds{7});
  EXPECT_TRUE(calls[2].force);
  EXPECT_EQ(calls[2].direction, Direction::ToInter);
}

TEST_F(SyncRoutesTest, ForceNeedsTheRoleAdminAndRunsNothingWithoutIt) {
  for (const auto* path : {"/cerobot/sync/repo/github", "/cerobot/sync/github/branch/main",
                           "/cerobot/sync/repo/nobody", "/cerobot/sync/nobody/branch/main"}) {
    for (const auto* force : {"?force=true", "?force_flag=1", "?force=true&dry_run=true"}) {
      const auto answer = ask("POST", path + std::string(force), testing::kOperateToken);
      EXPECT_EQ(status_of(answer), 403) << path << force;
      EXPECT_EQ(json_of(body_of(answer))["code_status"].asInt(), 10023);
    }
    EXPECT_EQ(status_of(ask("POST", path, testing::kOperateToken, R"({"force":true})")), 403) << path;
  }
  EXPECT_TRUE(world.sync.calls().empty());
  EXPECT_EQ(status_of(ask("POST", "/cerobot/sync/repo/github?force=false", testing::kOperateToken)), 200);
  EXPECT_EQ(world.sync.calls().size(), 1U);
}

TEST_F(SyncRoutesTest, BadSyncParametersRunNothing) {
  for (const auto* path : {"/cerobot/sync/github/branch/main", "/cerobot/sync/repo/github"}) {
    for (const auto* wrong : {"3", "0", "-1", "x", "", "to_outer%20", "12"}) {
      EXPECT_EQ(json("POST", path + "?sync_direct="s + wrong)["code_status"].asInt(), 10008) << wrong;
    }
    for (const auto& bad :
         {"wait=601"s, "wait=-1"s, "wait=soon"s, "wait="s, "dry_run=perhaps"s, "force=2"s, "force_flag=x"s}) {
      const auto answer = json("POST", path + "?"s + bad);
      EXPECT_EQ(answer["code_status"].asInt(), 10020) << bad;
      const auto name = "parameter " + bad.substr(0, bad.find('=')) + ":";
      EXPECT_NE(answer["detail"].asString().find(name), std::string::npos) << answer["detail"].asString();
    }
  }
  EXPECT_TRUE(world.sync.calls().empty());
}

TEST_F(SyncRoutesTest, AWrongDirectionIsToldOfOnlyWhereTheRepositoryCouldBeSynced) {
  auto changed = std::make_shared<BindingSnapshot>(*world.sync.bindings);
  changed->repositories.at("gitea").enabled = false;
  world.sync.bindings = changed;
  EXPECT_EQ(json("POST", "/cerobot/sync/nobody/branch/main?sync_direct=3")["code_status"].asInt(), 10010);
  EXPECT_EQ(json("POST", "/cerobot/sync/gitea/branch/main?sync_direct=3")["code_status"].asInt(), 10006);
  EXPECT_EQ(json("POST", "/cerobot/sync/github/branch/main?sync_direct=3")["code_status"].asInt(), 10008);
  EXPECT_TRUE(world.sync.calls().empty());
}

TEST_F(SyncRoutesTest, ASyncAnswersWithTheCodeOfTheFirstRunThatFailedAndShowsItFirst) {
  const Error diverged{ErrorCode::Diverged, "push main", "merge first", {}};
  const Error missing{ErrorCode::BranchMissing, "read gone", {}, {}};
  auto unchanged = outcome(true, std::nullopt);
  unchanged.report.plan = Plan::Nothing;
  for (const auto* path : {"/cerobot/sync/github/branch/main", "/cerobot/sync/repo/github"}) {
    world.sync.outcomes = {outcome(true, std::nullopt)};
    auto answer = json("POST", path);
    EXPECT_EQ(answer["code_status"].asInt(), 0);
    EXPECT_TRUE(answer.isMember("data") && answer["data"].isNull()) << "as the API document has it";
    EXPECT_EQ(answer["runs"][0]["plan"].asString(), "fast_forward");

    world.sync.outcomes = {outcome(true, std::nullopt), outcome(false, std::nullopt),
                           outcome(true, diverged),     unchanged,
                           outcome(true, missing),      outcome(true, std::nullopt)};
    answer = json("POST", path);
    EXPECT_EQ(answer["code_status"].asInt(), 20010);
    EXPECT_EQ(answer["msg"].asString(), "推送冲突");
    EXPECT_EQ(answer["detail"].asString(), "push main; merge first");
    EXPECT_TRUE(answer.isMember("data") && answer["data"].isNull());
    std::vector<int> codes;
    for (const auto& run : answer["runs"]) codes.push_back(run["code_status"].asInt());
    EXPECT_EQ(codes, (std::vector<int>{20010, 20009, 10021, 0, 0, 0}));
    const auto& summary = answer["summary"];
    EXPECT_EQ(summary["total"].asInt(), 6);
    EXPECT_EQ(summary["succeeded"].asInt(), 2);
    EXPECT_EQ(summary["unchanged"].asInt(), 1);
    EXPECT_EQ(summary["failed"].asInt(), 2);
    EXPECT_EQ(summary["pending"].asInt(), 1);

    world.sync.outcomes = {outcome(true, std::nullopt), outcome(false, std::nullopt)};
    EXPECT_EQ(json("POST", path)["code_status"].asInt(), 10021);
  }
  EXPECT_EQ(json("POST", "/cerobot/sync/nobody/branch/main")["code_status"].asInt(), 10010);
  EXPECT_EQ(json("POST", "/cerobot/sync/repo/nobody")["code_status"].asInt(), 10010);
}

TEST_F(SyncRoutesTest, EveryGitErrorAnswersUnderItsNumberWithHttp200) {
  for (const auto& row : all_errors()) {
    if (row.code_status < 20000 || row.code_status >= 30000) continue;
    world.sync.outcomes = {outcome(true, Error{row.code, "what happened", {}, {}})};
    const auto answer = ask("POST", "/cerobot/sync/repo/github");
    EXPECT_EQ(status_of(answer), 200) << row.name;
    const auto body = json_of(body_of(answer));
    EXPECT_EQ(body["code_status"].asInt(), row.code_status) << row.name;
    EXPECT_EQ(body["msg"].asString(), row.text_zh) << row.name;
    EXPECT_EQ(body["runs"][0]["error"].asString(), row.name);
  }
}

TEST_F(SyncRoutesTest, ManyRunsAreCountedAllAndShownUpToAThousandWithTheFailedAmongThem) {
  world.sync.outcomes.assign(1500, outcome(true, std::nullopt));
  world.sync.outcomes.back() = outcome(true, Error{ErrorCode::Diverged, "push main", {}, {}});
  const auto answer = json("POST", "/cerobot/sync/repo/github");
  EXPECT_EQ(answer["runs"].size(), 1000U);
  EXPECT_EQ(answer["runs"][0]["code_status"].asInt(), 20010);
  EXPECT_EQ(answer["summary"]["total"].asInt(), 1500);
  EXPECT_EQ(answer["summary"]["succeeded"].asInt(), 1499);
}

TEST_F(SyncRoutesTest, NothingToDoIsASuccessAndAListingThatGoesOnIsPending) {
  auto changed = std::make_shared<BindingSnapshot>(*world.sync.bindings);
  changed->repositories.at("gitea").granularity = Granularity::All;
  world.sync.bindings = changed;
  EXPECT_EQ(json("POST", "/cerobot/sync/repo/github?wait=0")["code_status"].asInt(), 0);
  EXPECT_EQ(json("POST", "/cerobot/sync/repo/gitea")["code_status"].asInt(), 0) << "nothing at the source";
  const auto answer = json("POST", "/cerobot/sync/repo/gitea?wait=0");
  EXPECT_EQ(answer["code_status"].asInt(), 10021);
  EXPECT_EQ(answer["runs"].size(), 0U);
}

TEST_F(SyncRoutesTest, AFloodOfWaitersLeavesThreadsForOthers) {
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

}  // namespace
}  // namespace gitferry::api

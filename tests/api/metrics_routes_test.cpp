#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/base/metrics.h"
#include "agent/model/lane_key.h"
#include "tests/api/api_fixture.h"
#include "tests/api/webhook_deliveries.h"

namespace gitferry::api {
namespace {

using testing::ApiTest;
using testing::body_of;
using ::testing::HasSubstr;
using testing::kOperateToken;
using testing::kReadToken;
using ::testing::Not;
using testing::status_of;

class MetricsRoutesTest : public ApiTest {
 protected:
  [[nodiscard]] std::string read(const char* token = kReadToken) const {
    return body_of(ask("GET", "/metrics", token));
  }
  /// The value of the series, as it is written; empty: there is none.
  [[nodiscard]] std::string value(const std::string& series) const {
    const auto text = "\n" + read();
    const auto at = text.find("\n" + series + " ");
    if (at == std::string::npos) return {};
    const auto begin = at + series.size() + 2;
    return text.substr(begin, text.find('\n', begin) - begin);
  }
  void add_lane(const std::string& repository, const std::string& branch, std::int64_t last_success_at_ms) {
    LaneRow lane;
    lane.id = static_cast<std::int64_t>(world.store.lane_rows.size()) + 1;
    lane.key = lane_key(repository, branch, branch);
    lane.requested_seq = lane.done_seq = 1;
    lane.last_run_at_ms = last_success_at_ms;
    lane.last_success_at_ms = last_success_at_ms;
    world.store.lane_rows.push_back(lane);
  }
  void bind(const std::string& name, const std::vector<std::string>& branches) {
    auto snapshot = std::make_shared<BindingSnapshot>(*world.sync.bindings);
    auto& binding = snapshot->repositories[name];
    binding.name = name;
    binding.internal = testing::url("https://git.corp.example/acme/x.git");
    binding.external = testing::url("https://mirror.example/acme/x.git");
    for (const auto& branch : branches) binding.branches.push_back({branch, branch, true});
    world.sync.bindings = snapshot;
  }
};

TEST_F(MetricsRoutesTest, S32_NeedsATokenOfTheRoleRead) {
  EXPECT_EQ(status_of(ask("GET", "/metrics", nullptr)), 401);
  EXPECT_EQ(status_of(ask("GET", "/metrics", "guessed")), 401);
  for (const auto* token : {kReadToken, kOperateToken, testing::kAdminToken}) {
    const auto answer = ask("GET", "/metrics", token);
    EXPECT_EQ(status_of(answer), 200);
    EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  }
  EXPECT_EQ(status_of(ask("POST", "/metrics", kReadToken)), 405);
}

TEST_F(MetricsRoutesTest, SaysWhatRunsAndWithWhat) {
  world.configuration.loaded_at_ms = 1'700'000'000'500;
  EXPECT_EQ(value("gitferry_build_info{version=\"" GITFERRY_VERSION "\"}"), "1");
  EXPECT_EQ(value("gitferry_config_last_reload_successful"), "1");
  EXPECT_EQ(value("gitferry_config_last_reload_success_timestamp_seconds"), "1700000000.5");
  EXPECT_EQ(value("gitferry_store_available"), "1");
  EXPECT_EQ(value("gitferry_store_database_bytes"), "4096");
  EXPECT_EQ(value("gitferry_store_wal_bytes"), "512");
  EXPECT_EQ(value("gitferry_store_free_bytes"), "1000000");
  EXPECT_EQ(value("gitferry_threads_stuck"), "0");
  EXPECT_NE(value("process_resident_memory_bytes"), "");
  world.configuration.refused_at_ms = 1'700'000'001'000;
  EXPECT_EQ(value("gitferry_config_last_reload_successful"), "0");
}

TEST_F(MetricsRoutesTest, NamesBranchesOfBindingsAlone) {
  bind("robot", {"main", "broken"});
  add_lane("robot", "main", 1'700'000'000'000);
  add_lane("robot", "broken", 0);
  world.store.lane_rows.back().last_error = "diverged";
  world.store.lane_rows.back().last_run_at_ms = 5;
  add_lane("somebody-elses", "main", 1'700'000'000'000);
  add_lane("robot", "bound-no-more", 1'700'000'000'000);
  EXPECT_EQ(value(R"(gitferry_branch_in_sync{repo="robot",branch="main"})"), "1");
  EXPECT_EQ(value(R"(gitferry_branch_last_success_timestamp_seconds{repo="robot",branch="main"})"),
            "1700000000");
  EXPECT_EQ(value(R"(gitferry_branch_in_sync{repo="robot",branch="broken"})"), "0");
  EXPECT_EQ(value(R"(gitferry_branch_last_success_timestamp_seconds{repo="robot",branch="broken"})"), "");
  EXPECT_EQ(value(R"(gitferry_repository_branches_out_of_sync{repo="robot"})"), "1");
  EXPECT_EQ(value(R"(gitferry_branches{state="in_sync"})"), "1");
  EXPECT_EQ(value(R"(gitferry_branches{state="diverged"})"), "1");
  EXPECT_EQ(value("gitferry_branch_series_left_out"), "0");
  EXPECT_THAT(read(), Not(HasSubstr("somebody-elses")));
  EXPECT_THAT(read(), Not(HasSubstr("bound-no-more")));
}

TEST_F(MetricsRoutesTest, S30_HostileBranchNamesStayInTheirQuotes) {
  bind("robot", {"a\"} 1\nevil 2", "\u4e2d/\u00fc", "x\xff"});
  for (const auto& branch : world.sync.bindings->find("robot")->branches)
    add_lane("robot", branch.internal, 1000);
  const auto text = read();
  EXPECT_THAT(text, HasSubstr("branch=\"a\\\"} 1\\nevil 2\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("\nevil")));
  EXPECT_THAT(text, HasSubstr("branch=\"\u4e2d/\u00fc\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("branch=\"x%FF\"} 1\n"));
}

TEST_F(MetricsRoutesTest, SeriesOfWhatIsUnboundEnd) {
  bind("robot", {"main"});
  metrics().runs.add({"robot", "manual", "noop"});
  metrics().runs.add({"never-bound", "manual", "noop"});
  EXPECT_NE(value(R"(gitferry_sync_runs_total{repo="robot",trigger="manual",outcome="noop"})"), "");
  EXPECT_THAT(read(), Not(HasSubstr("never-bound")));
  auto snapshot = std::make_shared<BindingSnapshot>(*world.sync.bindings);
  snapshot->repositories.erase("robot");
  world.sync.bindings = snapshot;
  EXPECT_THAT(read(), Not(HasSubstr("\"robot\"")));
}

TEST_F(MetricsRoutesTest, ABrokenDatabaseLeavesTheRest) {
  bind("robot", {"main"});
  world.store.broken = true;
  EXPECT_EQ(value("gitferry_store_available"), "0");
  EXPECT_NE(value("process_threads"), "");
  EXPECT_THAT(read(), Not(HasSubstr("gitferry_branch_in_sync")));
}

TEST_F(MetricsRoutesTest, NamesHostsThatRestBesideThoseThatAreBound) {
  world.sync.resting = {"mirror.example"};
  EXPECT_EQ(value(R"(gitferry_host_breaker_open{host="mirror.example"})"), "1");
  EXPECT_EQ(value(R"(gitferry_host_breaker_open{host="git.corp.example"})"), "0");
}

TEST_F(MetricsRoutesTest, CountsRequestsByThePatternOfTheirRoute) {
  const auto before = [](const char* route, const char* method, const char* code) {
    return metrics().http_requests.value({route, method, code});
  };
  const auto branches = before("/cerobot/sync/{repo_name}/branch", "GET", "200");
  const auto refused = before("/cerobot/sync/status", "GET", "401");
  const auto unknown = before("none", "other", "404");
  const auto not_allowed = before("none", "PUT", "405");
  EXPECT_EQ(status_of(ask("GET", "/cerobot/sync/S3CR3T-name/branch")), 200);
  EXPECT_EQ(status_of(ask("GET", "/cerobot/sync/status", "guessed")), 401);
  EXPECT_EQ(status_of(ask("PATCH", "/S3CR3T-path")), 404);
  EXPECT_EQ(status_of(ask("PUT", "/livez")), 405);
  EXPECT_EQ(before("/cerobot/sync/{repo_name}/branch", "GET", "200"), branches + 1);
  EXPECT_EQ(before("/cerobot/sync/status", "GET", "401"), refused + 1);
  EXPECT_EQ(before("none", "other", "404"), unknown + 1);
  EXPECT_EQ(before("none", "PUT", "405"), not_allowed + 1);
  EXPECT_THAT(read(), Not(HasSubstr("S3CR3T")));
  EXPECT_THAT(read(), Not(HasSubstr("PATCH")));
}

TEST_F(MetricsRoutesTest, CountsDeliveriesByWhatBecameOfThem) {
  const auto of = [](std::string_view outcome) { return metrics().deliveries.value({"github", outcome}); };
  const testing::HookKind hook{find_webhook_kind("github"), WebhookScheme::Hmac};
  testing::bind_every_hook_kind(world);
  auto push = testing::push_of(hook);
  const auto send = [&] {
    return status_of(
        ask(testing::sent_to("/webhooks/github/" + push.repo_name, compose_webhook(push).value())));
  };
  const auto accepted = of("accepted");
  const auto forged = of("unauthenticated");
  const auto refused = of("refused");
  const auto unavailable = of("unavailable");
  EXPECT_EQ(send(), 202);
  EXPECT_EQ(of("accepted"), accepted + 1);
  push.secret = Secret("another");
  EXPECT_EQ(send(), 401);
  EXPECT_EQ(of("unauthenticated"), forged + 1);
  push = testing::push_of(hook);
  push.repository_url = "https://git.corp.example/acme/another.git";
  push.full_name = "acme/another";
  EXPECT_EQ(send(), 403);
  EXPECT_EQ(of("refused"), refused + 1);
  push = testing::push_of(hook);
  world.sync.delivery_error = Error{ErrorCode::StoreFull, "full", {}, {}};
  EXPECT_EQ(send(), 503);
  EXPECT_EQ(of("unavailable"), unavailable + 1);
  EXPECT_GE(metrics().webhook_handling.count(), 3U);
  EXPECT_EQ(value(R"(gitferry_webhook_deliveries_total{provider="gerrit",outcome="unauthenticated"})"), "0")
      << "there before the first, so that it is seen as an increase";
}

}  // namespace
}  // namespace gitferry::api

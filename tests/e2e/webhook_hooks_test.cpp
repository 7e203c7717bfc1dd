// Hooks of organisations, secrets in rotation and floods of replays, with real hosts and a real agent.

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/base/guarded.h"
#include "api/webhook/webhook_sender.h"
#include "tests/e2e/api_world.h"

namespace gitferry::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kOrganisationSecret = "S3CR3T-of-the-whole-organisation";
constexpr std::string_view kSigningKey = "whsec_UzNDUjNULXNpZ25pbmcta2V5LW9mLXRoZS1lbmQtdG8tZW5k";
constexpr std::string_view kNewSecret = "S3CR3T-that-comes-after-the-first";

class HooksTest : public ApiWorld {
 protected:
  void write_secret(const std::string& name, std::string_view secret) const {
    const auto path = hosts.directory / name;
    std::ofstream(path) << secret << "\n";
    std::filesystem::permissions(path,
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  [[nodiscard]] std::string secret_file(const std::string& name) const { return hosts.directory / name; }

  /// The binding `robot`, a second one of the same source, and two hooks of the internal host.
  void start_with_hooks(const std::string& owners = "git") {
    write_secret("organisation", kOrganisationSecret);
    write_secret("signing", kSigningKey);
    start();
    const auto at = fmt::format("http://127.0.0.1:{}", hosts.internal_port());
    append(fmt::format(R"(  - name: copy
    internal: {}
    external: {}
    branches: [{{internal: main, external: copied}}]
webhooks:
  - {{name: everyone, provider: gitea, instance: "{}", secret_file: {}, owners: [{}]}}
  - {{name: signed, provider: standard, instance: "{}", scheme: signing, secret_file: {}}}
)",
                       hosts.internal_host.url("robot"), hosts.external_host.url("copy"), at,
                       secret_file("organisation"), owners, at, secret_file("signing")));
    reload();
    ASSERT_THAT(hosts.agent().log(), HasSubstr("configuration reloaded"));
  }

  [[nodiscard]] api::SendRequest push(const std::string& provider, std::string_view secret) {
    api::SendRequest request;
    request.base_url = fmt::format("http://127.0.0.1:{}", hosts.agent().port());
    request.provider = provider;
    request.secret = Secret(std::string(secret));
    request.repository_url = hosts.internal_host.url("robot");
    request.full_name = "git/robot";
    request.ref = "refs/heads/main";
    request.before = std::string(40, '0');
    request.after = hosts.internal.tip("refs/heads/main")->hex();
    request.timeout = std::chrono::milliseconds{60'000};
    return request;
  }

  /// How often each status was answered to `count` deliveries from each of `senders` at once.
  static std::map<int, int> send_many(const api::SendRequest& request, int senders, int count) {
    Guarded<std::map<int, int>> statuses;
    std::vector<std::thread> threads;
    for (int i = 0; i < senders; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < count; ++n) {
          const auto sent = api::send_webhook(request);
          ++(*statuses.lock())[sent ? sent->status : 0];
        }
      });
    }
    for (auto& thread : threads) thread.join();
    return *statuses.lock();
  }
  [[nodiscard]] Json::Value runs_of(const std::string& name) {
    return api("GET", "/repo/" + name + "/logs?page_size=100")["data"];
  }
};

TEST_F(HooksTest, AnOrganisationsHookSyncsEveryBindingOfTheRepository) {
  auto copy = make(hosts.external_host, "copy");
  const auto tip = commit(hosts.internal, "main");
  start_with_hooks();
  const auto answer = api::send_webhook(push("gitea", kOrganisationSecret));
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->status, 202) << answer->body;
  EXPECT_THAT(answer->body, HasSubstr(R"("deliveries")"));
  EXPECT_TRUE(eventually([&] {
    return hosts.external.tip("refs/heads/main") == tip && copy.tip("refs/heads/copied") == tip;
  })) << hosts.agent().log();

  const auto rows = api("GET", "/deliveries")["data"];
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0]["request_id"], rows[1]["request_id"]);
  EXPECT_EQ(rows[0]["hook"].asString(), "gitea:everyone");

  auto wrong = push("gitea", kNewSecret);
  EXPECT_EQ(api::send_webhook(wrong)->status, 401);
  EXPECT_THAT(hosts.agent().log(), Not(HasSubstr("S3CR3T")));
}

TEST_F(HooksTest, S29_ARepositoryOutsideTheOwnersIsRefusedAndRecorded) {
  commit(hosts.internal, "main");
  start_with_hooks("another-group");
  const auto before = state_of(hosts.external);
  const auto answer = api::send_webhook(push("gitea", kOrganisationSecret));
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->status, 403) << answer->body;
  const auto rows = api("GET", "/deliveries?verdict=refused")["data"];
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0]["reason"].asString(), "other_repository");
  EXPECT_EQ(rows[0]["named_repository"].asString(), "git/robot");
  EXPECT_EQ(state_of(hosts.external), before);
}

TEST_F(HooksTest, S15_AHundredReplaysAtOnceAreOneRun) {
  auto copy = make(hosts.external_host, "copy");
  const auto tip = commit(hosts.internal, "main");
  start_with_hooks();
  const auto request = push("standard", kSigningKey);
  const auto composed = api::compose_webhook(request);
  ASSERT_TRUE(composed) << composed.error().text();
  std::map<std::string, std::string> headers{{"Content-Type", composed->content_type}};
  for (const auto& [name, value] : composed->headers) headers[name] = value;

  std::atomic<int> accepted{0};
  std::atomic<int> duplicates{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 50; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 2; ++n) {
        const auto answer = http(hosts.agent().port(), "POST", "/webhooks/standard", composed->body, headers);
        if (answer.status == 202) ++accepted;
        if (answer.status == 200 && answer.body.find("duplicate") != std::string::npos) ++duplicates;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(accepted, 1);
  EXPECT_EQ(duplicates, 99);
  EXPECT_TRUE(eventually([&] {
    return hosts.external.tip("refs/heads/main") == tip && copy.tip("refs/heads/copied") == tip;
  })) << hosts.agent().log();
  EXPECT_EQ(api("GET", "/deliveries?verdict=duplicate")["total"].asInt(), 2 * 99) << "one for each binding";
}

TEST_F(HooksTest, S15_UnsignedReplaysFoldAndChangeNothing) {
  const auto tip = commit(hosts.internal, "main");
  start();
  auto request = push("gitea", TwoHosts::kHookSecret);
  request.repo_name = "robot";
  EXPECT_EQ(send_many(request, 20, 5), (std::map<int, int>{{202, 100}}));
  ASSERT_TRUE(eventually([&] { return hosts.external.tip("refs/heads/main") == tip; }))
      << hosts.agent().log();
  ASSERT_TRUE(eventually([&] {
    const auto rows = api("GET", "/status?repo_name=robot")["data"];
    for (const auto& row : rows) {
      if (row["pending"].asBool()) return false;
    }
    return true;
  }));
  int writing = 0;
  const auto runs = runs_of("robot");
  for (const auto& run : runs) writing += run["plan"].asString() == "nothing" ? 0 : 1;
  EXPECT_EQ(writing, 1);
  EXPECT_LT(runs.size(), 100U);
}

TEST_F(HooksTest, ASecretIsRotatedUnderLoadWithoutARefusedDelivery) {
  commit(hosts.internal, "main");
  start();
  const auto with_old = config();
  const auto single = "secret_file: " + secret_file("hook");
  const auto at = with_old.find(single);
  ASSERT_NE(at, std::string::npos);
  const auto with = [&](const std::string& secrets) {
    return std::string(with_old).replace(at, single.size(), secrets);
  };
  write_secret("new-hook", kNewSecret);
  auto by_old = push("gitea", TwoHosts::kHookSecret);
  by_old.repo_name = "robot";
  auto by_new = by_old;
  by_new.secret = Secret(std::string(kNewSecret));
  ASSERT_EQ(api::send_webhook(by_new)->status, 401);

  const auto all_accepted = std::map<int, int>{{202, 160}};
  std::map<int, int> statuses;
  std::thread load([&] { statuses = send_many(by_old, 4, 40); });
  write_config(with(
      fmt::format("secrets: [{{file: {}}}, {{file: {}}}]", secret_file("hook"), secret_file("new-hook"))));
  reload();
  load.join();
  EXPECT_EQ(statuses, all_accepted) << "the old one, while the new one comes";
  load = std::thread([&] { statuses = send_many(by_new, 4, 40); });
  write_config(with("secret_file: " + secret_file("new-hook")));
  reload();
  load.join();
  EXPECT_EQ(statuses, all_accepted) << "the new one, while the old one goes";
  EXPECT_EQ(api::send_webhook(by_old)->status, 401);
  EXPECT_EQ(api::send_webhook(by_new)->status, 202);
}

}  // namespace
}  // namespace gitferry::test

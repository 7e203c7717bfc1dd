// What people are told of, by a real agent between two real hosts: once when it goes bad, once when it is
// well.

#include <algorithm>
#include <atomic>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <json/reader.h>

#include "agent/base/crypto.h"
#include "agent/base/secret.h"
#include "agent/model/webhook_source.h"
#include "tests/e2e/api_world.h"
#include "tests/support/certificate.h"
#include "tests/support/notice_receiver.h"
#include "tests/support/process.h"

namespace gitferry::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kSecret = "whsec_Z2l0ZmVycnktbm90aWZ5LXRlc3Qta2V5LW9mLTMyLWI=";

class Notifications : public ApiWorld {
 protected:
  /// The agent with one webhook channel to the receiver, which it takes up by a reload.
  void start_with(NoticeReceiver& receiver, const std::string& patience = "after_attempts: 3, after: 10m") {
    replace_file(hosts.directory / "url", receiver.url("/S3CR3T-hook"));
    replace_file(hosts.directory / "notify-secret", kSecret);
    ASSERT_NO_FATAL_FAILURE(
        start(fmt::format("notifications:\n  {{{}, channels: [{{name: ops, kind: webhook, url_file: {}, "
                          "secret_file: {}, digest: 1s}}]}}\n",
                          patience, hosts.directory / "url", hosts.directory / "notify-secret")));
    ASSERT_NO_FATAL_FAILURE(reload());
  }
  /// `event branch-or-host` of every notice so far, in order; each signature is checked on the way.
  static std::vector<std::string> told(NoticeReceiver& receiver) {
    const auto key = standard_webhooks_key(Secret(kSecret));
    std::vector<std::string> said;
    for (const auto& one : receiver.received()) {
      const auto content =
          one.headers.at("webhook-id") + "." + one.headers.at("webhook-timestamp") + "." + one.body;
      EXPECT_EQ(one.headers.at("webhook-signature"), "v1," + to_base64(hmac_sha256(*key, content)));
      const auto body = json_of(HttpAnswer{200, one.body});
      for (const auto& notice : body["data"]["notices"]) {
        const auto& branch = notice["internal_branch_name"];
        said.push_back(notice["event"].asString() + " " +
                       (branch.isString() ? branch.asString() : notice["host"].asString()));
      }
    }
    return said;
  }
  static bool comes(NoticeReceiver& receiver, std::size_t notices) {
    return eventually([&] { return told(receiver).size() >= notices; });
  }
  void sync(const std::string& branch) {
    EXPECT_EQ(hosts.agent().api("POST", "/cerobot/sync/robot/branch/" + branch).status, 200);
  }
};

TEST_F(Notifications, AFailureIsToldOnceAndItsEndOnceAlsoOverARestart) {
  NoticeReceiver receiver;
  ASSERT_NO_FATAL_FAILURE(start_with(receiver));
  commit(hosts.internal, "main", "ours");
  const auto theirs = commit(hosts.external, "main", "theirs");
  EXPECT_EQ(hosts.deliver("main").status, 202);
  ASSERT_TRUE(comes(receiver, 1)) << hosts.agent().log();
  for (int i = 0; i < 20; ++i) sync("main");
  ASSERT_NO_FATAL_FAILURE(restart());
  for (int i = 0; i < 5; ++i) sync("main");

  // A trouble that comes later shows that nothing more was told of the first one.
  commit(hosts.internal, "feature/login", "ours");
  commit(hosts.external, "from-inside", "theirs");
  sync("feature%2Flogin");
  ASSERT_TRUE(comes(receiver, 2)) << hosts.agent().log();
  EXPECT_THAT(told(receiver), ElementsAre("diverged main", "diverged feature/login"));

  hosts.external.git({"update-ref", "-d", "refs/heads/main", theirs.hex()});
  sync("main");
  EXPECT_TRUE(hosts.tips_are_equal("main", "main"));
  ASSERT_TRUE(comes(receiver, 3)) << hosts.agent().log();
  EXPECT_THAT(told(receiver), ElementsAre("diverged main", "diverged feature/login", "recovered main"));
  EXPECT_THAT(hosts.agent().log(), Not(HasSubstr("S3CR3T-hook")));
  EXPECT_THAT(hosts.agent().log(), Not(HasSubstr(kSecret)));
}

TEST_F(Notifications, WhatWasNotSentBeforeAKillIsSentAfterIt) {
  std::atomic<bool> works{false};
  NoticeReceiver receiver([&](std::size_t) {
    return works ? NoticeReceiver::ok() : NoticeReceiver::answer("500 Internal Server Error", "");
  });
  ASSERT_NO_FATAL_FAILURE(start_with(receiver));
  commit(hosts.internal, "main", "ours");
  commit(hosts.external, "main", "theirs");
  EXPECT_EQ(hosts.deliver("main").status, 202);
  ASSERT_TRUE(comes(receiver, 1)) << hosts.agent().log();
  hosts.agent().kill(SIGKILL);
  hosts.agent().wait();
  const auto before = receiver.received().size();
  works = true;
  hosts.agent().start();
  ASSERT_TRUE(hosts.agent().wait_until_ready());
  ASSERT_TRUE(eventually([&] { return receiver.received().size() > before; })) << hosts.agent().log();
  const auto received = receiver.received();
  for (const auto& one : received) {
    EXPECT_EQ(one.headers.at("webhook-id"), received[0].headers.at("webhook-id"))
        << "one message, which can be folded";
    EXPECT_EQ(one.body, received[0].body);
  }
  EXPECT_TRUE(eventually([&] {
    return json_of(hosts.agent().api("GET", "/readyz?verbose"))["checks"]["notifications"].asString() == "ok";
  }));
}

TEST_F(Notifications, TwentyRetriesAreOneNotice) {
  NoticeReceiver receiver;
  NoticeReceiver broken([](std::size_t) { return NoticeReceiver::answer("500 Internal Server Error", ""); });
  ASSERT_NO_FATAL_FAILURE(start_with(receiver));
  commit(hosts.internal, "main", "a");
  write_config([&] {
    auto text = config();
    const auto right = hosts.external_host.url("robot");
    return text.replace(text.find("external: " + right), right.size() + 10,
                        "external: " + broken.url("/git/robot.git"));
  }());
  ASSERT_NO_FATAL_FAILURE(reload());
  for (int i = 0; i < 20; ++i) sync("main");
  ASSERT_TRUE(comes(receiver, 1)) << hosts.agent().log();
  for (int i = 0; i < 5; ++i) sync("main");
  write_config([&] {
    auto text = config();
    const auto wrong = broken.url("/git/robot.git");
    return text.replace(text.find(wrong), wrong.size(), hosts.external_host.url("robot"));
  }());
  // The branch's new address ends what was told of the old one; what comes next is told by itself.
  ASSERT_NO_FATAL_FAILURE(reload());
  ASSERT_TRUE(eventually([&] { return hosts.tips_are_equal("main", "main"); })) << hosts.agent().log();
  commit(hosts.internal, "feature/login", "ours");
  commit(hosts.external, "from-inside", "theirs");
  sync("feature%2Flogin");
  ASSERT_TRUE(comes(receiver, 2)) << hosts.agent().log();
  const auto said = told(receiver);
  EXPECT_EQ(said.front(), "failed main");
  EXPECT_EQ(said.back(), "diverged feature/login");
  EXPECT_EQ(std::count(said.begin(), said.end(), "failed main"), 1);
}

TEST_F(Notifications, AHostWithThirtyBranchesIsOneNotice) {
  std::atomic<bool> is_up{false};
  NoticeReceiver host([&](std::size_t) {
    return NoticeReceiver::answer(is_up ? "404 Not Found" : "500 Internal Server Error", "");
  });
  NoticeReceiver receiver;
  ASSERT_NO_FATAL_FAILURE(start_with(receiver, "after_attempts: 50, after: 20s"));
  for (int i = 0; i < 6; ++i) {
    const auto name = fmt::format("mirrored{}", i);
    auto source = make(hosts.internal_host, name);
    ASSERT_EQ(bind(name, hosts.internal_host.url(name), host.url("/git/" + name + ".git")), 0) << answers;
    for (int branch = 0; branch < 5; ++branch) {
      const auto called = fmt::format("b{}", branch);
      commit(source, called);
      ASSERT_EQ(bind_branch(name, called, called), 0);
    }
  }
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(code("POST", fmt::format("/repo/mirrored{}?wait=0", i)), 10021) << answers;
  ASSERT_TRUE(comes(receiver, 1)) << hosts.agent().log();
  commit(hosts.internal, "main", "ours");
  commit(hosts.external, "main", "theirs");
  sync("main");
  ASSERT_TRUE(comes(receiver, 2)) << hosts.agent().log();
  EXPECT_THAT(told(receiver),
              ElementsAre(fmt::format("host_down 127.0.0.1:{}", host.port()), "diverged main"));

  is_up = true;
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(code("POST", fmt::format("/repo/mirrored{}?wait=0", i)), 10021) << answers;
  const auto up = fmt::format("host_up 127.0.0.1:{}", host.port());
  EXPECT_TRUE(eventually([&] {
    const auto said = told(receiver);
    return std::count(said.begin(), said.end(), up) == 1;
  })) << hosts.agent().log();
}

TEST_F(Notifications, TheCommandTriesAChannel) {
  NoticeReceiver receiver;
  ASSERT_NO_FATAL_FAILURE(start_with(receiver));
  const auto run = [&](const std::vector<std::string>& more) {
    std::vector<std::string> argv{GITFERRY_BINARY, "notify-test", "--config", hosts.config_path()};
    argv.insert(argv.end(), more.begin(), more.end());
    return run_process({argv, "", "", {}});
  };
  const auto tried = run({"ops"});
  EXPECT_EQ(tried.status, 0) << tried.errors;
  EXPECT_EQ(tried.output, "ops: sent\n");
  ASSERT_EQ(receiver.received().size(), 1U);
  EXPECT_THAT(told(receiver), ElementsAre("test "));
  const auto unknown = run({"opps"});
  EXPECT_EQ(unknown.status, 1);
  EXPECT_THAT(unknown.errors, HasSubstr("did you mean 'ops'?"));
  replace_file(hosts.directory / "url", "http://127.0.0.1:1/S3CR3T-hook");
  const auto failed = run({});
  EXPECT_EQ(failed.status, 1);
  EXPECT_THAT(failed.output, HasSubstr("ops: '127.0.0.1:1'"));
  EXPECT_THAT(failed.output + failed.errors, Not(HasSubstr("S3CR3T")));
}

}  // namespace
}  // namespace gitferry::test

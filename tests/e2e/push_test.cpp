// The product's main job on real hosts: a push on one side, announced by a signed webhook, reaches the other.

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/e2e/two_hosts.h"
#include "tests/support/gate_proxy.h"

namespace gitferry::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string random_text(std::size_t bytes) {
  std::ifstream random("/dev/urandom", std::ios::binary);
  std::string text(bytes, '\0');
  random.read(text.data(), static_cast<std::streamsize>(bytes));
  return text;
}

NewCommit change(const std::string& ref, const std::string& message,
                 const std::map<std::string, std::string>& files = {}) {
  NewCommit commit;
  commit.ref = ref;
  commit.message = message;
  commit.files = files;
  return commit;
}

class PushTest : public ::testing::Test {
 protected:
  /// Waits until the newest run of the binding is over and returns the log's first page.
  std::string wait_for_run(int count = 1) {
    std::string body;
    EXPECT_TRUE(eventually([&] {
      body = hosts.agent().api("GET", "/cerobot/sync/repo/robot/logs").body;
      std::size_t finished = 0;
      for (auto at = body.find("\"finished\""); at != std::string::npos;
           at = body.find("\"finished\"", at + 1))
        ++finished;
      return finished >= static_cast<std::size_t>(count);
    })) << body
        << hosts.agent().log();
    return body;
  }

  /// A push of 6 MiB to an agent that reaches its target through `gate`, which closes in the middle of it.
  void push_into(GateProxy& gate, BindingYaml binding = {}) {
    hosts.internal.commit(change("refs/heads/main", "Big", {{"big.bin", random_text(6 << 20)}}));
    binding.external_url = "http://127.0.0.1:" + std::to_string(gate.port()) + "/git/robot.git";
    ASSERT_TRUE(hosts.start_agent(binding).wait_until_ready()) << hosts.agent().log();
    gate.close_after(2 << 20);
    ASSERT_EQ(hosts.deliver("main").status, 202);
  }

  TwoHosts hosts;
};

class EveryProvider : public PushTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(EveryProvider, PushReachesTheOtherHost) {
  hosts.internal.commit_many("refs/heads/main", 200);
  BindingYaml binding;
  binding.provider = GetParam();
  if (binding.provider == "gitlab") binding.scheme = "token";
  ASSERT_TRUE(hosts.start_agent(binding).wait_until_ready()) << hosts.agent().log();

  const auto answer = hosts.deliver("main");
  EXPECT_EQ(answer.status, 202) << answer.body;
  EXPECT_TRUE(eventually([&] { return hosts.tips_are_equal("main", "main"); })) << hosts.agent().log();
  EXPECT_THAT(wait_for_run(), HasSubstr("\"create\""));

  const auto tip = hosts.internal.commit(change("refs/heads/main", "One more", {{"a.txt", "a"}}));
  EXPECT_EQ(hosts.deliver("main").status, 202);
  EXPECT_TRUE(eventually([&] { return hosts.external.tip("refs/heads/main") == tip; }))
      << hosts.agent().log();
  EXPECT_THAT(wait_for_run(2), HasSubstr("\"fast_forward\""));
  EXPECT_EQ(hosts.external.fsck(), "");

  EXPECT_EQ(hosts.deliver("main").status, 202);
  EXPECT_THAT(wait_for_run(3), HasSubstr("\"nothing\""));
  const auto deliveries = hosts.agent().api("GET", "/cerobot/sync/deliveries").body;
  EXPECT_THAT(deliveries, HasSubstr(GetParam()));
  EXPECT_THAT(deliveries, HasSubstr("\"accepted\""));
  EXPECT_THAT(hosts.agent().log(), Not(HasSubstr("S3CR3T")));
}

INSTANTIATE_TEST_SUITE_P(Push, EveryProvider,
                         ::testing::Values("github", "gitlab", "gitea", "forgejo", "gogs"),
                         [](const auto& test) { return std::string(test.param); });

TEST_F(PushTest, RenamesTheBranch) {
  hosts.internal.commit(change("refs/heads/feature/login", "Login"));
  ASSERT_TRUE(hosts.start_agent().wait_until_ready()) << hosts.agent().log();
  EXPECT_EQ(hosts.deliver("feature/login").status, 202);
  EXPECT_TRUE(eventually([&] { return hosts.tips_are_equal("feature/login", "from-inside"); }))
      << hosts.agent().log();
  EXPECT_FALSE(hosts.external.tip("refs/heads/feature/login"));
}

TEST_F(PushTest, IgnoresDisabledAndUnboundBranchesWithTheirReason) {
  ASSERT_TRUE(hosts.start_agent().wait_until_ready()) << hosts.agent().log();
  const auto disabled = hosts.deliver("frozen");
  EXPECT_EQ(disabled.status, 200);
  EXPECT_THAT(disabled.body, HasSubstr("branch_disabled"));
  const auto unbound = hosts.deliver("nobody");
  EXPECT_EQ(unbound.status, 200);
  EXPECT_THAT(unbound.body, HasSubstr("branch_not_bound"));
  const auto deliveries = hosts.agent().api("GET", "/cerobot/sync/deliveries").body;
  EXPECT_THAT(deliveries, HasSubstr("branch_disabled"));
  const auto lanes = json_of(hosts.agent().api("GET", "/cerobot/sync/status"))["data"];
  ASSERT_EQ(lanes.size(), 3U);
  for (const auto& lane : lanes) EXPECT_TRUE(lane["id"].isNull()) << lane["external_branch_name"].asString();
  EXPECT_EQ(lanes[2]["external_branch_name"].asString(), "frozen");
  EXPECT_EQ(lanes[2]["status"].asString(), "disabled");
}

TEST_F(PushTest, RefusesADivergedTargetAndLeavesItAlone) {
  hosts.internal.commit_many("refs/heads/main", 3);
  hosts.external.fetch_from(hosts.internal, "refs/heads/main");
  const auto theirs =
      hosts.external.commit(change("refs/heads/main", "Somebody's work", {{"theirs.txt", "x"}}));
  hosts.internal.commit(change("refs/heads/main", "Ours", {{"ours.txt", "y"}}));
  ASSERT_TRUE(hosts.start_agent().wait_until_ready()) << hosts.agent().log();
  EXPECT_EQ(hosts.deliver("main").status, 202);
  const auto log = wait_for_run();
  EXPECT_THAT(log, HasSubstr("20010"));
  EXPECT_THAT(log, HasSubstr("\"refuse\""));
  EXPECT_EQ(hosts.external.tip("refs/heads/main"), theirs);
  EXPECT_THAT(hosts.agent().api("POST", "/cerobot/sync/robot/branch/main").body, HasSubstr("20010"));
}

TEST_F(PushTest, RefusesUnsignedAndWronglySignedAlike) {
  ASSERT_TRUE(hosts.start_agent().wait_until_ready()) << hosts.agent().log();
  const auto wrong = hosts.deliver("main", "another secret");
  const auto unsigned_ =
      http(hosts.agent().port(), "POST", "/webhooks/gitea/robot", "{}", {{"X-Gitea-Event", "push"}});
  const auto unknown =
      http(hosts.agent().port(), "POST", "/webhooks/gitea/nobody", "{}", {{"X-Gitea-Event", "push"}});
  EXPECT_EQ(wrong.status, 401);
  EXPECT_EQ(unsigned_.status, 401);
  EXPECT_EQ(unknown.status, 401);
  EXPECT_EQ(wrong.body, unsigned_.body);
  EXPECT_EQ(wrong.body, unknown.body);
  EXPECT_THAT(hosts.agent().api("GET", "/cerobot/sync/deliveries").body, Not(HasSubstr("accepted")));
}

TEST_F(PushTest, ManualSyncAnswersTheRunsCode) {
  ASSERT_TRUE(hosts.start_agent().wait_until_ready()) << hosts.agent().log();
  EXPECT_THAT(hosts.agent().api("POST", "/cerobot/sync/robot/branch/main").body, HasSubstr("20009"));
  hosts.internal.commit(change("refs/heads/feature/login", "Login"));
  const auto plan = hosts.agent().api("POST", "/cerobot/sync/robot/branch/feature/login?dry_run=true");
  EXPECT_THAT(plan.body, HasSubstr("\"create\""));
  EXPECT_FALSE(hosts.external.tip("refs/heads/from-inside"));
  for (const auto* path : {"feature/login", "feature%2Flogin"}) {
    const auto answer = hosts.agent().api("POST", std::string("/cerobot/sync/robot/branch/") + path);
    EXPECT_EQ(answer.status, 200);
    EXPECT_THAT(answer.body, HasSubstr("\"code_status\":0")) << path;
  }
  EXPECT_TRUE(hosts.tips_are_equal("feature/login", "from-inside"));
  EXPECT_THAT(hosts.agent().api("POST", "/cerobot/sync/nobody/branch/main").body, HasSubstr("10010"));
  EXPECT_THAT(hosts.agent().api("POST", "/cerobot/sync/robot/branch/frozen").body, HasSubstr("10006"));
}

TEST_F(PushTest, KilledInTheMiddleOfARelayTheTargetIsUntouchedAndTheLaneRunsAtBoot) {
  GateProxy gate(hosts.external_port());
  ASSERT_NO_FATAL_FAILURE(push_into(gate));
  auto& agent = hosts.agent();
  ASSERT_TRUE(eventually([&] { return gate.is_holding(); })) << agent.log();
  agent.kill(SIGKILL);
  EXPECT_EQ(agent.wait(), -SIGKILL);
  gate.open();
  EXPECT_FALSE(hosts.external.tip("refs/heads/main"));

  agent.start();
  ASSERT_TRUE(agent.wait_until_ready()) << agent.log();
  EXPECT_TRUE(eventually([&] { return hosts.tips_are_equal("main", "main"); })) << agent.log();
  EXPECT_THAT(wait_for_run(), HasSubstr("\"interrupted\""));
  EXPECT_EQ(hosts.external.fsck(), "");
}

TEST_F(PushTest, TerminatedItDrainsWhatRuns) {
  GateProxy gate(hosts.external_port());
  ASSERT_NO_FATAL_FAILURE(push_into(gate));
  auto& agent = hosts.agent();
  ASSERT_TRUE(eventually([&] { return gate.is_holding(); })) << agent.log();
  agent.kill(SIGTERM);
  EXPECT_TRUE(eventually([&] { return http(agent.port(), "GET", "/readyz").status != 200; })) << agent.log();
  gate.open();
  EXPECT_EQ(agent.wait(), 0) << agent.log();
  EXPECT_TRUE(hosts.tips_are_equal("main", "main")) << agent.log();
}

TEST_F(PushTest, StalledTargetEndsTheRunAndLeavesTheLanePending) {
  GateProxy gate(hosts.external_port());
  BindingYaml binding;
  binding.timeouts = "{connect: 1s, stall: 1s, total: 1m}";
  ASSERT_NO_FATAL_FAILURE(push_into(gate, binding));
  auto& agent = hosts.agent();
  EXPECT_THAT(wait_for_run(), HasSubstr("20004"));
  EXPECT_FALSE(hosts.external.tip("refs/heads/main"));
  EXPECT_THAT(agent.api("GET", "/cerobot/sync/status").body, HasSubstr("next_retry_at"));
  gate.open();
}

double peak_memory_mib(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1024;
  }
  return 0;
}

class LargePushTest : public PushTest {
 protected:
  /// A push of `commits` of 30 MiB each, which no compression makes smaller.
  void push(int commits) {
    hosts.internal.set_config("core.compression", "0");
    hosts.internal.set_config("pack.window", "0");  // random bytes have no deltas worth a search
    for (int i = 0; i < commits; ++i) {
      NewCommit commit;
      for (int file = 0; file < 15; ++file) {
        commit.files[std::to_string(i) + "-" + std::to_string(file)] = random_text(2 << 20);
      }
      hosts.internal.commit(commit);
    }
    ASSERT_TRUE(hosts.start_agent().wait_until_ready()) << hosts.agent().log();
    const double idle = peak_memory_mib(hosts.agent().pid());
    ASSERT_EQ(hosts.deliver("main").status, 202);
    ASSERT_TRUE(eventually([&] { return hosts.tips_are_equal("main", "main"); }, std::chrono::minutes(10)))
        << hosts.agent().log();
    wait_for_run();
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    const double allowed_mib = 1024;  // a sanitizer's own memory is most of it
#else
    const double allowed_mib = 16;
#endif
    EXPECT_LE(peak_memory_mib(hosts.agent().pid()) - idle, allowed_mib);
    EXPECT_THAT(hosts.agent().log(), HasSubstr("\"spooled_bytes\":0"));
  }
};
class FullLargePushTest : public LargePushTest {};

TEST_F(LargePushTest, A90MegabytePackPassesInBoundedMemoryAndWithoutTouchingTheDisk) {
  push(3);
}
TEST_F(FullLargePushTest, A2GigabytePackDoesSo) {
  push(68);
}

}  // namespace
}  // namespace gitferry::test

// Every error code of a run with its real cause, through the running program: in the answer of a manual sync,
// in the sync log and in the status.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/e2e/two_hosts.h"
#include "tests/support/scripted_server.h"
#include "tests/support/ssh_host.h"

namespace gitferry::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// What the program must say about a failure.
struct Failure {
  int code_status = 0;
  std::string error;      ///< the stable word
  std::string attempted;  ///< what was attempted, and on which host
  std::string hint;       ///< what to do
  bool is_transient = false;
};

class ErrorCodes : public ::testing::Test {
 protected:
  ErrorCodes() {
    // On a machine without a working name server the resolver itself would wait 5 s, several times.
    ::setenv("RES_OPTIONS", "timeout:1 attempts:1", 1);  // NOLINT(concurrency-mt-unsafe): one thread yet
  }

  static NewCommit change(const std::string& message) {
    NewCommit commit;
    commit.message = message;
    commit.files = {{message, message}};
    return commit;
  }

  void expect_no_secret(const std::string& place, const std::string& text) {
    EXPECT_THAT(text, Not(HasSubstr("S3CR3T"))) << place;
  }

  void expect_said(const Json::Value& row, const char* text_field, const Failure& expected) {
    const auto text = row[text_field].asString();
    EXPECT_EQ(row["code_status"].asInt(), expected.code_status) << text;
    EXPECT_EQ(row["error"].asString(), expected.error) << text;
    EXPECT_THAT(text, HasSubstr(expected.attempted));
    EXPECT_THAT(text, HasSubstr("; "));
    EXPECT_THAT(text, HasSubstr(expected.hint));
  }

  /// Syncs `main` by the API and looks at everything that is said about it, and at what is not.
  void sync_fails(TwoHosts& hosts, const BindingYaml& binding, const Failure& expected) {
    const auto before = hosts.external.tip("refs/heads/main");
    auto& agent = hosts.start_agent(binding);
    ASSERT_TRUE(agent.wait_until_ready()) << agent.log();
    const auto answer = agent.api("POST", "/cerobot/sync/robot/branch/main");
    EXPECT_EQ(answer.status, 200);
    const auto body = json_of(answer);
    EXPECT_EQ(body["code_status"].asInt(), expected.code_status) << answer.body << agent.log();
    ASSERT_EQ(body["runs"].size(), 1U) << answer.body;
    expect_said(body["runs"][0], "detail", expected);

    const auto log = agent.api("GET", "/cerobot/sync/repo/robot/logs");
    ASSERT_EQ(json_of(log)["data"].size(), 1U) << log.body;
    expect_said(json_of(log)["data"][0], "log", expected);

    const auto status = agent.api("GET", "/cerobot/sync/status");
    const auto lane = json_of(status)["data"][0];
    expect_said(lane, "reason", expected);
    EXPECT_EQ(lane["pending"].asBool(), expected.is_transient) << status.body;
    EXPECT_EQ(lane["next_retry_at"].isString(), expected.is_transient) << status.body;

    EXPECT_EQ(hosts.external.tip("refs/heads/main"), before);
    EXPECT_EQ(hosts.external.fsck(), "");
    agent.kill(SIGTERM);
    EXPECT_EQ(agent.wait(), 0);
    for (const auto& said : {answer.body, log.body, status.body}) expect_no_secret("an answer", said);
    expect_no_secret("the agent's log", agent.log());
    for (const auto& entry : std::filesystem::directory_iterator(hosts.directory.path() / "data")) {
      std::ifstream file(entry.path(), std::ios::binary);
      expect_no_secret(entry.path().string(), {std::istreambuf_iterator<char>(file), {}});
    }
  }
};

TEST_F(ErrorCodes, AHostThatDoesNotResolveIs20003) {
  TwoHosts hosts;
  BindingYaml binding;
  binding.internal_url = "http://nobody.invalid/git/robot.git";
  sync_fails(hosts, binding,
             {20003, "host_unresolved", "http://nobody.invalid/git/robot.git",
              "check the address and the name", true});
}

TEST_F(ErrorCodes, AHostThatSaysNothingIs20004) {
  TwoHosts hosts;
  hosts.internal.commit(change("one"));
  ScriptedServer silent({{.bytes = "", .stalls = true}});
  BindingYaml binding;
  binding.external_url = silent.url("/git/robot.git");
  binding.timeouts = "{connect: 1s, stall: 1s, total: 1m}";
  sync_fails(hosts, binding,
             {20004, "timeout", silent.url("/git/robot.git"), "raise sync.timeouts.stall", true});
}

TEST_F(ErrorCodes, AWrongPasswordIs20005) {
  TwoHosts hosts;
  hosts.internal.commit(change("one"));
  BindingYaml binding;
  binding.password = "S3CR3T-which-is-wrong";
  sync_fails(hosts, binding,
             {20005, "authentication_failed", "127.0.0.1", "check the user name and the token", false});
}

TEST_F(ErrorCodes, AMissingRepositoryIs20002OnEitherSide) {
  for (const bool is_source : {true, false}) {
    TwoHosts hosts;
    hosts.internal.commit(change("one"));
    const auto url = (is_source ? hosts.internal_host : hosts.external_host).url("nowhere");
    BindingYaml binding;
    (is_source ? binding.internal_url : binding.external_url) = url;
    sync_fails(hosts, binding, {20002, "repository_missing", url, "check the address", false});
  }
}

TEST_F(ErrorCodes, CredentialsThatMayOnlyReadAre20002) {
  TwoHosts hosts(true);
  hosts.internal.commit(change("one"));
  sync_fails(hosts, {},
             {20002, "access_denied", hosts.external_host.url("robot"),
              "give the user of the configured token", false});
}

TEST_F(ErrorCodes, AMissingBranchIs20009) {
  TwoHosts hosts;
  sync_fails(
      hosts, {},
      {20009, "branch_missing", hosts.internal_host.url("robot"), "the source has no such branch", false});
}

TEST_F(ErrorCodes, ADivergedTargetIs20010) {
  TwoHosts hosts;
  hosts.internal.commit(change("one"));
  hosts.external.fetch_from(hosts.internal, "refs/heads/main");
  hosts.internal.commit(change("ours"));
  hosts.external.commit(change("theirs"));
  sync_fails(hosts, {},
             {20010, "diverged", hosts.external_host.url("robot"), "merge the target's commits", false});
}

TEST_F(ErrorCodes, AHookThatDeclinesIs20011) {
  for (const auto* hook : {"pre-receive", "update"}) {
    TwoHosts hosts;
    hosts.internal.commit(change("one"));
    hosts.external.fetch_from(hosts.internal, "refs/heads/main");
    hosts.internal.commit(change("two"));
    hosts.external.set_hook(hook, "echo 'this branch is protected' >&2; exit 1");
    sync_fails(
        hosts, {},
        {20011, "protected_branch", hosts.external_host.url("robot"), "allow the agent's user", false});
  }
}

TEST_F(ErrorCodes, ABranchThatIsCheckedOutIs20011) {
  TwoHosts hosts;
  hosts.internal.commit(change("one"));
  hosts.external.fetch_from(hosts.internal, "refs/heads/main");
  hosts.internal.commit(change("two"));
  hosts.external.git({"symbolic-ref", "HEAD", "refs/heads/main"});
  hosts.external.set_config("core.bare", "false");
  hosts.external.set_config("core.worktree", hosts.directory.path().string());
  hosts.external.set_config("receive.denyCurrentBranch", "refuse");
  sync_fails(hosts, {},
             {20011, "protected_branch", hosts.external_host.url("robot"), "allow the agent's user", false});
}

TEST_F(ErrorCodes, AnSshKeyThatIsRefusedIs20001) {
  const SshHost ssh;
  for (const auto& [key, known] : {std::pair{"stranger", "known"}, std::pair{"key", "unknown"}}) {
    TwoHosts hosts;
    hosts.internal.commit(change("one"));
    BindingYaml binding;
    binding.external_url = ssh.url(hosts.external.path());
    binding.external_credential = "key_file: " + ssh.file(key) + ", known_hosts_file: " + ssh.file(known);
    sync_fails(hosts, binding,
               {20001, "ssh_key_refused", "127.0.0.1",
                known == std::string("known") ? "public key" : "is not known", false});
  }
}

TEST_F(ErrorCodes, AServerErrorIs20012AndTriedAgain) {
  TwoHosts hosts;
  hosts.internal.commit(change("one"));
  std::ofstream(hosts.external.path() + "/config", std::ios::app) << "[broken\n";
  auto& agent = hosts.start_agent();
  ASSERT_TRUE(agent.wait_until_ready()) << agent.log();
  const auto body = json_of(agent.api("POST", "/cerobot/sync/robot/branch/main"));
  EXPECT_EQ(body["code_status"].asInt(), 20012) << agent.log();
  expect_said(
      body["runs"][0], "detail",
      {20012, "host_error", hosts.external_host.url("robot"), "look into the log of that host", true});
}

TEST_F(ErrorCodes, ARefusedConnectionIs20012AndTriedAgain) {
  std::string url;
  {
    const ScriptedServer gone({});
    url = gone.url("/git/robot.git");
  }
  TwoHosts hosts;
  hosts.internal.commit(change("one"));
  BindingYaml binding;
  binding.external_url = url;
  sync_fails(hosts, binding, {20012, "connection_failed", url, "check that the host is up", true});
}

TEST_F(ErrorCodes, AServerThatSpeaksSomethingElseIs20012) {
  TwoHosts hosts;
  hosts.internal.commit(change("one"));
  ScriptedServer greeter({{.bytes = "220 mail.example.org ESMTP\r\n"}});
  BindingYaml binding;
  binding.external_url = greeter.url("/git/robot.git");
  sync_fails(hosts, binding, {20012, "protocol_error", binding.external_url, "check", false});
}

TEST_F(ErrorCodes, AWebPageIs20012) {
  TwoHosts hosts;
  hosts.internal.commit(change("one"));
  ScriptedServer login({{.bytes = http_answer("200 OK", "Content-Type: text/html\r\n", "<h1>Sign in</h1>")}});
  BindingYaml binding;
  binding.external_url = login.url("/git/robot.git");
  sync_fails(hosts, binding,
             {20012, "protocol_error", binding.external_url, "it is probably a login page", false});
}

}  // namespace
}  // namespace gitferry::test

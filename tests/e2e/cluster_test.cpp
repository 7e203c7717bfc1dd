// Several agents on one PostgreSQL, between real git hosts.

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/e2e/two_hosts.h"
#include "tests/support/gate_proxy.h"
#include "tests/support/postgres_server.h"

namespace gitferry::test {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t kMiB = 1U << 20U;

PostgresServer& database() {
  static PostgresServer server;
  return server;
}

std::string random_text(std::size_t bytes) {
  std::ifstream random("/dev/urandom", std::ios::binary);
  std::string text(bytes, '\0');
  random.read(text.data(), static_cast<std::streamsize>(bytes));
  return text;
}

NewCommit change(const std::string& message, const std::map<std::string, std::string>& files = {}) {
  NewCommit commit;
  commit.ref = "refs/heads/main";
  commit.message = message;
  commit.files = files;
  return commit;
}

class ClusterTest : public ::testing::Test {
 protected:
  ClusterTest() : url_(database().new_schema()) {}

  /// The configuration of all agents, which differ in where they are alone.
  void configure(const BindingYaml& binding = {}) {
    hosts.write_config(binding);
    std::ofstream(key_file()) << std::string(64, 'a') << "\n";
    std::filesystem::permissions(key_file(),
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  /// Its number in the database is its place among those that were started, from 1.
  AgentProcess& start_agent() {
    const auto directory =
        std::filesystem::path(hosts.directory / ("agent-" + std::to_string(agents.size() + 1)));
    std::filesystem::create_directory(directory);
    std::filesystem::copy(hosts.config_path(), directory / "gitferry.yaml");
    std::filesystem::permissions(directory / "gitferry.yaml",
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    agents.push_back(std::make_unique<AgentProcess>(
        directory,
        std::vector<std::string>{"GITFERRY_STORAGE_URL=" + url_, "GITFERRY_STORAGE_KEY_FILE=" + key_file(),
                                 "GITFERRY_STORAGE_LEASE=5s",
                                 "GITFERRY_SYNC_SYNC_DIR=" + (directory / "spool").string()}));
    EXPECT_TRUE(agents.back()->wait_until_ready()) << agents.back()->log();
    return *agents.back();
  }
  std::string key_file() { return hosts.directory / "key"; }
  std::string sql(const std::string& text) { return PostgresServer::run(url_, text); }

  std::string url_;
  TwoHosts hosts;
  std::vector<std::unique_ptr<AgentProcess>> agents;
};

TEST_F(ClusterTest, WhatOneThatIsKilledWasAtTheOtherFinishes) {
  hosts.internal.commit(change("Big", {{"big.bin", random_text(6 * kMiB)}}));
  GateProxy gate(hosts.external_port());
  BindingYaml binding;
  binding.external_url = TwoHosts::url_at(gate.port());
  configure(binding);
  start_agent();
  start_agent();
  gate.close_after(2 * kMiB);
  ASSERT_EQ(hosts.deliver_to(agents[0]->port(), "main").status, 202);
  ASSERT_TRUE(eventually([&] { return gate.is_holding(); })) << agents[0]->log() << agents[1]->log();
  const auto running = sql("SELECT string_agg(agent_id::text, ',') FROM run WHERE state = 'running'");
  ASSERT_THAT(running, ::testing::AnyOf("1", "2")) << "one run, by one of them";
  auto& runner = *agents.at(running == "1" ? 0 : 1);
  auto& other = *agents.at(running == "1" ? 1 : 0);
  // While the one runs the branch, the other takes what comes.
  const auto tip = hosts.internal.commit(change("One more", {{"a.txt", "a"}}));
  ASSERT_EQ(hosts.deliver_to(other.port(), "main").status, 202);
  EXPECT_EQ(sql("SELECT count(*) FROM run"), "1");

  runner.kill(SIGKILL);
  runner.wait();
  gate.cut();
  ASSERT_TRUE(eventually([&] { return hosts.external.tip("refs/heads/main") == tip; })) << other.log();
  EXPECT_TRUE(
      eventually([&] { return sql("SELECT count(*) FROM lane WHERE requested_seq > done_seq") == "0"; }));
  EXPECT_EQ(sql("SELECT state FROM run ORDER BY id LIMIT 1"), "interrupted");
  EXPECT_EQ(sql("SELECT ending FROM agent WHERE id = " + running), "buried");
  EXPECT_EQ(sql("SELECT count(*) FROM run WHERE state = 'finished' AND error = ''"), "1");
  EXPECT_EQ(hosts.external.fsck(), "");
  EXPECT_EQ(json_of(other.api("GET", "/cerobot/sync/deliveries"))["total"].asInt(), 2);
}

TEST_F(ClusterTest, OneThatWasPausedForLongerThanItsLeaseWorksOn) {
  hosts.internal.commit(change("First"));
  configure();
  auto& paused = start_agent();
  auto& other = start_agent();
  paused.kill(SIGSTOP);
  ASSERT_TRUE(eventually([&] { return sql("SELECT ending FROM agent WHERE id = 1") == "buried"; }))
      << other.log();
  ASSERT_EQ(hosts.deliver_to(other.port(), "main").status, 202);
  ASSERT_TRUE(eventually([&] { return hosts.tips_are_equal("main", "main"); })) << other.log();
  paused.kill(SIGCONT);
  ASSERT_TRUE(eventually([&] { return sql("SELECT count(*) FROM agent WHERE ended_at IS NULL") == "2"; }))
      << paused.log();
  other.kill(SIGTERM);
  EXPECT_EQ(other.wait(), 0);
  EXPECT_EQ(sql("SELECT ending FROM agent WHERE id = 2"), "stopped");
  const auto tip = hosts.internal.commit(change("Second", {{"b.txt", "b"}}));
  ASSERT_EQ(hosts.deliver_to(paused.port(), "main").status, 202);
  EXPECT_TRUE(eventually([&] { return hosts.external.tip("refs/heads/main") == tip; })) << paused.log();
}

TEST_F(ClusterTest, WhatTheApiChangesAtOneIsInForceAtTheOther) {
  configure();
  auto& one = start_agent();
  auto& other = start_agent();
  const auto bound =
      one.api("POST", "/cerobot/sync/robot/branch",
              R"({"internal_branch_name": "next", "external_branch_name": "next", "enable": true})");
  EXPECT_EQ(json_of(bound)["code_status"].asInt(), 0) << bound.body;
  EXPECT_TRUE(eventually([&] {
    return other.api("GET", "/cerobot/sync/robot/branch").body.find("\"next\"") != std::string::npos;
  })) << other.log();
  auto commit = change("Next");
  commit.ref = "refs/heads/next";
  hosts.internal.commit(commit);
  EXPECT_EQ(hosts.deliver_to(other.port(), "next").status, 202);
  EXPECT_TRUE(eventually([&] { return hosts.tips_are_equal("next", "next"); })) << other.log();
}

TEST_F(ClusterTest, WhileTheDatabaseIsAwaySendersAreToldToComeAgain) {
  hosts.internal.commit(change("First"));
  configure();
  auto& agent = start_agent();
  database().stop();
  EXPECT_TRUE(eventually([&] { return http(agent.port(), "GET", "/readyz").status == 503; }));
  EXPECT_EQ(http(agent.port(), "GET", "/livez").status, 200) << "a restart would mend nothing";
  EXPECT_EQ(hosts.deliver_to(agent.port(), "main").status, 503);
  database().start();
  EXPECT_TRUE(eventually([&] { return http(agent.port(), "GET", "/readyz").status == 200; })) << agent.log();
  EXPECT_EQ(hosts.deliver_to(agent.port(), "main").status, 202);
  EXPECT_TRUE(eventually([&] { return hosts.tips_are_equal("main", "main"); })) << agent.log();
}

TEST_F(ClusterTest, CommandsSayWhatIsOfTheDatabase) {
  configure();
  start_agent();
  const auto command = [&](const std::vector<std::string>& words) {
    std::vector<std::string> arguments(words);
    arguments.insert(arguments.end(), {"--config", (hosts.directory / "agent-1/gitferry.yaml")});
    ::setenv("GITFERRY_STORAGE_URL", url_.c_str(), 1);
    ::setenv("GITFERRY_STORAGE_KEY_FILE", key_file().c_str(), 1);
    auto result = run_gitferry(arguments);
    ::unsetenv("GITFERRY_STORAGE_URL");
    ::unsetenv("GITFERRY_STORAGE_KEY_FILE");
    return result;
  };
  const auto checked = command({"check-db"});
  EXPECT_EQ(checked.exit_code, 0) << checked.output;
  EXPECT_THAT(checked.output, HasSubstr("0 lanes"));
  EXPECT_THAT(checked.output, HasSubstr("pg_amcheck"));
  const auto backup = command({"check-db", "--backup", hosts.directory / "copy"});
  EXPECT_EQ(backup.exit_code, 1);
  EXPECT_THAT(backup.output, HasSubstr("pg_dump"));
  const auto printed = command({"print-config"});
  EXPECT_EQ(printed.exit_code, 0) << printed.output;
  EXPECT_THAT(printed.output, HasSubstr("lease: "));
  database().stop();
  const auto away = command({"serve"});
  database().start();
  EXPECT_EQ(away.exit_code, 1) << away.output;
  EXPECT_THAT(away.output, HasSubstr("PostgreSQL cannot be used"));
}

}  // namespace
}  // namespace gitferry::test

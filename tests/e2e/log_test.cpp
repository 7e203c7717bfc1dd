// The log of a real agent: a push is followed by its ids, and the level changes while it runs.

#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/e2e/two_hosts.h"

namespace gitferry::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class LogTest : public ::testing::Test {
 protected:
  void commit(const std::string& branch) {
    NewCommit commit;
    commit.ref = "refs/heads/" + branch;
    hosts.internal.commit(commit);
  }
  /// The lines with this message, each as an object.
  [[nodiscard]] std::vector<Json::Value> lines(const std::string& message) {
    std::vector<Json::Value> found;
    std::istringstream log(hosts.agent().log());
    for (std::string text; std::getline(log, text);) {
      const auto line = json_of({200, text});
      EXPECT_TRUE(line.isObject()) << text;
      if (line["message"].asString() == message) found.push_back(line);
    }
    return found;
  }
  /// The first line with this message and value; null where there is none.
  [[nodiscard]] Json::Value line(const std::string& message, const char* key, const Json::Value& value) {
    for (auto& each : lines(message)) {
      if (each[key] == value) return each;
    }
    return {};
  }
  CommandResult log_level(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "log-level");
    arguments.insert(arguments.end(), {"--config", hosts.config_path(), "--url",
                                       fmt::format("http://127.0.0.1:{}", hosts.agent().port())});
    return run_gitferry(arguments);
  }

  TwoHosts hosts;
};

TEST_F(LogTest, APushIsFollowedByItsIdsFromTheRequestToTheRun) {
  commit("main");
  ASSERT_TRUE(hosts.start_agent().wait_until_ready()) << hosts.agent().log();
  ASSERT_EQ(log_level({"debug"}).exit_code, 0);
  const auto answer = hosts.deliver("main");
  ASSERT_EQ(answer.status, 202) << answer.body;
  const auto delivery = json_of(answer)["delivery_id"];
  ASSERT_TRUE(eventually([&] { return !line("run finished", "delivery_id", delivery).isNull(); }))
      << hosts.agent().log();

  const auto webhook = line("webhook", "delivery_id", delivery);
  const auto request = line("request answered", "request_id", webhook["request_id"]);
  EXPECT_EQ(request["route"].asString(), "/webhooks/{provider}/{repo_name}") << hosts.agent().log();
  EXPECT_EQ(request["status"].asInt(), 202);
  const auto began = line("run began", "delivery_id", delivery);
  const auto finished = line("run finished", "run_id", began["run_id"]);
  EXPECT_EQ(finished["delivery_id"], delivery);
  EXPECT_EQ(finished["lane_id"], began["lane_id"]);
  EXPECT_EQ(finished["outcome"].asString(), "ok");

  // The same ids are those of the API.
  const auto recorded =
      json_of(hosts.agent().api("GET", "/cerobot/sync/deliveries/" + delivery.asString()))["data"];
  EXPECT_EQ(recorded["request_id"], webhook["request_id"]);
  EXPECT_EQ(recorded["lanes"][0]["run_id"], finished["run_id"]);
}

TEST_F(LogTest, AManualSyncSaysWhoAskedForIt) {
  commit("main");
  ASSERT_TRUE(hosts.start_agent().wait_until_ready()) << hosts.agent().log();
  ASSERT_EQ(json_of(hosts.agent().api("POST", "/cerobot/sync/robot/branch/main"))["code_status"].asInt(), 0);
  const auto asked = line("sync asked for", "branch", "main");
  EXPECT_FALSE(asked["by"].asString().empty()) << hosts.agent().log();
  EXPECT_FALSE(asked["request_id"].asString().empty());
  EXPECT_FALSE(asked["force"].asBool());
}

TEST_F(LogTest, TheLevelChangesWhileTheAgentRunsAndTheLogSaysWhoDidIt) {
  ASSERT_TRUE(hosts.start_agent().wait_until_ready()) << hosts.agent().log();
  EXPECT_EQ(log_level({}).output, "info\n");
  EXPECT_TRUE(lines("request answered").empty());

  const auto louder = log_level({"debug"});
  EXPECT_EQ(louder.exit_code, 0) << louder.output;
  EXPECT_EQ(louder.output, "debug\n");
  EXPECT_FALSE(lines("request answered").empty());
  const auto changed = line("log level changed", "to", "debug");
  EXPECT_EQ(changed["from"].asString(), "info");
  EXPECT_FALSE(changed["by"].asString().empty());
  EXPECT_FALSE(changed["request_id"].asString().empty());

  EXPECT_EQ(log_level({"error"}).output, "error\n");
  EXPECT_FALSE(line("log level changed", "to", "error").isNull()) << "also what says that less is said";
  const auto before = lines("request answered").size();
  EXPECT_EQ(log_level({}).output, "error\n");
  EXPECT_EQ(lines("request answered").size(), before);

  const auto wrong = log_level({"loud"});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(hosts.agent().api("PUT", "/cerobot/sync/log-level?level=loud").body, HasSubstr("10020"));

  hosts.agent().kill(SIGHUP);
  EXPECT_TRUE(eventually([&] { return log_level({}).output == "info\n"; }))
      << "a reload takes the file's again";
}

TEST_F(LogTest, TheConfigurationAndItsVariablesSayLevelAndForm) {
  ::setenv("GITFERRY_LOG_LEVEL", "warn", 1);
  ::setenv("GITFERRY_LOG_FORMAT", "logfmt", 1);
  hosts.write_config();
  AgentProcess agent(hosts.directory.path());
  ::unsetenv("GITFERRY_LOG_LEVEL");
  ::unsetenv("GITFERRY_LOG_FORMAT");
  // Of a configuration without a reconcile.
  ASSERT_TRUE(eventually([&] {
    return agent.log().find("level=warn message=\"the configuration") != std::string::npos;
  })) << agent.log();
  agent.kill(SIGTERM);
  EXPECT_EQ(agent.wait(), 0);
  EXPECT_THAT(agent.log(), Not(HasSubstr("level=info")));
  EXPECT_THAT(agent.log(), Not(HasSubstr("{\"time\"")));

  const auto refused = run_gitferry({"serve", "--config", "/nonexistent", "--log-format", "logfmt"});
  EXPECT_EQ(refused.exit_code, 78) << refused.output;
  const auto wrong = run_gitferry({"serve", "--config", hosts.config_path(), "--log-level", "loud"});
  EXPECT_EQ(wrong.exit_code, 2) << wrong.output;
}

}  // namespace
}  // namespace gitferry::test

// The commands beside `serve`, on real hosts and on a running agent.

#include <filesystem>
#include <fstream>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/two_hosts.h"

namespace gitferry::test {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Commands : public ::testing::Test {
 protected:
  Commands() {
    NewCommit commit;
    commit.ref = "refs/heads/feature/login";
    tip = hosts.internal.commit(commit);
  }

  CommandResult run(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--config", hosts.config_path()});
    auto result = run_gitferry(arguments);
    EXPECT_THAT(result.output, Not(HasSubstr("S3CR3T"))) << arguments[0];
    return result;
  }

  /// The JSON array that a command printed after its messages.
  static Json::Value rows_of(const CommandResult& result) {
    const auto begin = result.output.find('[');
    return begin == std::string::npos ? Json::Value() : json_of({200, result.output.substr(begin)});
  }

  ObjectId tip = ObjectId::null(ObjectFormat::Sha1);
  TwoHosts hosts;
};

/// The commands that ask a running agent.
class AgentCommands : public Commands {
 protected:
  void SetUp() override {
    auto& agent = hosts.start_agent();
    ASSERT_TRUE(agent.wait_until_ready()) << agent.log();
    url = "http://127.0.0.1:" + std::to_string(agent.port());
  }
  CommandResult ask(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--url", url});
    return run(std::move(arguments));
  }

  std::string url;
};

TEST_F(Commands, ADryRunSaysWhatItWouldDoAndWritesNothing) {
  hosts.write_config();
  const auto refs = hosts.external.git({"for-each-ref"});
  const auto result = run({"sync", "robot", "feature/login", "--dry-run"});
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output,
              HasSubstr("\nrobot  feature/login -> from-inside  would create  none -> " + tip.short_hex()));
  EXPECT_THAT(result.output, StartsWith("gitferry: no agent listens at http://127.0.0.1:0"));
  EXPECT_EQ(hosts.external.git({"for-each-ref"}), refs);
  EXPECT_EQ(hosts.external.git({"count-objects"}), "0 objects, 0 kilobytes");
  EXPECT_FALSE(std::filesystem::exists(hosts.directory / "data"));
}

TEST_F(Commands, SyncBringsOneBranchAndSaysWhatItDid) {
  hosts.write_config();
  const auto created = run({"sync", "robot", "feature/login"});
  EXPECT_EQ(created.exit_code, 0) << created.output;
  EXPECT_THAT(created.output,
              HasSubstr("robot  feature/login -> from-inside  create  none -> " + tip.short_hex()));
  EXPECT_TRUE(hosts.tips_are_equal("feature/login", "from-inside"));
  const auto again = run({"sync", "robot", "feature/login"});
  EXPECT_EQ(again.exit_code, 0) << again.output;
  EXPECT_THAT(again.output, HasSubstr("in sync at " + tip.short_hex()));
}

TEST_F(Commands, SyncOfAllBranchesTellsEachAndFailsIfOneDoes) {
  hosts.write_config();
  const auto result = run({"sync", "robot"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output, HasSubstr("robot  main -> main  failed: "));
  EXPECT_THAT(result.output, HasSubstr("the source has no such branch"));
  EXPECT_THAT(result.output, HasSubstr("robot  feature/login -> from-inside  create"));
  EXPECT_THAT(result.output, Not(HasSubstr("frozen")));
  EXPECT_TRUE(hosts.tips_are_equal("feature/login", "from-inside"));
}

TEST_F(Commands, SyncPrintsOneJsonArray) {
  hosts.write_config();
  const auto result = run({"sync", "robot", "--json"});
  EXPECT_EQ(result.exit_code, 1);
  const auto rows = rows_of(result);
  ASSERT_EQ(rows.size(), 2U) << result.output;
  EXPECT_EQ(rows[0]["internal_ref"], "refs/heads/main");
  EXPECT_EQ(rows[0]["code_status"].asInt(), 20009);
  EXPECT_EQ(rows[0]["error"], "branch_missing");
  EXPECT_THAT(rows[0]["detail"].asString(), HasSubstr(hosts.internal_host.url("robot")));
  EXPECT_EQ(rows[1]["external_ref"], "refs/heads/from-inside");
  EXPECT_EQ(rows[1]["code_status"].asInt(), 0);
  EXPECT_EQ(rows[1]["plan"], "create");
  EXPECT_EQ(rows[1]["target_tip_after"], tip.hex());
}

TEST_F(Commands, SyncIntoADivergedTargetFailsAndLeavesIt) {
  hosts.external.fetch_from(hosts.internal, "refs/heads/feature/login");
  hosts.external.git({"update-ref", "refs/heads/from-inside", tip.hex()});
  NewCommit change;
  change.ref = "refs/heads/from-inside";
  change.files = {{"theirs", "x"}};
  const auto theirs = hosts.external.commit(change);
  change.ref = "refs/heads/feature/login";
  change.files = {{"ours", "x"}};
  hosts.internal.commit(change);
  hosts.write_config();
  const auto result = run({"sync", "robot", "feature/login"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output, HasSubstr("is not an ancestor"));
  EXPECT_EQ(hosts.external.tip("refs/heads/from-inside"), theirs);
  const auto forced = run({"sync", "robot", "feature/login", "--force"});
  EXPECT_EQ(forced.exit_code, 0) << forced.output;
  EXPECT_THAT(forced.output, HasSubstr("rewrite  " + theirs.short_hex() + " -> "));
  EXPECT_TRUE(hosts.tips_are_equal("feature/login", "from-inside"));
}

TEST_F(Commands, CheckConfigPointsAtTheMistake) {
  hosts.write_config();
  EXPECT_THAT(run({"check-config"}).output, HasSubstr("\nok: 1 repositories, 3 branches\n"));
  std::ofstream(hosts.config_path(), std::ios::app) << "  - name: other\n    granularty: one\n";
  const auto result = run({"check-config"});
  EXPECT_EQ(result.exit_code, 78);
  EXPECT_THAT(result.output, ContainsRegex("gitferry\\.yaml:[0-9]+:5: error: unknown key 'granularty'"));
  EXPECT_THAT(result.output, HasSubstr("did you mean 'granularity'?"));
  EXPECT_EQ(run({"serve"}).exit_code, 78);
}

TEST_F(Commands, SendWebhookMakesTheAgentSync) {
  auto& agent = hosts.start_agent();
  ASSERT_TRUE(agent.wait_until_ready()) << agent.log();
  const auto url = "http://127.0.0.1:" + std::to_string(agent.port());
  const std::vector<std::string> command{"send-webhook", "--provider", "gitea", "--repo", "robot",
                                         "--side",       "internal",   "--url", url,      "--ref"};
  const auto with_ref = [&](const std::string& ref) {
    auto words = command;
    words.push_back(ref);
    return run(words);
  };
  const auto sent = with_ref("feature/login");
  EXPECT_EQ(sent.exit_code, 0) << sent.output;
  EXPECT_THAT(sent.output, HasSubstr("HTTP 202\n"));
  EXPECT_THAT(sent.output, HasSubstr("\"accepted\""));
  EXPECT_TRUE(eventually([&] { return hosts.tips_are_equal("feature/login", "from-inside"); }))
      << agent.log();

  const auto ignored = with_ref("frozen");
  EXPECT_EQ(ignored.exit_code, 0) << ignored.output;
  EXPECT_THAT(ignored.output, HasSubstr("branch_disabled"));

  std::ofstream(hosts.directory / "hook") << "another secret of the configuration\n";
  const auto refused = with_ref("feature/login");
  EXPECT_EQ(refused.exit_code, 1) << refused.output;
  EXPECT_THAT(refused.output, HasSubstr("HTTP 401\n"));
}

TEST_F(Commands, SendWebhookSaysThatNobodyListens) {
  hosts.write_config();
  const auto result = run({"send-webhook", "--provider", "gitea", "--repo", "robot", "--side", "internal",
                           "--ref", "main", "--url", "http://127.0.0.1:1"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output, HasSubstr("127.0.0.1:1"));
}

TEST_F(AgentCommands, SyncHasTheAgentDoIt) {
  const auto result = ask({"sync", "robot", "feature/login"});
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output,
              StartsWith("robot  feature/login -> from-inside  create  none -> " + tip.short_hex()));
  EXPECT_TRUE(hosts.tips_are_equal("feature/login", "from-inside"));
  const auto log = json_of(hosts.agent().api("GET", "/cerobot/sync/repo/robot/logs"));
  ASSERT_EQ(log["data"].size(), 1U) << hosts.agent().log();
  EXPECT_EQ(log["data"][0]["trigger"], "manual");

  const auto all = ask({"sync", "robot", "--json"});
  EXPECT_EQ(all.exit_code, 1) << "main is missing on the source";
  const auto rows = rows_of(all);
  ASSERT_EQ(rows.size(), 2U) << all.output;
  EXPECT_EQ(rows[0]["error"], "branch_missing") << "what failed comes first";
  EXPECT_EQ(rows[1]["plan"], "nothing");
}

TEST_F(AgentCommands, ADryRunByTheAgentWritesNothing) {
  const auto refs = hosts.external.git({"for-each-ref"});
  const auto result = ask({"sync", "robot", "feature/login", "--dry-run"});
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("would create"));
  EXPECT_EQ(hosts.external.git({"for-each-ref"}), refs);
}

TEST_F(AgentCommands, SyncWithoutWaitingIsDoneWhenItWasAskedFor) {
  const auto result = ask({"sync", "robot", "feature/login", "--wait", "0"});
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("goes on"));
  EXPECT_TRUE(eventually([&] { return hosts.tips_are_equal("feature/login", "from-inside"); }));
}

TEST_F(AgentCommands, StatusShowsEveryBranchAndWhyItIsNotInSync) {
  ask({"sync", "robot"});
  const auto table = ask({"status"});
  EXPECT_EQ(table.exit_code, 0) << table.output;
  EXPECT_THAT(table.output, StartsWith("REPOSITORY  INTERNAL       EXTERNAL     STATUS"));
  EXPECT_THAT(table.output, ContainsRegex("robot +feature/login +from-inside +in_sync +" + tip.short_hex() +
                                          " +" + tip.short_hex() + " "));
  EXPECT_THAT(table.output, ContainsRegex("robot +main +main +failed .*no such branch"));
  EXPECT_THAT(table.output, ContainsRegex("robot +frozen +[a-z-]+ +disabled"));
  EXPECT_THAT(table.output, Not(HasSubstr(" \n")));
  const auto rows = rows_of(ask({"status", "robot", "--json"}));
  EXPECT_EQ(rows, json_of(hosts.agent().api("GET", "/cerobot/sync/status"))["data"]);
  EXPECT_EQ(rows.size(), 3U);
}

TEST_F(AgentCommands, DeliveriesShowsWhatArrivedAndWhatBecameOfIt) {
  EXPECT_THAT(ask({"deliveries"}).output, "no delivery\n");
  ASSERT_EQ(hosts.deliver("feature/login").status, 202);
  ASSERT_EQ(hosts.deliver("frozen").status, 200);
  const auto table = ask({"deliveries"});
  EXPECT_EQ(table.exit_code, 0) << table.output;
  EXPECT_THAT(table.output,
              ContainsRegex("\n2 .*frozen +ignored +branch_disabled\n1 .*feature/login +accepted +- "));
  EXPECT_THAT(ask({"deliveries", "--limit", "1"}).output, Not(HasSubstr("feature/login")));
  const auto ignored = rows_of(ask({"deliveries", "robot", "--verdict", "ignored", "--json"}));
  ASSERT_EQ(ignored.size(), 1U);
  EXPECT_EQ(ignored[0]["reason"], "branch_disabled");
}

TEST_F(AgentCommands, SayWhatTheAgentRefused) {
  for (const auto* command : {"status", "sync"}) {
    const auto result = ask({command, "nobody"});
    EXPECT_EQ(result.exit_code, 1) << command;
    EXPECT_THAT(result.output, AllOf(StartsWith("gitferry: "), HasSubstr("'nobody'"), HasSubstr("(10010)")));
  }
  const std::string file = hosts.directory / "other-token";
  std::ofstream(file) << "S3CR3T-of-nobody";
  std::filesystem::permissions(file, std::filesystem::perms::owner_read);
  const auto refused = ask({"status", "--token-file", file});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.output, HasSubstr("(10022)"));
}

TEST_F(AgentCommands, NeedNoConfigurationWhereAddressAndTokenAreGiven) {
  const std::string token = hosts.directory / "token";
  for (const auto* command : {"status", "deliveries"}) {
    const auto result =
        run_gitferry({command, "--config", "nowhere.yaml", "--url", url, "--token-file", token});
    EXPECT_EQ(result.exit_code, 0) << result.output;
    EXPECT_EQ(run_gitferry({command, "--config", "nowhere.yaml", "--url", url}).exit_code, 78);
  }
}

TEST_F(AgentCommands, S12_ShowTheTokenToNoOtherProgram) {
  // A git host answers there, too, but is no gitferry.
  const auto other = hosts.internal_host.url("robot");
  const auto result = run({"status", "--url", other});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output, HasSubstr("is not gitferry"));
}

TEST_F(Commands, StatusAndDeliveriesNeedAnAgent) {
  hosts.write_config();
  for (const auto* command : {"status", "deliveries"}) {
    const auto result = run({command, "--url", "http://127.0.0.1:1"});
    EXPECT_EQ(result.exit_code, 1) << command;
    EXPECT_THAT(result.output, AllOf(StartsWith("gitferry: "), HasSubstr("http://127.0.0.1:1"),
                                     HasSubstr("nobody listens there")));
  }
}

TEST_F(Commands, SyncWithAnAgentThatIsNotThereDoesNothing) {
  hosts.write_config();
  const auto result = run({"sync", "robot", "feature/login", "--url", "http://127.0.0.1:1"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output, HasSubstr("nobody listens there"));
  EXPECT_EQ(hosts.external.git({"for-each-ref"}), "");
}

}  // namespace
}  // namespace gitferry::test

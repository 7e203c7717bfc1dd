// The commands beside `serve`, on real hosts and on a running agent.

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/two_hosts.h"

namespace gitferry::test {
namespace {

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

  ObjectId tip = ObjectId::null(ObjectFormat::Sha1);
  TwoHosts hosts;
};

TEST_F(Commands, ADryRunSaysWhatItWouldDoAndWritesNothing) {
  hosts.write_config();
  const auto refs = hosts.external.git({"for-each-ref"});
  const auto result = run({"sync", "robot", "feature/login", "--dry-run"});
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output,
              StartsWith("robot  feature/login -> from-inside  would create  none -> " + tip.short_hex()));
  EXPECT_EQ(hosts.external.git({"for-each-ref"}), refs);
  EXPECT_EQ(hosts.external.git({"count-objects"}), "0 objects, 0 kilobytes");
  EXPECT_FALSE(std::filesystem::exists(hosts.directory / "data"));
}

TEST_F(Commands, SyncBringsOneBranchAndSaysWhatItDid) {
  hosts.write_config();
  const auto created = run({"sync", "robot", "feature/login"});
  EXPECT_EQ(created.exit_code, 0) << created.output;
  EXPECT_THAT(created.output,
              StartsWith("robot  feature/login -> from-inside  create  none -> " + tip.short_hex()));
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
  const auto rows = json_of({200, result.output});
  ASSERT_TRUE(rows.isArray()) << result.output;
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0]["source_branch"], "main");
  EXPECT_EQ(rows[0]["code_status"].asInt(), 20009);
  EXPECT_THAT(rows[0]["error"].asString(), HasSubstr(hosts.internal_host.url("robot")));
  EXPECT_EQ(rows[1]["target_branch"], "from-inside");
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
}

TEST_F(Commands, CheckConfigPointsAtTheMistake) {
  hosts.write_config();
  EXPECT_EQ(run({"check-config"}).output, "ok: 1 repositories, 3 branches\n");
  std::ofstream(hosts.config_path(), std::ios::app) << "  - name: other\n    granularty: one\n";
  const auto result = run({"check-config"});
  EXPECT_EQ(result.exit_code, 78);
  EXPECT_THAT(result.output,
              ::testing::ContainsRegex("gitferry\\.yaml:[0-9]+:5: error: unknown key 'granularty'"));
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

}  // namespace
}  // namespace gitferry::test

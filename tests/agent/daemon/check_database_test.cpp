#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/agent_process.h"
#include "tests/support/temporary_directory.h"

// `gitferry check-db` beside an agent and without one.

namespace gitferry::daemon {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class CheckDatabase : public ::testing::Test {
 protected:
  CheckDatabase() { test::write_agent_config(directory.path(), ""); }

  test::CommandResult check(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"check-db", "--config", directory / "gitferry.yaml"});
    return test::run_gitferry(more);
  }
  [[nodiscard]] std::string database() const {
    for (const auto& entry : std::filesystem::directory_iterator(directory / "data")) {
      if (entry.path().extension() == ".db") return entry.path().string();
    }
    return {};
  }

  test::TemporaryDirectory directory;
};

TEST_F(CheckDatabase, ChecksAndCopiesBesideTheAgentAndAfterIt) {
  test::AgentProcess agent(directory.path());
  ASSERT_TRUE(agent.wait_until_ready()) << agent.log();
  const auto copy = directory / "copy.db";
  const auto beside = check({"--backup", copy});
  EXPECT_EQ(beside.exit_code, 0);
  EXPECT_EQ(beside.output,
            "ok: " + database() + ": 0 lanes (0 pending), 0 deliveries, 0 runs\nbackup: " + copy + "\n");
  const auto again = check({"--backup", copy});
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.output, HasSubstr("gitferry: write the backup '" + copy + "': File exists"));
  agent.kill(SIGTERM);
  EXPECT_EQ(agent.wait(), 0);
  EXPECT_THAT(check().output, StartsWith("ok: "));

  // The copy in the place of the database is what an agent starts with.
  const auto path = database();
  for (const auto* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
  std::filesystem::rename(copy, path);
  agent.start();
  EXPECT_TRUE(agent.wait_until_ready()) << agent.log();
}

TEST_F(CheckDatabase, ADamagedOneFailsWithALineForEachFaultAndIsNotCopied) {
  test::AgentProcess agent(directory.path());
  ASSERT_TRUE(agent.wait_until_ready()) << agent.log();
  agent.kill(SIGTERM);
  EXPECT_EQ(agent.wait(), 0);
  {
    std::fstream file(database(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(2 * 4096);  // behind the schema, so that there is something to look through
    file << std::string(4096, 'x');
  }
  const auto result = check({"--backup", directory / "copy.db"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output, HasSubstr("fault: "));
  EXPECT_THAT(result.output,
              HasSubstr("gitferry: the database '" + database() + "' is damaged; stop the agent"));
  EXPECT_FALSE(std::filesystem::exists(directory / "copy.db"));
  agent.start();
  EXPECT_EQ(agent.wait(), 1) << "nor does an agent start on it";
  EXPECT_THAT(agent.log(), HasSubstr("open the database '" + database() + "'"));
}

TEST_F(CheckDatabase, WhereThereIsNoneItSaysSoAndMakesNone) {
  const auto result = check();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output, HasSubstr("there is no such file; `gitferry serve` makes it"));
  EXPECT_FALSE(std::filesystem::exists(directory / "data"));
}

TEST_F(CheckDatabase, ABadConfigurationIsToldAsEverywhere) {
  std::ofstream(directory / "gitferry.yaml") << "version: 2\n";
  EXPECT_EQ(check().exit_code, 78);
}

}  // namespace
}  // namespace gitferry::daemon

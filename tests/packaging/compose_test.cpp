// The two hosts of examples/compose and gitferry between them: their scripts and their configuration, without
// the containers.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/packaging/packaging.h"
#include "tests/support/agent_process.h"
#include "tests/support/certificate.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::test {
namespace {

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

class Compose : public ::testing::Test {
 protected:
  [[nodiscard]] std::string address(std::uint16_t port) const {
    return fmt::format("http://127.0.0.1:{}/robot.git", port);
  }
  std::unique_ptr<Background> host(const std::string& name, std::uint16_t port,
                                   std::vector<std::string> more) {
    std::filesystem::create_directory(directory / name);
    more.insert(more.end(), {"ROOT=" + (directory / name), "PORT=" + std::to_string(port),
                             "HOME=" + directory.path().string()});
    return std::make_unique<Background>(
        std::vector<std::string>{std::string(GITFERRY_SOURCE_DIR) + "/examples/compose/git-host/start"}, more,
        directory / (name + ".log"));
  }
  ProcessOutcome git(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "git");
    return run_tool(std::move(arguments), {"HOME=" + directory.path().string(), "GIT_CONFIG_NOSYSTEM=1",
                                           "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.org",
                                           "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.org"});
  }
  [[nodiscard]] std::string tip(std::uint16_t port) const {
    const auto listed = git({"ls-remote", address(port), "refs/heads/main"});
    return listed.status == 0 ? listed.output.substr(0, listed.output.find('\t')) : "unreachable";
  }

  TemporaryDirectory directory;
};

TEST_F(Compose, APushToTheInternalHostArrivesAtTheExternalOne) {
  const auto internal_port = free_port();
  const auto external_port = free_port();
  replace_file(directory / "hook", "S3CR3T-webhook-of-the-compose-example");
  auto yaml = source_text("examples/compose/gitferry.yaml");
  yaml = replaced(yaml, "version: 1\n", "");
  yaml = replaced(yaml, "[10.0.0.0/8,", "[127.0.0.0/8, 10.0.0.0/8,");
  yaml = replaced(yaml, "http://internal:8000/robot.git", address(internal_port));
  yaml = replaced(yaml, "http://external:8000/robot.git", address(external_port));
  yaml = replaced(yaml, "/etc/gitferry/secrets/hook", directory / "hook");
  write_agent_config(directory.path(),
                     yaml + fmt::format("sync: {{sync_dir: {}/spool, reconcile_interval: off}}\n",
                                        directory.path().string()));
  AgentProcess agent(directory.path());
  ASSERT_TRUE(agent.wait_until_ready()) << agent.log();
  const auto external = host("external", external_port, {});
  const auto internal = host("internal", internal_port,
                             {fmt::format("HOOK_URL=http://127.0.0.1:{}/webhooks/gitea/robot", agent.port()),
                              "HOOK_SECRET_FILE=" + (directory / "hook")});
  ASSERT_TRUE(eventually([&] { return tip(internal_port).empty() && tip(external_port).empty(); }))
      << text_of_file(directory / "internal.log") << text_of_file(directory / "external.log");

  const auto clone = directory / "clone";
  ASSERT_EQ(git({"clone", "-q", address(internal_port), clone}).status, 0);
  ASSERT_EQ(git({"-C", clone, "commit", "-q", "--allow-empty", "-m", "the first"}).status, 0);
  const auto pushed = git({"-C", clone, "push", "-q", "origin", "HEAD:main"});
  ASSERT_EQ(pushed.status, 0) << pushed.errors;
  EXPECT_FALSE(tip(internal_port).empty());
  EXPECT_TRUE(eventually([&] { return tip(external_port) == tip(internal_port); }))
      << pushed.errors << agent.log();
  EXPECT_NE(pushed.errors.find("\"status\":\"accepted\""), std::string::npos)
      << "by the webhook: " << pushed.errors;
}

}  // namespace
}  // namespace gitferry::test

// `gitferry healthcheck`, as a container's engine runs it.

#include <csignal>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/agent_process.h"
#include "tests/support/certificate.h"
#include "tests/support/scripted_server.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::test {
namespace {

using ::testing::HasSubstr;

class HealthCheck : public ::testing::Test {
 protected:
  void write(const std::string& server) const {
    write_agent_config(directory.path(),
                       fmt::format("sync: {{sync_dir: {}/spool}}\n", directory.path().string()), server);
  }
  void start(const std::string& more) {
    write("{listen: \"127.0.0.1:0\"" + more + "}");
    agent = std::make_unique<AgentProcess>(directory.path());
    ASSERT_TRUE(agent->wait_until_listening()) << agent->log();
    // The command looks the port up in the file.
    write(fmt::format("{{listen: \"127.0.0.1:{}\"{}}}", agent->port(), more));
  }
  [[nodiscard]] CommandResult check(const std::string& more = {}) const {
    std::vector<std::string> arguments{"healthcheck", "--config", directory / "gitferry.yaml"};
    if (!more.empty()) arguments.push_back(more);
    return run_gitferry(arguments);
  }

  TemporaryDirectory directory;
  std::unique_ptr<AgentProcess> agent;
};

TEST_F(HealthCheck, IsDoneWhereTheAgentIsReadyAndFailsWhereThereIsNone) {
  start("");
  for (const std::string live : {"", "--live"}) {
    const auto well = check(live);
    EXPECT_EQ(well.exit_code, 0) << well.output;
    EXPECT_EQ(well.output, "ok\n");
  }
  agent->kill(SIGTERM);
  EXPECT_EQ(agent->wait(), 0);
  const auto gone = check();
  EXPECT_EQ(gone.exit_code, 1);
  EXPECT_THAT(gone.output, HasSubstr("ask the agent"));
}

TEST_F(HealthCheck, AsksThroughTlsByTheConfiguredCertificate) {
  const auto pems = make_certificate();
  replace_file(directory / "tls.key", pems.key);
  replace_file(directory / "tls.pem", pems.certificate, 0644);
  start(fmt::format(", tls: {{cert_file: {0}/tls.pem, key_file: {0}/tls.key}}", directory.path().string()));
  const auto well = check();
  EXPECT_EQ(well.exit_code, 0) << well.output;
  replace_file(directory / "tls.pem", make_certificate().certificate, 0644);
  EXPECT_EQ(check().exit_code, 1) << "another program might answer there";
}

/// The agent goes on with what it was started with.
TEST_F(HealthCheck, AFileThatIsWrongByNowFailsNothing) {
  start("");
  replace_file(directory / "gitferry.yaml", "version: 1\nserver: {lisen: \"127.0.0.1:1\"}\n");
  ::setenv("GITFERRY_SERVER_LISTEN", fmt::format("127.0.0.1:{}", agent->port()).c_str(), 1);
  const auto well = check();
  ::unsetenv("GITFERRY_SERVER_LISTEN");
  EXPECT_EQ(well.exit_code, 0) << well.output;
}

TEST_F(HealthCheck, SaysWhatIsWrong) {
  const auto answered = [](const std::string& status, const std::string& body) {
    ScriptedServer server({ScriptedAnswer{http_answer(status, "Content-Type: application/json\r\n", body)}});
    return run_gitferry({"healthcheck", "--url", fmt::format("http://127.0.0.1:{}", server.port())});
  };
  const auto stuck = answered(
      "503 Service Unavailable",
      R"json({"status":"a thread is stuck","checks":{"threads":"stuck: writer (overdue by 3 s)"}})json");
  EXPECT_EQ(stuck.exit_code, 1);
  EXPECT_THAT(stuck.output, HasSubstr("not ready: stuck: writer (overdue by 3 s)"));
  const auto full = answered("503 Service Unavailable", R"({"status":"store not available"})");
  EXPECT_EQ(full.exit_code, 1);
  EXPECT_THAT(full.output, HasSubstr("not ready: store not available"));
  const auto another = answered("200 OK", "<html>");
  EXPECT_EQ(another.exit_code, 1);
}

}  // namespace
}  // namespace gitferry::test

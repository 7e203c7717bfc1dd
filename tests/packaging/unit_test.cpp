#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <json/json.h>

#include "agent/sync/reconciler.h"
#include "api/http_server.h"
#include "tests/packaging/packaging.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

/// The unit as it is installed in /usr.
class Unit : public ::testing::Test {
 protected:
  void SetUp() override {
    text = source_text("packaging/systemd/gitferry.service.in");
    const std::string variable = "@BINDIR@";
    text.replace(text.find(variable), variable.size(), "/usr/bin");
  }
  /// The values of a setting, in order.
  [[nodiscard]] std::vector<std::string> of(const std::string& setting) const {
    std::vector<std::string> values;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with(setting + "=")) values.push_back(line.substr(setting.size() + 1));
    }
    return values;
  }
  void expect(const std::string& setting, const std::string& value) const {
    EXPECT_EQ(of(setting), std::vector<std::string>{value}) << setting;
  }
  std::string text;
};

TEST_F(Unit, S41_SystemdRatesItAsHardened) {
  const TemporaryDirectory directory;
  const auto file = directory / "gitferry.service";
  std::ofstream(file) << text;
  const auto rated =
      run_tool({"systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager", file});
  EXPECT_EQ(rated.status, 0) << rated.output << rated.errors;
}

TEST_F(Unit, S41_SystemdKnowsEachOfItsSettings) {
  const TemporaryDirectory directory;
  const auto file = directory / "gitferry.service";
  // A program that is there, and pages that every system has.
  std::string known = text;
  for (const auto& [from, to] : {std::pair("/usr/bin/gitferry", "/bin/true"),
                                 {"Documentation=man:gitferry(1) man:gitferry.yaml(5)", ""}})
    known.replace(known.find(from), std::string_view(from).size(), to);
  std::ofstream(file) << known;
  const auto verified = run_tool({"systemd-analyze", "verify", "--man=no", file});
  EXPECT_EQ(verified.errors, "");
}

TEST_F(Unit, S41_RestartsAlwaysAndIsWatched) {
  expect("Type", "notify");
  expect("Restart", "always");
  expect("StartLimitIntervalSec", "0");
  expect("WatchdogSec", "2min");
  expect("LimitCORE", "0");
  expect("UMask", "0077");
  expect("DynamicUser", "yes");
  expect("CapabilityBoundingSet", "");
  expect("MemoryDenyWriteExecute", "yes");
  expect("LoadCredential", "secret:/etc/gitferry/secrets");
  EXPECT_THAT(of("SystemCallFilter"), Contains("@system-service"));
}

TEST_F(Unit, S41_AllowsAsManyTasksAsThereMayBe) {
  Json::Value schema;
  std::istringstream(source_text("config/schema.json")) >> schema;
  const auto most_workers = schema["definitions"]["sync"]["properties"]["workers"]["maximum"].asUInt64();
  ASSERT_GT(most_workers, 0U);
  const api::HttpServerOptions http;
  // A worker has a timer of its run and a child a side; a connection of ssh has a process and a thread.
  constexpr std::size_t kOfAWorker = 4;
  constexpr std::size_t kSsh = 64;
  constexpr std::size_t kOthers = 16;
  const auto most = http.workers + http.patient_workers + (most_workers + Reconciler::kThreads) * kOfAWorker +
                    kSsh + kOthers;
  ASSERT_EQ(of("TasksMax").size(), 1U);
  EXPECT_GE(std::stoull(of("TasksMax")[0]), most);
}

TEST_F(Unit, StartsOnlyWhereThereIsAConfiguration) {
  expect("ConditionPathExists", "/etc/gitferry/gitferry.yaml");
  expect("ExecStart", "/usr/bin/gitferry serve --config /etc/gitferry/gitferry.yaml");
  expect("ExecReload", "/bin/sh -c 'kill -HUP $MAINPID'");
  expect("WantedBy", "multi-user.target");
}

}  // namespace
}  // namespace gitferry::test

// The alert rules, the scrape and the dashboard of the examples, by Prometheus' own tool and a real agent.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/two_hosts.h"
#include "tests/support/process.h"

namespace gitferry::test {
namespace {

using ::testing::IsEmpty;
using Names = std::set<std::string>;

const std::filesystem::path kExamples = std::filesystem::path(GITFERRY_SOURCE_DIR) / "examples";

std::string text_of_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

Names matches_of(const std::string& text, const std::string& pattern) {
  const std::regex expression(pattern);
  Names found;
  for (std::sregex_iterator match(text.begin(), text.end(), expression), end; match != end; ++match)
    found.insert((*match)[1].str());
  return found;
}

Names without(const Names& all, const Names& known) {
  Names rest;
  std::set_difference(all.begin(), all.end(), known.begin(), known.end(), std::inserter(rest, rest.end()));
  return rest;
}

class Monitoring : public ::testing::Test {
 protected:
  /// A copy, in which a test may change something.
  void SetUp() override {
    for (const auto* name : {"prometheus.yml", "gitferry.rules.yml", "gitferry.rules.test.yml"})
      write(name, text_of_file(kExamples / "prometheus" / name));
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(directory / name, std::ios::binary) << text;
  }
  /// Puts `with` in the place of `what`, which must be there.
  void change(const std::string& name, const std::string& what, const std::string& with) const {
    auto text = text_of_file(directory / name);
    const auto at = text.find(what);
    ASSERT_NE(at, std::string::npos) << what;
    write(name, text.replace(at, what.size(), with));
  }
  [[nodiscard]] ProcessOutcome promtool(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "promtool");
    return run_process({std::move(arguments), {}, directory.path().string(), {"PATH=/usr/bin:/bin"}});
  }

  TemporaryDirectory directory;
};

TEST_F(Monitoring, EachAlertFiresWhenItShouldAndNotBefore) {
  const auto checked = promtool({"check", "rules", "gitferry.rules.yml"});
  EXPECT_EQ(checked.status, 0) << checked.output << checked.errors;
  const auto tested = promtool({"test", "rules", "gitferry.rules.test.yml"});
  EXPECT_EQ(tested.status, 0) << tested.output << tested.errors;

  const auto alerts = matches_of(text_of_file(directory / "gitferry.rules.yml"), "- alert: (\\w+)");
  EXPECT_GE(alerts.size(), 15U);
  const auto fired = matches_of(text_of_file(directory / "gitferry.rules.test.yml"), "alertname=\"(\\w+)\"");
  EXPECT_EQ(fired, alerts) << "each is seen to fire";
}

TEST_F(Monitoring, TheTestsOfTheRulesFindARuleThatIsWrong) {
  change("gitferry.rules.yml", "gitferry_host_breaker_open == 1", "gitferry_host_breaker_open == 0");
  EXPECT_NE(promtool({"test", "rules", "gitferry.rules.test.yml"}).status, 0);
}

TEST_F(Monitoring, TheScrapeIsAConfigurationOfPrometheus) {
  write("token", "a token");
  change("prometheus.yml", "/etc/prometheus/gitferry-token", directory / "token");
  const auto checked = promtool({"check", "config", "prometheus.yml"});
  EXPECT_EQ(checked.status, 0) << checked.output << checked.errors;
}

TEST_F(Monitoring, RulesAndDashboardNameOnlyWhatTheAgentHas) {
  TwoHosts hosts;
  NewCommit commit;
  commit.ref = "refs/heads/main";
  hosts.internal.commit(commit);
  ASSERT_TRUE(hosts.start_agent().wait_until_ready()) << hosts.agent().log();
  ASSERT_EQ(hosts.deliver("main").status, 202);
  ASSERT_TRUE(eventually([&] { return hosts.tips_are_equal("main", "main"); }));
  std::string text;
  ASSERT_TRUE(eventually([&] {
    text = hosts.agent().api("GET", "/metrics").body;
    return text.find("gitferry_push_to_sync_seconds_count 1\n") != std::string::npos;
  })) << text;
  auto exposed = matches_of(text, "# TYPE (\\w+) ");
  for (const auto& name : matches_of(text, "# TYPE (\\w+) histogram")) {
    for (const auto* suffix : {"_bucket", "_sum", "_count"}) exposed.insert(name + suffix);
  }
  EXPECT_GT(exposed.size(), 40U);

  const auto dashboard = text_of_file(kExamples / "grafana" / "gitferry.json");
  const std::string named = "\\b((?:gitferry|process)_\\w+)";
  const auto in_rules = matches_of(text_of_file(directory / "gitferry.rules.yml"), named);
  const auto in_tests = matches_of(text_of_file(directory / "gitferry.rules.test.yml"), named);
  const auto in_dashboard = matches_of(dashboard, named);
  EXPECT_GT(in_rules.size(), 10U);
  EXPECT_GT(in_dashboard.size(), 20U);
  EXPECT_THAT(without(in_rules, exposed), IsEmpty());
  EXPECT_THAT(without(in_tests, exposed), IsEmpty());
  EXPECT_THAT(without(in_dashboard, exposed), IsEmpty());
}

TEST_F(Monitoring, TheDashboardCanBeImportedAndItsQueriesBeUnderstood) {
  const auto dashboard = json_of({200, text_of_file(kExamples / "grafana" / "gitferry.json")});
  ASSERT_TRUE(dashboard.isObject());
  EXPECT_EQ(dashboard["title"].asString(), "gitferry");
  EXPECT_TRUE(dashboard["id"].isNull()) << "an import gives it one";
  std::set<int> ids;
  std::string rules = "groups:\n  - name: queries\n    rules:\n";
  std::size_t queries = 0;
  for (const auto& panel : dashboard["panels"]) {
    EXPECT_TRUE(ids.insert(panel["id"].asInt()).second) << panel["id"].asInt();
    EXPECT_FALSE(panel["title"].asString().empty()) << panel["id"].asInt();
    for (const auto& target : panel["targets"]) {
      EXPECT_EQ(target["datasource"]["uid"].asString(), "${datasource}") << panel["title"].asString();
      auto query = target["expr"].asString();
      for (auto at = query.find("$__rate_interval"); at != std::string::npos;
           at = query.find("$__rate_interval"))
        query.replace(at, 16, "5m");
      rules += "      - {record: \"query:" + std::to_string(++queries) + "\", expr: '" + query + "'}\n";
    }
  }
  EXPECT_GT(queries, 20U);
  write("queries.yml", rules);
  const auto checked = promtool({"check", "rules", "queries.yml"});
  EXPECT_EQ(checked.status, 0) << checked.output << checked.errors;
}

}  // namespace
}  // namespace gitferry::test

// What Prometheus reads of a real agent after real traffic.

#include <cstdlib>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/two_hosts.h"
#include "tests/support/process.h"

namespace gitferry::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class MetricsTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string read() {
    const auto answer = hosts.agent().api("GET", "/metrics");
    EXPECT_EQ(answer.status, 200) << answer.body;
    return answer.body;
  }
  /// -1: there is no such series.
  [[nodiscard]] static double value(const std::string& text, const std::string& series) {
    const auto at = ("\n" + text).find("\n" + series + " ");
    return at == std::string::npos ? -1 : std::atof(text.c_str() + at + series.size() + 1);
  }
  [[nodiscard]] double value(const std::string& series) { return value(read(), series); }
  static std::string runs(const std::string& outcome) {
    return fmt::format(R"(gitferry_sync_runs_total{{repo="robot",trigger="webhook",outcome="{}"}})", outcome);
  }
  static std::string deliveries(const std::string& outcome) {
    return fmt::format(R"(gitferry_webhook_deliveries_total{{provider="gitea",outcome="{}"}})", outcome);
  }
  static void commit(GitRepository& repository, const std::string& branch, const std::string& file) {
    NewCommit commit;
    commit.ref = "refs/heads/" + branch;
    commit.message = "Change " + file;
    commit.files = {{file, file}};
    repository.commit(commit);
  }
  /// A push that arrives, one that finds nothing to do, a divergence, and a forged delivery.
  void let_something_happen() {
    commit(hosts.internal, "main", "a");
    EXPECT_EQ(hosts.deliver("main").status, 202);
    ASSERT_TRUE(eventually([&] { return value(runs("synced")) == 1; })) << read() << hosts.agent().log();
    EXPECT_EQ(hosts.deliver("main").status, 202);
    ASSERT_TRUE(eventually([&] { return value(runs("noop")) == 1; })) << read() << hosts.agent().log();
    commit(hosts.internal, "feature/login", "ours");
    commit(hosts.external, "from-inside", "theirs");
    EXPECT_EQ(hosts.deliver("feature/login").status, 202);
    ASSERT_TRUE(eventually([&] { return value(runs("diverged")) == 1; })) << read() << hosts.agent().log();
    EXPECT_EQ(hosts.deliver("main", "S3CR3T-forged").status, 401);
    EXPECT_EQ(hosts.deliver("nobody").status, 200);
  }

  TwoHosts hosts;
};

TEST_F(MetricsTest, AreRightAfterAPushADivergenceAndARefusedDelivery) {
  ASSERT_TRUE(hosts.start_agent().wait_until_ready()) << hosts.agent().log();
  ASSERT_NO_FATAL_FAILURE(let_something_happen());
  EXPECT_TRUE(eventually([&] { return value(R"(gitferry_sync_queue_depth{state="running"})") == 0; }));
  const auto text = read();
  EXPECT_EQ(value(text, deliveries("accepted")), 3);
  EXPECT_EQ(value(text, deliveries("unauthenticated")), 1);
  EXPECT_EQ(value(text, deliveries("ignored")), 1);
  EXPECT_EQ(value(text, "gitferry_webhook_handling_seconds_count"), 5);
  EXPECT_EQ(value(text, R"(gitferry_branch_in_sync{repo="robot",branch="main"})"), 1);
  EXPECT_GT(value(text, R"(gitferry_branch_last_success_timestamp_seconds{repo="robot",branch="main"})"),
            1.7e9);
  EXPECT_EQ(value(text, R"(gitferry_branch_in_sync{repo="robot",branch="feature/login:from-inside"})"), 0);
  EXPECT_EQ(value(text, R"(gitferry_repository_branches_out_of_sync{repo="robot"})"), 1);
  EXPECT_EQ(value(text, R"(gitferry_branches{state="diverged"})"), 1);
  EXPECT_EQ(value(text, R"(gitferry_branches{state="disabled"})"), 1);
  EXPECT_THAT(text, Not(HasSubstr("frozen"))) << "a branch that is switched off is nobody's trouble";
  EXPECT_EQ(value(text, "gitferry_push_to_sync_seconds_count"), 1);
  EXPECT_EQ(value(text, "gitferry_sync_queue_delay_seconds_count"), 3);
  EXPECT_EQ(value(text, R"(gitferry_sync_duration_seconds_count{phase="push"})"), 1);
  EXPECT_GT(value(text, "gitferry_sync_pack_bytes_total"), 100);
  EXPECT_EQ(value(text, R"(gitferry_sync_queue_depth{state="due"})"), 0);
  EXPECT_GE(value(text, "gitferry_store_commits_total"), 9);
  EXPECT_GT(value(text, "gitferry_store_wal_bytes"), 0);
  EXPECT_GT(value(text, "gitferry_store_free_bytes"), 0);
  EXPECT_EQ(
      value(
          text,
          R"(gitferry_http_requests_total{route="/webhooks/{provider}/{repo_name}",method="POST",code="202"})"),
      3);
  EXPECT_GT(value(text, "process_open_fds"), 10);
  EXPECT_THAT(text, Not(HasSubstr("S3CR3T")));
  EXPECT_THAT(text, Not(HasSubstr("nobody"))) << "what a payload names is no label";

  // A branch that is out of step is a matter for alerts, not for restarts.
  for (const auto* path : {"/livez", "/readyz", "/healthz"})
    EXPECT_EQ(http(hosts.agent().port(), "GET", path).status, 200) << path;
}

TEST_F(MetricsTest, PromtoolFindsNothingWrong) {
  ASSERT_TRUE(hosts.start_agent().wait_until_ready()) << hosts.agent().log();
  ASSERT_NO_FATAL_FAILURE(let_something_happen());
  const auto check = [](const std::string& text) {
    return run_process({{"promtool", "check", "metrics"}, text, {}, {"PATH=/usr/bin:/bin"}});
  };
  const auto found = check(read());
  EXPECT_EQ(found.status, 0) << found.output << found.errors;
  EXPECT_EQ(found.output + found.errors, "");
  EXPECT_NE(check("# HELP x y\n# TYPE x counter\nx 1\n").status, 0) << "it finds what is wrong";
}

TEST_F(MetricsTest, SeriesOfAnUnboundRepositoryEnd) {
  ASSERT_TRUE(hosts.start_agent().wait_until_ready()) << hosts.agent().log();
  ASSERT_NO_FATAL_FAILURE(let_something_happen());
  EXPECT_THAT(read(), HasSubstr("repo=\"robot\""));
  const auto unbound = hosts.agent().api("DELETE", "/cerobot/sync/repo/robot");
  EXPECT_EQ(json_of(unbound)["code_status"].asInt(), 0) << unbound.body;
  EXPECT_THAT(read(), Not(HasSubstr("repo=\"robot\"")));
}

}  // namespace
}  // namespace gitferry::test

// Pushes that no webhook tells of: the periodic comparison of real hosts finds each within one interval.

#include <algorithm>
#include <csignal>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <json/value.h>

#include "tests/e2e/two_hosts.h"
#include "tests/support/gate_proxy.h"

namespace gitferry::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ReconcileTest : public ::testing::Test {
 protected:
  static BindingYaml every(const std::string& interval) {
    BindingYaml binding;
    binding.reconcile = interval;
    return binding;
  }
  void start(const BindingYaml& binding) {
    ASSERT_TRUE(hosts.start_agent(binding).wait_until_ready()) << hosts.agent().log();
  }
  void restart() {
    hosts.agent().kill(SIGTERM);
    ASSERT_EQ(hosts.agent().wait(), 0) << hosts.agent().log();
    hosts.agent().start();
    ASSERT_TRUE(hosts.agent().wait_until_ready()) << hosts.agent().log();
  }
  void commit(const std::string& branch) {
    NewCommit made;
    made.ref = "refs/heads/" + branch;
    made.files = {{"file", std::to_string(++commits_)}};
    hosts.internal.commit(made);
  }
  void expect_equal(const std::string& internal, const std::string& external) {
    EXPECT_TRUE(eventually([&] { return hosts.tips_are_equal(internal, external); })) << hosts.agent().log();
  }
  Json::Value rows() {
    return json_of(hosts.agent().api("GET", "/cerobot/sync/repo/robot/logs?page_size=100"))["data"];
  }

  TwoHosts hosts;

 private:
  int commits_ = 0;
};

TEST_F(ReconcileTest, WithoutAnyWebhookEveryPushArrivesWithinAnInterval) {
  start(every("1s"));
  for (int round = 0; round < 3; ++round) {
    commit("main");
    commit("feature/login");
    commit("frozen");
    expect_equal("main", "main");
    expect_equal("feature/login", "from-inside");
  }
  EXPECT_FALSE(hosts.external.tip("refs/heads/frozen")) << "a disabled branch is left alone";
  ASSERT_TRUE(eventually([&] { return rows().size() >= 6; }));
  for (const auto& row : rows()) EXPECT_EQ(row["trigger"], "reconcile") << row.toStyledString();
  EXPECT_THAT(hosts.agent().log(), HasSubstr("the hosts differ"));
}

TEST_F(ReconcileTest, WhatWasPushedWhileTheAgentWasDownIsFoundAtTheStart) {
  start(every("1h"));
  commit("main");
  restart();
  expect_equal("main", "main");
  commit("feature/login");
  restart();
  expect_equal("feature/login", "from-inside");
}

TEST_F(ReconcileTest, ManyBranchesAreOneListingASide) {
  auto binding = every("1h");
  for (int i = 0; i < 20; ++i) binding.more_branches.push_back("b" + std::to_string(i));
  start(binding);
  const auto listings = [](const GitHost& host) {
    const auto log = host.access_log();
    return std::count_if(log.begin(), log.end(), [](const std::string& line) {
      return line.find("info/refs?service=git-upload-pack") != std::string::npos &&
             line.find(" 200 ") != std::string::npos;
    });
  };
  // The target is listed last.
  ASSERT_TRUE(eventually([&] { return listings(hosts.external_host) > 0; })) << hosts.agent().log();
  EXPECT_EQ(listings(hosts.internal_host), 1);
  EXPECT_EQ(listings(hosts.external_host), 1);
}

TEST_F(ReconcileTest, OfAWholeRepositoryANewBranchArrivesAndALostOneStays) {
  auto binding = every("1s");
  binding.granularity = "all";
  start(binding);
  commit("main");
  commit("a/b");
  expect_equal("main", "main");
  expect_equal("a/b", "a/b");
  const auto kept = hosts.external.tip("refs/heads/a/b");
  hosts.internal.delete_ref("refs/heads/a/b");
  commit("later");
  expect_equal("later", "later");
  EXPECT_EQ(hosts.external.tip("refs/heads/a/b"), kept);
}

TEST_F(ReconcileTest, ADivergenceIsOneRowAndHealsWhenTheTargetMoves) {
  commit("main");
  NewCommit theirs;
  theirs.files = {{"theirs", "x"}};
  hosts.external.commit(theirs);
  start(every("1s"));
  ASSERT_TRUE(eventually([&] { return rows().size() == 1 && rows()[0]["state"] == "finished"; }));
  EXPECT_EQ(rows()[0]["code_status"].asInt(), 20010);
  // Another branch that arrives shows that comparisons went on.
  for (int round = 0; round < 3; ++round) {
    commit("feature/login");
    expect_equal("feature/login", "from-inside");
  }
  unsigned of_main = 0;
  for (const auto& row : rows()) of_main += row["code_status"].asInt() == 20010 ? 1U : 0U;
  EXPECT_EQ(of_main, 1U);
  hosts.external.delete_ref("refs/heads/main");
  expect_equal("main", "main");
}

struct Outage {
  std::string name;
  bool of_source;
  bool of_target;
};

class AfterAnOutage : public ReconcileTest, public ::testing::WithParamInterface<Outage> {
 protected:
  /// Takes the repositories that are out from their hosts, or gives them back.
  void set_away(bool is_away) {
    for (const auto* repository : {&hosts.internal, &hosts.external}) {
      if (repository == &hosts.internal ? !GetParam().of_source : !GetParam().of_target) continue;
      const auto away = repository->path() + ".away";
      std::filesystem::rename(is_away ? repository->path() : away, is_away ? away : repository->path());
    }
  }
  bool has_said(const std::string& words) {
    return eventually([&] { return hosts.agent().log().find(words) != std::string::npos; });
  }
};

TEST_P(AfterAnOutage, R14_EverythingArrivesWithoutAnyWebhook) {
  start(every("1s"));
  commit("main");
  expect_equal("main", "main");
  commit("main");
  commit("feature/login");
  set_away(true);
  ASSERT_TRUE(has_said("a repository cannot be compared")) << hosts.agent().log();
  set_away(false);
  expect_equal("main", "main");
  expect_equal("feature/login", "from-inside");
  EXPECT_TRUE(has_said("a repository can be compared again")) << hosts.agent().log();
}

INSTANTIATE_TEST_SUITE_P(ReconcileTest, AfterAnOutage,
                         ::testing::Values(Outage{"OfTheSource", true, false},
                                           Outage{"OfTheTarget", false, true},
                                           Outage{"OfBothHosts", true, true}),
                         [](const auto& test) { return test.param.name; });

TEST_F(ReconcileTest, AHostThatHangsKeepsNoAgentFromStopping) {
  commit("main");
  GateProxy gate(hosts.external_port());
  auto binding = every("1s");
  binding.external_url = TwoHosts::url_at(gate.port());
  binding.timeouts = "{connect: 2s, stall: 1h, total: 1h}";
  gate.close_after(0);
  start(binding);
  ASSERT_TRUE(eventually([&] { return gate.is_holding(); })) << hosts.agent().log();
  hosts.agent().kill(SIGTERM);
  EXPECT_EQ(hosts.agent().wait(), 0) << hosts.agent().log();
}

TEST_F(ReconcileTest, SwitchedOffNothingIsCompared) {
  commit("main");
  start(every("off"));
  EXPECT_THAT(http(hosts.agent().port(), "GET", "/readyz?verbose").body, HasSubstr(R"("reconcile":"off")"));
  // A webhook's run shows that the agent works.
  commit("feature/login");
  ASSERT_EQ(hosts.deliver("feature/login").status, 202);
  expect_equal("feature/login", "from-inside");
  EXPECT_FALSE(hosts.external.tip("refs/heads/main"));
  EXPECT_THAT(hosts.agent().log(), Not(HasSubstr("the hosts differ")));
}

}  // namespace
}  // namespace gitferry::test

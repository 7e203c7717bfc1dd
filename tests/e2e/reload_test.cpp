// Stops, restarts and reloads under load: they end well, and what is pending stays so.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/e2e/delivery_ledger.h"
#include "tests/e2e/kill_world.h"
#include "tests/e2e/push_load.h"

namespace gitferry::test {
namespace {

constexpr unsigned kSeed = 20'261'130;

class StopAndReload : public ::testing::TestWithParam<int> {
 protected:
  void stop_and_start() {
    const auto begin = std::chrono::steady_clock::now();
    world.agent().kill(SIGTERM);
    ASSERT_TRUE(eventually([&] { return world.agent().has_ended(); })) << world.agent().log();
    stops_ms.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
    EXPECT_EQ(world.agent().wait(), 0) << world.agent().log();
    world.expect_nothing_lost();
    ASSERT_TRUE(world.start()) << world.agent().log();
  }
  void reload_a_broken_file() {
    std::ofstream(world.config_path(), std::ios::app) << "  - {name: [\n";
    world.agent().kill(SIGHUP);
    EXPECT_TRUE(eventually(
        [&] { return world.agent().log().find("the configuration stays as it was") != std::string::npos; }));
    // What was in force before is still.
    EXPECT_TRUE(world.deliver({0, 0})) << world.agent().log();
    EXPECT_EQ(world.status().size(),
              (world.branches().size() + static_cast<std::size_t>(world.options.branches)));
    world.write_config();
  }

  KillWorld world;
  std::vector<double> stops_ms;
};

TEST_P(StopAndReload, R21_UnderLoadEndsWellAndKeepsWhatIsPending) {
  std::mt19937 random{kSeed};  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same moments each time
  ASSERT_TRUE(world.start()) << world.agent().log();
  {
    const PushLoad load(world, kSeed);
    for (int round = 0; round < GetParam(); ++round) {
      // The moment is the point of the test; nothing is waited for.
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 400));
      switch (round % 3) {
        case 0:
          ASSERT_NO_FATAL_FAILURE(stop_and_start());
          break;
        case 1:
          EXPECT_TRUE(world.reload(random() % 2 == 0)) << world.agent().log();
          break;
        default:
          ASSERT_NO_FATAL_FAILURE(reload_a_broken_file());
      }
      ASSERT_FALSE(world.agent().has_ended()) << world.agent().log();
    }
  }
  std::ranges::sort(stops_ms);
  std::printf("R-21 stops=%zu stop_ms: p50=%.0f max=%.0f\n", stops_ms.size(), stops_ms[stops_ms.size() / 2],
              stops_ms.back());
  world.settle("R-21 stop and reload", kSeed);
}

INSTANTIATE_TEST_SUITE_P(Rounds, StopAndReload, ::testing::Values(6), ::testing::PrintToStringParamName());
INSTANTIATE_TEST_SUITE_P(FullRounds, StopAndReload, ::testing::Values(200),
                         ::testing::PrintToStringParamName());

/// A hundred repositories between two hosts that are not there.
class DeadHosts : public ::testing::Test {
 protected:
  static constexpr int kRepositories = 100;
  using Attempts = std::map<std::string, int>;

  static std::string name_of(int repository) { return fmt::format("r{}", repository); }
  static std::string internal_url(const std::string& name) {
    return "http://127.0.0.1:1/in/" + name + ".git";
  }

  void write_config(const std::vector<std::string>& names, const std::string& interval) const {
    auto yaml = fmt::format(
        "sync: {{sync_dir: {}/spool, reconcile_interval: {}}}\n"
        "network: {{allow_schemes: [http], allow_cidrs: [127.0.0.0/8]}}\n"
        "repos:\n",
        directory.path().string(), interval);
    for (const auto& name : names) {
      yaml += fmt::format(
          "  - name: {0}\n"
          "    enable: true\n"
          "    internal: {1}\n"
          "    external: http://127.0.0.1:2/out/{0}.git\n"
          "    granularity: one\n"
          "    direction: to_outer\n"
          "    webhook: {{internal: {{provider: gitea, scheme: hmac, secret_file: {2}/hook}}}}\n"
          "    branches: [{{internal: main, external: main}}]\n",
          name, internal_url(name), directory.path().string());
    }
    write_agent_config(directory.path(), yaml);
  }
  static Attempts pending(const AgentProcess& agent) {
    Attempts attempts;
    const auto rows = json_of(agent.api("GET", "/cerobot/sync/status"))["data"];
    for (const auto& row : rows) {
      if (row["pending"].asBool()) attempts[row["repo_name"].asString()] = row["attempts"].asInt();
    }
    return attempts;
  }

  static std::size_t waiting_for_a_host(const AgentProcess& agent) {
    const auto rows = json_of(agent.api("GET", "/cerobot/sync/status"))["data"];
    return static_cast<std::size_t>(
        std::ranges::count_if(rows, [](const auto& row) { return !row["waits_for_host"].isNull(); }));
  }

  TemporaryDirectory directory;
  DeliveryLedger ledger;
};

TEST_F(DeadHosts, R34_AReloadKeepsWhatIsPendingWithItsAttempts) {
  std::vector<std::string> names;
  for (int i = 0; i < kRepositories; ++i) names.push_back(name_of(i));
  std::ofstream(directory / "hook") << DeliveryLedger::kHookSecret << "\n";
  std::filesystem::permissions(directory / "hook",
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  write_config(names, "off");
  AgentProcess agent(directory.path());
  ASSERT_TRUE(agent.wait_until_ready()) << agent.log();
  for (const auto& name : names)
    ASSERT_TRUE(ledger.send(agent.port(), name, internal_url(name), "refs/heads/main"));
  // Some were tried, and the others wait for a host that is known not to answer.
  ASSERT_TRUE(eventually([&] { return waiting_for_a_host(agent) == names.size(); }));
  const auto before = pending(agent);
  ASSERT_TRUE(std::ranges::any_of(before, [](const auto& lane) { return lane.second > 0; }))
      << agent.api("GET", "/cerobot/sync/status").body.substr(0, 1500);

  const auto removed = names.back();
  names.back() = "new";
  write_config(names, "10m");
  agent.kill(SIGHUP);
  ASSERT_TRUE(
      eventually([&] { return agent.log().find("\"configuration reloaded\"") != std::string::npos; }));
  const auto expect_kept = [&](const char* when) {
    const auto kept = pending(agent);
    EXPECT_EQ(kept.size(), names.size() - 1) << when;
    for (const auto& [name, attempts] : before) {
      if (name == removed) continue;
      ASSERT_TRUE(kept.contains(name)) << name << when;
      EXPECT_GE(kept.at(name), attempts) << name << when;
    }
  };
  expect_kept(" after the reload");
  EXPECT_TRUE(eventually([&] {
    const auto log = agent.log();
    const auto dropped = log.find("\"request dropped\"");
    return dropped != std::string::npos &&
           log.find("\"repo\":\"" + removed + "\"", dropped) != std::string::npos;
  })) << agent.log();

  agent.kill(SIGTERM);
  ASSERT_EQ(agent.wait(), 0) << agent.log();
  agent.start();
  ASSERT_TRUE(agent.wait_until_ready()) << agent.log();
  expect_kept(" after a restart");
  std::printf("R-34 pending before: %zu, after the reload and a restart: %zu\n", before.size(),
              pending(agent).size());
}

}  // namespace
}  // namespace gitferry::test

// The promise of a 202: whatever kills the agent, an acknowledged push is in the record and reaches the
// target.

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <random>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>

#include "agent/base/guarded.h"
#include "api/webhook/webhook_sender.h"
#include "tests/e2e/two_hosts.h"

namespace gitferry::test {
namespace {

constexpr int kKills = 10;
const std::vector<std::string> kBranches{"main", "b1", "b2", "b3"};

/// What `PRAGMA integrity_check` says.
std::string integrity_of(const std::string& path) {
  sqlite3* database = nullptr;
  std::string said = "cannot open " + path;
  if (::sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK) {
    const auto take = [](void* out, int, char** values, char**) {
      *static_cast<std::string*>(out) = values[0];
      return 0;
    };
    if (::sqlite3_exec(database, "PRAGMA integrity_check", take, &said, nullptr) != SQLITE_OK)
      said = ::sqlite3_errmsg(database);
  }
  ::sqlite3_close(database);
  return said;
}

class Kill : public ::testing::Test {
 protected:
  void SetUp() override {
    BindingYaml binding;
    binding.more_branches = {kBranches.begin() + 1, kBranches.end()};
    for (const auto& branch : kBranches) commit(branch);
    ASSERT_TRUE(hosts.start_agent(binding).wait_until_ready()) << hosts.agent().log();
    port = hosts.agent().port();
  }

  void commit(const std::string& branch) {
    NewCommit commit;
    commit.ref = "refs/heads/" + branch;
    commit.files = {{"file", std::to_string(++commits)}};
    hosts.internal.commit(commit);
  }

  /// One signed delivery. Its own id is noted where the agent acknowledged it.
  bool deliver(const std::string& branch) {
    const auto sent = api::send_webhook({
        .base_url = fmt::format("http://127.0.0.1:{}", port.load()),
        .provider = "gitea",
        .scheme = WebhookScheme::Hmac,
        .repo_name = "robot",
        .secret = Secret(std::string(TwoHosts::kHookSecret)),
        .repository_url = hosts.internal_host.url("robot"),
        .full_name = "git/robot",
        .ref = "refs/heads/" + branch,
        .before = std::string(40, '0'),
        .after = std::string(40, '1'),  // a hint that nobody trusts
    });
    if (!sent || sent->status != 202) return false;
    acknowledged.lock()->insert(sent->delivery_id);
    return true;
  }

  void kill_and_restart() {
    hosts.agent().kill(SIGKILL);
    ASSERT_EQ(hosts.agent().wait(), -SIGKILL);
    hosts.agent().start();
    ASSERT_TRUE(hosts.agent().wait_until_ready()) << hosts.agent().log();
    port = hosts.agent().port();
  }

  std::set<std::string> recorded() {
    std::set<std::string> ids;
    for (int page = 1;; ++page) {
      const auto rows = json_of(hosts.agent().api(
          "GET", fmt::format("/cerobot/sync/deliveries?page_num={}&page_size=100", page)))["data"];
      if (rows.empty()) return ids;
      for (const auto& row : rows) ids.insert(row["provider_delivery_id"].asString());
    }
  }

  /// True once every lane that was ever asked for has nothing to do. A lane that was running at three kills
  /// in a row waits for its operator, who is this.
  bool is_at_rest() {
    const auto status = hosts.agent().api("GET", "/cerobot/sync/status");
    EXPECT_EQ(status.status, 200);
    const auto lanes = json_of(status)["data"];
    std::size_t marked = 0;
    bool rests = true;
    for (const auto& lane : lanes) {
      if (!lane["id"].isNull()) ++marked;
      if (!lane["pending"].asBool()) continue;
      rests = false;
      if (!lane["quarantined"].asBool()) continue;
      ++quarantined;
      const auto branch = lane["internal_ref"].asString().substr(std::string("refs/heads/").size());
      EXPECT_EQ(hosts.agent().api("POST", "/cerobot/sync/robot/branch/" + branch + "?wait=0").status, 200);
    }
    return rests && marked == kBranches.size();
  }

  TwoHosts hosts;
  std::atomic<std::uint16_t> port{0};
  Guarded<std::set<std::string>> acknowledged;
  int commits = 0;
  int quarantined = 0;
};

TEST_F(Kill, EveryAcknowledgedDeliverySurvivesAndEveryBranchArrives) {
  std::mt19937 random{20'261'123};  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same moments each time
  {
    std::vector<std::jthread> clients;
    for (std::size_t client = 0; client < 3; ++client) {
      clients.emplace_back([this, client](const std::stop_token& stop) {
        for (auto i = client; !stop.stop_requested(); ++i) deliver(kBranches[i % kBranches.size()]);
      });
    }
    for (int kill = 0; kill < kKills; ++kill) {
      commit(kBranches[static_cast<std::size_t>(kill) % kBranches.size()]);
      // The moment is the point of the test; nothing is waited for.
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 250));
      ASSERT_NO_FATAL_FAILURE(kill_and_restart());
    }
  }
  // The last push of each branch is known to the agent by its acknowledgement alone.
  for (const auto& branch : kBranches) {
    commit(branch);
    ASSERT_TRUE(deliver(branch));
  }
  ASSERT_NO_FATAL_FAILURE(kill_and_restart());

  EXPECT_TRUE(eventually([&] { return is_at_rest(); })) << hosts.agent().log();
  const auto status = hosts.agent().api("GET", "/cerobot/sync/status").body;
  for (const auto& branch : kBranches) EXPECT_TRUE(hosts.tips_are_equal(branch, branch)) << branch << status;
  EXPECT_EQ(hosts.external.fsck(), "");
  const auto kept = recorded();
  const auto acked = *acknowledged.lock();
  std::size_t lost = 0;
  for (const auto& id : acked) lost += kept.contains(id) ? 0U : 1U;
  EXPECT_EQ(lost, 0U);
  EXPECT_GE(acked.size(), 50U);
  std::printf("kills=%d acked=%zu lost=%zu recovered=%zu quarantined=%d\n", kKills + 1, acked.size(), lost,
              kept.size() - acked.size(), quarantined);
  hosts.agent().kill(SIGTERM);
  EXPECT_EQ(hosts.agent().wait(), 0);
  EXPECT_EQ(integrity_of(hosts.directory / "data/gitferry.db"), "ok");
}

}  // namespace
}  // namespace gitferry::test

#include "tests/e2e/kill_world.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "agent/base/crash_point_names.h"
#include "tests/agent/git/noise.h"
#include "tests/e2e/database_copy.h"
#include "tests/e2e/percentile.h"

namespace gitferry::test {
namespace {

/// Nobody listens there.
constexpr std::string_view kDeadUrl = "http://127.0.0.1:1/git/dead.git";
/// For a hundred branches on a machine that has other things to do.
constexpr std::chrono::seconds kPatience{240};
constexpr auto kDeliveryIds = "SELECT provider_delivery_id FROM delivery";

std::string repository_name(int repository) {
  return fmt::format("r{}", repository);
}

/// No two repositories have a branch of one name.
std::string branch_name(const BoundBranch& branch) {
  return fmt::format("b{}-{}", branch.repository, branch.branch);
}

std::size_t occurrences(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

}  // namespace

std::string name_of(CrashPoint point) {
  return std::string(kCrashPoints.at(static_cast<std::size_t>(point)).name);
}

KillWorld::KillWorld(const KillWorldOptions& wanted) : options(wanted) {
  const auto pushes = external_host_.root() + "/pushes";
  for (int i = 0; i < options.repositories; ++i) {
    internal_.push_back(GitRepository::init(internal_host_.path(repository_name(i))));
    external_.push_back(GitRepository::init(external_host_.path(repository_name(i))));
    external_.back().set_hook("post-receive",
                              fmt::format("sed 's|^|{} |' >>'{}'", repository_name(i), pushes));
    std::vector<NewCommit> first;
    for (int branch = 0; branch < options.branches; ++branch) first.push_back(next_commit({i, branch}));
    internal_.back().commit_roots(first);
  }
  std::ofstream(directory_ / "hook") << DeliveryLedger::kHookSecret << "\n";
  std::filesystem::permissions(directory_ / "hook",
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

std::vector<BoundBranch> KillWorld::branches() const {
  std::vector<BoundBranch> all;
  for (int repository = 0; repository < options.repositories; ++repository) {
    for (int branch = 0; branch < options.branches; ++branch) all.push_back({repository, branch});
  }
  return all;
}

bool KillWorld::has_arrived(const BoundBranch& branch) const {
  const auto tip_in = [&](const GitRepository& repository) {
    std::ifstream file(repository.path() + "/" + ref_of(branch));
    std::string tip;
    std::getline(file, tip);
    return tip;
  };
  const auto i = static_cast<std::size_t>(branch.repository);
  const auto wanted = tip_in(internal_[i]);
  return !wanted.empty() && tip_in(external_[i]) == wanted;
}

std::string KillWorld::ref_of(const BoundBranch& branch) {
  return "refs/heads/" + branch_name(branch);
}

NewCommit KillWorld::next_commit(const BoundBranch& branch) {
  NewCommit commit;
  commit.ref = ref_of(branch);
  commit.files = {{"number", std::to_string(++commits_)},
                  {"noise", noise(options.commit_bytes, static_cast<std::uint32_t>(commits_))}};
  if (options.rewrites) commit.parents.emplace();
  return commit;
}

void KillWorld::commit(const BoundBranch& branch) {
  const std::scoped_lock one_at_a_time(committing_);
  internal_[static_cast<std::size_t>(branch.repository)].commit(next_commit(branch));
}

bool KillWorld::deliver(const BoundBranch& branch) {
  const auto port = port_.load();
  if (port == 0) return false;
  const auto name = repository_name(branch.repository);
  return ledger_.send(port, name, internal_host_.url(name), ref_of(branch));
}

std::string KillWorld::repository_yaml(int repository, const std::string& name, const std::string& external,
                                       bool enabled) const {
  auto yaml = fmt::format(
      R"(  - name: {name}
    enable: {enabled}
    internal: {internal}
    external: {external}
    granularity: one
    direction: to_outer
    policy: {policy}
    backup_refs: {rewrites}
    webhook:
      internal: {{provider: gitea, scheme: hmac, secret_file: {dir}/hook}}
    branches:
)",
      fmt::arg("name", name), fmt::arg("enabled", enabled), fmt::arg("internal", internal_host_.url(name)),
      fmt::arg("external", external), fmt::arg("policy", options.rewrites ? "force" : "ff_only"),
      fmt::arg("rewrites", options.rewrites), fmt::arg("dir", directory_.path().string()));
  for (int branch = 0; branch < options.branches; ++branch)
    yaml += fmt::format("      - {{internal: {0}, external: {0}}}\n", branch_name({repository, branch}));
  return yaml;
}

void KillWorld::write_config(bool spare_is_enabled) {
  auto yaml = fmt::format(
      "sync: {{sync_dir: {}, engine: {}, per_host: {}, reconcile_interval: {}}}\n"
      "network: {{allow_schemes: [http], allow_cidrs: [127.0.0.0/8]}}\n"
      "repos:\n",
      sync_dir(), options.engine, options.per_host, options.reconcile);
  for (int i = 0; i < options.repositories; ++i) {
    const auto name = repository_name(i);
    const bool is_dead = i == 0 && options.first_target_dead;
    yaml += repository_yaml(i, name, is_dead ? std::string(kDeadUrl) : external_host_.url(name), true);
  }
  const std::string spare(kSpare);
  yaml += repository_yaml(options.repositories, spare, external_host_.url(spare), spare_is_enabled);
  write_agent_config(directory_.path(), yaml);
}

bool KillWorld::start(const std::vector<std::string>& more_environment) {
  write_config();
  const auto started = std::chrono::steady_clock::now();
  if (!agent_) {
    agent_ = std::make_unique<AgentProcess>(directory_.path(), more_environment);
  } else {
    agent_->start(more_environment);
  }
  if (!agent_->wait_until_listening()) return false;
  // A crash point may lie before it is ready.
  port_ = agent_->port();
  if (!agent_->wait_until_ready()) return false;
  boots_ms_.push_back(
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - started).count());
  return true;
}

bool KillWorld::reload(bool spare_is_enabled) {
  const auto taken_up = [&] { return occurrences(agent_->log(), "\"configuration reloaded\""); };
  const auto before = taken_up();
  write_config(spare_is_enabled);
  agent_->kill(SIGHUP);
  return eventually([&] { return agent_->has_ended() || taken_up() > before; }) && !agent_->has_ended();
}

bool KillWorld::has_crashed_at(const std::string& name) {
  const bool has_ended = eventually([&] { return agent_->has_ended(); });
  port_ = 0;
  ++kills_;
  return has_ended && agent_->wait() == -SIGKILL &&
         agent_->log().find("crash point " + name + " reached\n") != std::string::npos;
}

void KillWorld::kill() {
  agent_->kill(SIGKILL);
  port_ = 0;
  ++kills_;
  EXPECT_EQ(agent_->wait(), -SIGKILL);
}

void KillWorld::expect_nothing_lost() {
  DatabaseCopy copy(database());
  EXPECT_EQ(copy.integrity(), "ok");
  // The first start may have been killed before there was a table.
  if (copy.number("SELECT count(*) FROM sqlite_master WHERE name = 'delivery'") == 0) {
    EXPECT_EQ(ledger_.acknowledged(), 0U);
    return;
  }
  const auto counts = ledger_.counts(copy.values(kDeliveryIds));
  EXPECT_EQ(counts.lost, 0U);
  EXPECT_EQ(counts.unexpected, 0U);
}

std::vector<Json::Value> KillWorld::status() const {
  std::vector<Json::Value> all;
  for (int page = 1;; ++page) {
    const auto rows = json_of(
        agent_->api("GET", fmt::format("/cerobot/sync/status?page_num={}&page_size=100", page)))["data"];
    if (rows.empty()) return all;
    all.insert(all.end(), rows.begin(), rows.end());
  }
}

std::vector<Json::Value> KillWorld::runs() const {
  const auto rows = json_of(agent_->api("GET", "/cerobot/sync/repo/logs?page_size=100"))["data"];
  return {rows.begin(), rows.end()};
}

bool KillWorld::is_at_rest() {
  const auto rows = status();
  bool rests = !rows.empty();
  for (const auto& row : rows) {
    if (!row["pending"].asBool()) continue;
    rests = false;
    if (!row["quarantined"].asBool()) continue;
    ++released_;
    const auto branch = row["internal_branch_name"].asString();
    const auto path = fmt::format("/cerobot/sync/{}/branch/{}?wait=0", row["repo_name"].asString(), branch);
    EXPECT_EQ(agent_->api("POST", path).status, 200);
  }
  return rests;
}

void KillWorld::expect_equal_refs() const {
  for (std::size_t i = 0; i < internal_.size(); ++i) {
    const std::vector<std::string> listing{"for-each-ref", "--format=%(refname) %(objectname)", "refs/heads"};
    EXPECT_EQ(internal_[i].git(listing), external_[i].git(listing)) << agent_->log();
    EXPECT_EQ(external_[i].fsck(), "");
  }
}

void KillWorld::expect_nothing_runs() const {
  const auto rows = runs();
  EXPECT_FALSE(rows.empty());
  for (const auto& row : rows) EXPECT_NE(row["state"].asString(), "running");
}

std::size_t KillWorld::updates_that_came_twice() const {
  std::map<std::string, std::size_t> updates;
  std::ifstream file(external_host_.root() + "/pushes");
  for (std::string line; std::getline(file, line);) ++updates[line];
  std::size_t twice = 0;
  for (const auto& [update, times] : updates) twice += times - 1;
  return twice;
}

void KillWorld::announce_all() {
  for (const auto& branch : branches())
    ASSERT_TRUE(eventually([&] { return deliver(branch); })) << agent_->log();
}

void KillWorld::settle(const std::string& title, unsigned seed) {
  options.first_target_dead = false;
  options.commit_bytes = std::min<std::size_t>(options.commit_bytes, 1000);
  if (!agent_ || agent_->has_ended()) {
    ASSERT_TRUE(start()) << agent_->log();
  }
  for (const auto& branch : branches()) commit(branch);
  announce_all();
  kill();
  expect_nothing_lost();
  ASSERT_TRUE(start()) << agent_->log();
  expect_rest(title, seed);
}

void KillWorld::expect_rest(const std::string& title, unsigned seed) {
  EXPECT_TRUE(eventually([&] { return is_at_rest(); }, kPatience)) << agent_->log();
  expect_equal_refs();
  expect_nothing_runs();
  agent_->kill(SIGTERM);
  EXPECT_EQ(agent_->wait(), 0) << agent_->log();
  DatabaseCopy copy(database());
  EXPECT_EQ(copy.integrity(), "ok");
  EXPECT_EQ(copy.number("SELECT count(*) FROM run WHERE state = 'running'"), 0);
  EXPECT_EQ(copy.number("SELECT count(*) FROM lane WHERE requested_seq > done_seq"), 0);
  auto counts = ledger_.counts(copy.values(kDeliveryIds));
  counts.duplicated = updates_that_came_twice();
  std::printf("%s: %s kills=%d released=%d seed=%u boot_ms: p50=%.0f p99=%.0f of %zu\n", title.c_str(),
              counts.line().c_str(), kills_, released_, seed, percentile(boots_ms_, 0.5),
              percentile(boots_ms_, 0.99), boots_ms_.size());
  EXPECT_EQ(counts.lost, 0U);
  EXPECT_EQ(counts.unexpected, 0U);
  EXPECT_EQ(counts.duplicated, 0U);
}

}  // namespace gitferry::test

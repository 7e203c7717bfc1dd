#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "agent/base/crash_point.h"
#include "tests/e2e/delivery_ledger.h"
#include "tests/support/agent_process.h"
#include "tests/support/git_host.h"
#include "tests/support/git_repository.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::test {

struct KillWorldOptions {
  int repositories = 3;
  int branches = 2;              ///< of each
  std::string engine = "relay";  ///< of the next start
  bool rewrites = false;         ///< the sources' branches are rewritten, by force and with backups
  int per_host = 4;
  std::string reconcile = "off";   ///< the interval
  bool first_target_dead = false;  ///< of the first repository, until it is set to false and started again
  std::size_t commit_bytes = 20;   ///< of noise in each commit
};

/// A branch that is bound on both sides under the same name.
struct BoundBranch {
  int repository = 0;
  int branch = 0;
};

/// Two real git hosts, repositories on both, and one agent between them that is killed again and again; what
/// was delivered to it, and what came to the targets.
///
/// Threading: deliver() and commit() from any thread, start() and everything else from one.
class KillWorld {
 public:
  explicit KillWorld(const KillWorldOptions& wanted = {});
  KillWorld(const KillWorld&) = delete;
  KillWorld& operator=(const KillWorld&) = delete;

  /// Changed between two starts.
  KillWorldOptions options;

  /// A new commit on the source's branch.
  void commit(const BoundBranch& branch);
  /// A push to the source's branch, announced with an id that the ledger knows. True where it was
  /// acknowledged.
  bool deliver(const BoundBranch& branch);
  [[nodiscard]] std::vector<BoundBranch> branches() const;
  /// Whether the target has what the source has, which has it; asks no git, so it costs nothing.
  [[nodiscard]] bool has_arrived(const BoundBranch& branch) const;
  /// The full name, of the branch on both sides.
  [[nodiscard]] static std::string ref_of(const BoundBranch& branch);
  [[nodiscard]] GitRepository& source(int repository) {
    return internal_.at(static_cast<std::size_t>(repository));
  }
  [[nodiscard]] GitRepository& target(int repository) {
    return external_.at(static_cast<std::size_t>(repository));
  }
  [[nodiscard]] const GitHost& source_host() const { return internal_host_; }
  [[nodiscard]] const GitHost& target_host() const { return external_host_; }

  /// Writes the configuration, as `options` say; `spare_is_enabled`: what a reload can change.
  void write_config(bool spare_is_enabled = true);
  /// Writes the configuration and starts the agent. True once it is ready; false where it ended before.
  bool start(const std::vector<std::string>& more_environment = {});
  /// The same with a crash point armed, as GITFERRY_CRASH_AT has it.
  bool start_to_crash_at(const std::string& crash_at) { return start({"GITFERRY_CRASH_AT=" + crash_at}); }
  /// Writes the configuration and sends SIGHUP. True once it is taken up; false where the agent ended.
  bool reload(bool spare_is_enabled);
  /// Whether the agent came to its end at that point, or does within a minute.
  bool has_crashed_at(const std::string& name);
  void kill();
  /// Whether the database of the agent, which does not run, is whole and holds what was acknowledged.
  void expect_nothing_lost();
  /// A delivery of every branch, until it is acknowledged.
  void announce_all();
  /// A push to every branch that the agent knows of by its acknowledgement alone, one more kill, and
  /// expect_rest().
  void settle(const std::string& title, unsigned seed);
  /// All has to come to rest with equal refs; then the agent is stopped. Prints what was counted.
  void expect_rest(const std::string& title, unsigned seed);

  [[nodiscard]] AgentProcess& agent() { return *agent_; }
  [[nodiscard]] DeliveryLedger& ledger() { return ledger_; }
  /// What the agent shows of all branches, and of the latest hundred runs.
  [[nodiscard]] std::vector<Json::Value> status() const;
  [[nodiscard]] std::vector<Json::Value> runs() const;
  [[nodiscard]] std::string config_path() const { return directory_ / "gitferry.yaml"; }
  [[nodiscard]] std::string database() const { return directory_ / "data/gitferry.db"; }
  [[nodiscard]] std::string sync_dir() const { return directory_ / "spool"; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int kills() const { return kills_; }
  /// A repository that is bound, and that no delivery is for.
  static constexpr std::string_view kSpare = "spare";

 private:
  NewCommit next_commit(const BoundBranch& branch);
  [[nodiscard]] std::string repository_yaml(int repository, const std::string& name,
                                            const std::string& external, bool enabled) const;
  bool is_at_rest();
  void expect_equal_refs() const;
  void expect_nothing_runs() const;
  [[nodiscard]] std::size_t updates_that_came_twice() const;

  TemporaryDirectory directory_;
  GitHost internal_host_;
  GitHost external_host_;
  std::vector<GitRepository> internal_;
  std::vector<GitRepository> external_;
  std::mutex committing_;
  int commits_ = 0;
  std::unique_ptr<AgentProcess> agent_;
  std::atomic<std::uint16_t> port_{0};
  DeliveryLedger ledger_;
  std::vector<double> boots_ms_;
  int kills_ = 0;
  int released_ = 0;  ///< of branches that were set aside, by their operator, who is this
};

/// What a crash point is called.
std::string name_of(CrashPoint point);

}  // namespace gitferry::test

#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/clock.h"
#include "agent/git/engine.h"
#include "agent/git/ssh_masters.h"
#include "tests/bench/measured_process.h"
#include "tests/support/ssh_host.h"

namespace gitferry::bench {

/// How repositories are reached.
enum class Way { Http, Ssh, Local };
std::string_view name_of(Way way);

/// Where the contenders meet: two real git hosts of one kind, sources on the one, and on the other a target
/// for each contender, so that all do the same work from the same state.
class RelayField {
 public:
  explicit RelayField(Way way);
  ~RelayField();
  RelayField(const RelayField&) = delete;
  RelayField& operator=(const RelayField&) = delete;

  [[nodiscard]] Way way() const { return way_; }
  /// A packed source with `commits` commits on main, and `branches` more branches on its last ones.
  void make_source(const std::string& name, int commits, int branches = 0);
  /// How many objects a source has.
  [[nodiscard]] std::size_t objects(const std::string& name) const;
  /// `count` commits more on main.
  void commit(const std::string& name, int count);
  /// One commit more on each branch.
  void commit_on_branches(const std::string& name);
  /// Empty targets for all contenders, and an empty cache for git.
  void make_targets(const std::string& name);

  [[nodiscard]] std::unique_ptr<Engine> make_engine() const;
  /// All of these refs in one transfer, in this process, with the children that it starts.
  Cost ferry(Engine& engine, const std::string& name, const std::vector<std::string>& refs);
  /// The same without its cost, from any thread.
  RunReport transfer(Engine& engine, const std::string& name, const std::vector<std::string>& refs) const;
  /// `git fetch && git push` of all these refs, with a bare cache that is kept.
  Cost git(const std::string& name, const std::vector<std::string>& refs) const;
  /// What no transfer can do without: the source's pack, straight into the target's receive-pack, on this
  /// machine.
  Cost one_pipe(const std::string& name) const;
  /// What asking both hosts costs git.
  Cost ls_remote_twice(const std::string& name) const;
  /// Ends the benchmark where a contender's target is not where the source is.
  void check_equal(const std::string& name, const std::vector<std::string>& contenders) const;

  /// Of the last transfer.
  [[nodiscard]] const RunReport& last() const { return last_; }
  [[nodiscard]] std::size_t spool_files() const;

 private:
  [[nodiscard]] std::string source_path(const std::string& name) const;
  [[nodiscard]] std::string target_path(const std::string& contender, const std::string& name) const;
  [[nodiscard]] std::string cache_path(const std::string& name) const;
  [[nodiscard]] std::string url(std::string_view host, const std::string& path,
                                const std::string& name) const;
  [[nodiscard]] Remote remote(const std::string& url) const;
  [[nodiscard]] std::string source_url(const std::string& name) const;
  [[nodiscard]] std::string target_url(const std::string& contender, const std::string& name) const;

  Way way_;
  std::filesystem::path root_;
  std::string source_base_, target_base_;  ///< of http
  std::unique_ptr<test::SshHost> ssh_;
  std::shared_ptr<SshMasters> masters_;  ///< of ssh: connections that are kept from run to run
  std::vector<std::pair<std::string, int>> commits_;
  std::vector<std::pair<std::string, int>> branches_;
  SystemClock clock_;
  RunReport last_;
};

}  // namespace gitferry::bench

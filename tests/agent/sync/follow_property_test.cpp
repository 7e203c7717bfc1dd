// Random histories on both sides of a lane, and runs of it cut and interleaved in every way: what
// Policy::Follow may lose, and where the sides end.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "agent/store/database.h"
#include "agent/store/lanes.h"
#include "agent/store/migrations.h"
#include "agent/store/runs.h"

namespace gitferry {
namespace {

/// A commit is its place in the history of all histories, from 1.
using Commit = std::size_t;

ObjectId id_of(Commit commit) {
  return ObjectId::from_hex(fmt::format("{:040x}", commit)).value();
}

class History {
 public:
  Commit commit(std::vector<Commit> parents) {
    parents_.push_back(std::move(parents));
    return parents_.size();
  }
  /// With `tip` itself.
  [[nodiscard]] std::set<Commit> reachable_from(Commit tip) const {
    std::set<Commit> found{tip};
    std::vector<Commit> open{tip};
    while (!open.empty()) {
      const auto next = open.back();
      open.pop_back();
      for (const auto parent : parents_.at(next - 1)) {
        if (found.insert(parent).second) open.push_back(parent);
      }
    }
    return found;
  }
  [[nodiscard]] const std::vector<Commit>& parents_of(Commit commit) const { return parents_.at(commit - 1); }

 private:
  std::vector<std::vector<Commit>> parents_;
};

/// One branch at one host.
struct Repository {
  std::optional<Commit> tip;
  std::set<Commit> put_here;  ///< by gitferry, with all of their history; by what happened, not by any record
};

/// Two hosts, a lane between them in a real database, and runs that are made of the steps of the real ones:
/// read the lane, begin, list, decide by may_replace(), compare and swap, record.
class World {
 public:
  World(SqlConnection& connection, std::uint32_t seed, bool with_foreign_work)
      : connection_(connection),
        random_(seed),
        with_foreign_work_(with_foreign_work),
        repository_(fmt::format("r{}-{}", seed, with_foreign_work)) {
    internal_ = pick(2) == 0 ? std::nullopt : std::optional(history_.commit({}));
    target().tip = with_foreign_work_ && pick(2) == 0 ? std::optional(history_.commit({})) : std::nullopt;
  }

  void live() {
    const int steps = 10 + pick(30);
    for (int i = 0; i < steps; ++i) {
      if (pick(3) == 0) {
        run(Chaos::Yes);
      } else {
        happen();
      }
    }
  }
  void run_undisturbed() { run(Chaos::No); }
  void force() {
    policy_ = Policy::Force;
    run(Chaos::No);
    policy_ = Policy::Follow;
  }

  [[nodiscard]] bool is_equal() { return !internal_ || internal_ == target().tip; }
  [[nodiscard]] bool has_lost_a_record() const { return has_lost_a_record_; }
  [[nodiscard]] int rewrites() const { return rewrites_; }
  [[nodiscard]] int refusals() const { return refusals_; }
  [[nodiscard]] const std::vector<std::string>& losses() const { return losses_; }
  /// All that is at the target was put there by gitferry.
  [[nodiscard]] bool target_is_ours() { return !target().tip || target().put_here.contains(*target().tip); }

 private:
  enum class Chaos { No, Yes };

  int pick(int below) { return static_cast<int>(random_() % static_cast<std::uint32_t>(below)); }
  Repository& target() { return external_[address_]; }
  std::optional<Commit> ancestor(std::optional<Commit> from) {
    for (int steps = pick(4); from && steps > 0; --steps) {
      const auto& parents = history_.parents_of(*from);
      if (parents.empty()) break;
      from = parents.front();
    }
    return from;
  }
  Commit commit_on(const std::optional<Commit>& parent) {
    return history_.commit(parent ? std::vector{*parent} : std::vector<Commit>{});
  }

  /// Whatever people do, on either side.
  void happen() {
    if (!with_foreign_work_ || pick(5) != 0) return happen_at_source();
    auto& tip = target().tip;
    switch (pick(6)) {
      case 0:
      case 1:
        tip = commit_on(tip);  // a push
        break;
      case 2:
        tip = ancestor(tip);  // a reset
        break;
      case 3:
        tip = commit_on(ancestor(tip));  // a force push
        break;
      case 4:
        tip = internal_;  // somebody else mirrors as well
        break;
      default:
        move_addresses();
    }
  }
  void happen_at_source() {
    switch (pick(8)) {
      case 0:
      case 1:
      case 2:
        internal_ = commit_on(internal_);
        break;
      case 3:
        internal_ = ancestor(internal_);
        break;
      case 4:
        internal_ = commit_on(ancestor(internal_));
        break;
      case 5:
        internal_ = commit_on(std::nullopt);
        break;
      case 6:
        if (internal_ && target().tip) internal_ = history_.commit({*internal_, *target().tip});
        break;
      default:
        internal_ = target().tip;  // takes the target's work over
    }
  }
  /// To a repository that is new, or the one before; either may be a copy of what is there now.
  void move_addresses() {
    const auto copied = pick(2) == 0 ? target().tip : std::optional<Commit>();
    forget_lanes(connection_, repository_);
    address_ = pick(2) == 0 ? address_ + 1 : address_ - std::min(address_, 1);
    if (external_.count(address_) == 0) external_[address_].tip = copied;
  }

  LaneRow lane() { return find_lane(connection_, key()).value(); }
  [[nodiscard]] LaneKey key() const { return {repository_, "refs/heads/main", "refs/heads/main"}; }

  void maybe_happen(Chaos chaos) {
    while (chaos == Chaos::Yes && pick(4) == 0) happen();
  }

  void run(Chaos chaos) {
    mark_lane(connection_, {key(), Direction::ToOuter, false}, {Trigger::Webhook, std::nullopt, ++now_ms_});
    const auto row = lane();
    maybe_happen(chaos);
    const auto address = address_;
    // The addresses are read before the run begins, and forgotten before they change.
    if (!may_begin(connection_, row, Direction::ToOuter)) return;
    const auto run_id = insert_run(connection_, row, Direction::ToOuter, now_ms_);
    note_run_began(connection_, row, Direction::ToOuter);
    RunEnd end;
    end.run_id = run_id;
    end.lane_id = row.id;
    end.report = transfer(external_[address], ObjectId::from_hex(row.put_tip(Direction::ToOuter)), chaos);
    maybe_happen(chaos);
    const bool has_pushed = tip_put_by(end.report).has_value();
    if (chaos == Chaos::Yes &&
        pick(12) == 0) {  // gitferry ends here; the next run finds this one interrupted
      has_lost_a_record_ = has_lost_a_record_ || has_pushed;
      return;
    }
    if (chaos == Chaos::Yes && has_pushed && pick(12) == 0) {  // the target's answer got lost
      has_lost_a_record_ = true;
      end.report.error = Error{ErrorCode::Timeout, "no answer", "", std::nullopt};
      end.report.target_tip_after.reset();
    }
    end.finished_at_ms = ++now_ms_;
    if (!end.report.error) end.done_seq = row.requested_seq;
    ASSERT_TRUE(end_run(connection_, end));
    note_run_ended(connection_, end);
  }

  RunReport transfer(Repository& target, const std::optional<ObjectId>& put_tip, Chaos chaos) {
    RunReport report;
    const auto source_tip = internal_;
    const auto target_tip = target.tip;
    if (source_tip) report.source_tip = id_of(*source_tip);
    if (target_tip) report.target_tip_before = report.target_tip_after = id_of(*target_tip);
    maybe_happen(chaos);
    report.plan = plan_of(source_tip, target_tip, put_tip);
    if (report.plan == Plan::Undecided || report.plan == Plan::Refuse) {
      const auto code = report.plan == Plan::Refuse ? ErrorCode::Diverged : ErrorCode::BranchMissing;
      report.error = Error{code, "not done", "", std::nullopt};
      if (report.plan == Plan::Refuse) ++refusals_;
      return report;
    }
    if (report.plan == Plan::Nothing) return report;
    if (target.tip != target_tip) {
      report.error = Error{ErrorCode::LeaseLost, "it moved", "", std::nullopt};
      return report;
    }
    push(target, *source_tip, report.plan);
    report.target_tip_after = id_of(*source_tip);
    return report;
  }

  Plan plan_of(const std::optional<Commit>& source, const std::optional<Commit>& target,
               const std::optional<ObjectId>& put_tip) const {
    if (!source) return Plan::Undecided;
    if (!target) return Plan::Create;
    if (source == target) return Plan::Nothing;
    if (history_.reachable_from(*source).contains(*target)) return Plan::FastForward;
    return may_replace(policy_, put_tip, id_of(*target)) ? Plan::Rewrite : Plan::Refuse;
  }

  void push(Repository& target, Commit tip, Plan plan) {
    const auto kept = history_.reachable_from(tip);
    if (plan == Plan::Rewrite && policy_ == Policy::Follow) {
      ++rewrites_;
      for (const auto lost : history_.reachable_from(*target.tip)) {
        if (!kept.contains(lost) && !target.put_here.contains(lost)) {
          losses_.push_back(fmt::format("{}: commit {} by a rewrite to {}", repository_, lost, tip));
        }
      }
    }
    target.tip = tip;
    target.put_here.insert(kept.begin(), kept.end());
  }

  SqlConnection& connection_;
  std::mt19937 random_;
  const bool with_foreign_work_;
  const std::string repository_;
  History history_;
  std::optional<Commit> internal_;
  std::map<int, Repository> external_;
  int address_ = 0;
  Policy policy_ = Policy::Follow;
  std::int64_t now_ms_ = 0;
  bool has_lost_a_record_ = false;
  int rewrites_ = 0;
  int refusals_ = 0;
  std::vector<std::string> losses_;
};

class FollowPropertyTest : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kWorlds = 2500;

  FollowPropertyTest() {
    const auto migrated = migrate(connection_);
    if (!migrated) ADD_FAILURE() << migrated.error().text();
  }

  SqliteConnection connection_{":memory:", "", SqliteConnection::Role::Writer};
};

TEST_F(FollowPropertyTest, NothingThatGitferryDidNotPutThereIsEverLost) {
  int rewrites = 0;
  int refusals = 0;
  for (std::uint32_t seed = 0; seed < kWorlds; ++seed) {
    World world(connection_, seed, true);
    world.live();
    rewrites += world.rewrites();
    refusals += world.refusals();
    ASSERT_TRUE(world.losses().empty()) << world.losses().front();
  }
  // The worlds are such that both happen often; a policy that refuses everything would lose nothing either.
  EXPECT_GT(rewrites, 300);
  EXPECT_GT(refusals, 300);
}

TEST_F(FollowPropertyTest, WithoutForeignWorkTheSidesEndEqual) {
  int equal = 0;
  int refused = 0;
  for (std::uint32_t seed = 0; seed < kWorlds; ++seed) {
    World world(connection_, seed, false);
    world.live();
    world.run_undisturbed();
    ASSERT_TRUE(world.losses().empty()) << world.losses().front();
    ASSERT_TRUE(world.target_is_ours());
    if (world.is_equal()) {
      ++equal;
      continue;
    }
    // Only where gitferry ended, or the target's answer was lost, between a push and its record.
    ASSERT_TRUE(world.has_lost_a_record()) << "seed " << seed;
    ++refused;
    world.force();
    ASSERT_TRUE(world.is_equal()) << "seed " << seed;
  }
  EXPECT_GT(equal, refused * 2);
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace gitferry

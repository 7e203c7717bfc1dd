// Two sides that people push to at the same time, webhooks that get lost, come twice and in any order, and
// runs that are disturbed and cut: where a two-way lane ends, and that nobody's commits are lost on the way.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "agent/base/clock.h"
#include "agent/model/lane_key.h"
#include "agent/store/database.h"
#include "agent/store/lanes.h"
#include "agent/store/migrations.h"
#include "agent/store/runs.h"
#include "agent/sync/lane_request.h"
#include "agent/sync/reconcile_comparison.h"
#include "agent/sync/router.h"
#include "agent/sync/two_way.h"

namespace gitferry {
namespace {

/// A commit is its place in the history of all histories, from 1.
using Commit = std::size_t;
using Tip = std::optional<Commit>;

ObjectId id_of(Commit commit) {
  return ObjectId::from_hex(fmt::format("{:040x}", commit)).value();
}

class History {
 public:
  Commit commit(std::vector<Commit> parents) {
    parents_.push_back(std::move(parents));
    return parents_.size();
  }
  /// With the tip itself.
  [[nodiscard]] std::set<Commit> reachable_from(const Tip& tip) const {
    std::set<Commit> found;
    std::vector<Commit> open;
    if (tip) open.push_back(*tip);
    while (!open.empty()) {
      const auto next = open.back();
      open.pop_back();
      if (!found.insert(next).second) continue;
      for (const auto parent : parents_.at(next - 1)) open.push_back(parent);
    }
    return found;
  }
  [[nodiscard]] bool contains(const Tip& tip, const Tip& other) const {
    return other && reachable_from(tip).contains(*other);
  }
  [[nodiscard]] const std::vector<Commit>& parents_of(Commit commit) const { return parents_.at(commit - 1); }
  [[nodiscard]] std::size_t size() const { return parents_.size(); }

 private:
  std::vector<std::vector<Commit>> parents_;
};

/// What people do in a world.
struct Habits {
  bool with_removals = false;  ///< resets, force pushes and deletions besides pushes
  Deletions deletions = Deletions::Ignore;
};

/// Two hosts and a two-way lane between them in a real database; the runs are made of the steps of the real
/// ones, and what decides is the real code: the router, the reconcile's comparison, what a run goes by, and
/// the turn the other way.
class World {
 public:
  World(SqlConnection& connection, std::uint32_t seed, const Habits& habits)
      : connection_(connection), random_(seed), habits_(habits) {
    binding_.name = fmt::format("r{}-{}-{}", seed, habits.with_removals, name_of(habits.deletions));
    binding_.direction = BindingDirection::Both;
    binding_.deletions = habits.deletions;
    binding_.branches = {{"main", "trunk"}};
    if (pick(3) != 0) tip(Side::Internal) = history_.commit({});
    if (pick(3) != 0) tip(Side::External) = pick(2) == 0 ? tip(Side::Internal) : Tip(history_.commit({}));
  }

  void live() {
    const int steps = 10 + pick(40);
    for (int i = 0; i < steps; ++i) {
      switch (pick(5)) {
        case 0:
        case 1:
          happen();
          break;
        case 2:
          deliver_one();
          break;
        case 3:
          work(Chaos::Yes);
          break;
        default:
          if (pick(4) == 0) reconcile();
      }
    }
  }

  /// Nobody pushes any more: what is on its way arrives, or is lost, and the reconcile finds the rest.
  void settle() {
    is_settling_ = true;
    while (!on_the_way_.empty()) {
      if (pick(4) == 0) on_the_way_.pop_back();
      deliver_one();
      work(Chaos::No);
    }
    work(Chaos::No);
    for (int round = 0; round < 2; ++round) {
      reconcile();
      work(Chaos::No);
      while (!on_the_way_.empty()) {
        deliver_one();
        work(Chaos::No);
      }
    }
  }

  [[nodiscard]] bool is_equal() const { return tips_[0] == tips_[1]; }
  [[nodiscard]] bool is_pending() { return lane() && lane()->is_pending(); }
  /// Both sides have commits of their own, and the lane says so.
  [[nodiscard]] bool is_reported_conflict() {
    const auto row = lane();
    return row && row->last_error == info(ErrorCode::Diverged).name && tips_[0] && tips_[1] &&
           !history_.contains(tips_[0], tips_[1]) && !history_.contains(tips_[1], tips_[0]);
  }
  [[nodiscard]] bool wants_a_run() { return !differences().marks.empty(); }
  /// Commits that neither side has any more, although nobody took them away.
  [[nodiscard]] std::vector<Commit> lost() const {
    auto kept = history_.reachable_from(tips_[0]);
    kept.merge(history_.reachable_from(tips_[1]));
    std::vector<Commit> gone;
    for (Commit commit = 1; commit <= history_.size(); ++commit) {
      if (!kept.contains(commit) && !taken_away_.contains(commit)) gone.push_back(commit);
    }
    return gone;
  }
  [[nodiscard]] int writes() const { return writes_; }
  [[nodiscard]] int deletions() const { return deletions_; }
  [[nodiscard]] int turns() const { return turns_; }
  [[nodiscard]] int writes_while_settling() const { return writes_while_settling_; }
  [[nodiscard]] int idle_runs() const { return idle_runs_; }
  [[nodiscard]] int marks() const { return marks_; }
  [[nodiscard]] std::string name() const { return binding_.name; }

 private:
  enum class Chaos { No, Yes };

  int pick(int below) { return static_cast<int>(random_() % static_cast<std::uint32_t>(below)); }
  Tip& tip(Side side) { return tips_.at(side == Side::Internal ? 0 : 1); }
  [[nodiscard]] LaneKey key() const { return lane_key(binding_, binding_.branches.front()); }
  std::optional<LaneRow> lane() { return find_lane(connection_, key()); }

  /// Whatever people do, on either side.
  void happen() {
    const auto side = pick(2) == 0 ? Side::Internal : Side::External;
    auto& here = tip(side);
    const auto before = here;
    switch (habits_.with_removals ? pick(9) : pick(5)) {
      case 0:
      case 1:
      case 2:
        here = commit_on(here);
        break;
      case 3:  // somebody merges what the other side has
        if (here && tip(other(side))) here = history_.commit({*here, *tip(other(side))});
        break;
      case 4:  // takes the other side's work over, where that is a plain push
        if (!here || history_.contains(tip(other(side)), here)) {
          if (tip(other(side))) here = tip(other(side));
        }
        break;
      case 5:
        here = ancestor(here);  // a reset
        break;
      case 6:
        here = commit_on(ancestor(here));  // a force push
        break;
      default:
        here.reset();
    }
    const auto kept = history_.reachable_from(here);
    for (const auto commit : history_.reachable_from(before)) {
      if (!kept.contains(commit)) taken_away_.insert(commit);
    }
    if (here != before) announce(side);
  }
  Commit commit_on(const Tip& parent) {
    return history_.commit(parent ? std::vector{*parent} : std::vector<Commit>{});
  }
  Tip ancestor(Tip from) {
    for (int steps = pick(4); from && steps > 0; --steps) {
      const auto& parents = history_.parents_of(*from);
      if (parents.empty()) break;
      from = parents.front();
    }
    return from;
  }

  /// A webhook: not always, and sometimes twice.
  void announce(Side side) {
    for (int copies = is_settling_ ? 1 : pick(3); copies > 0; --copies) {
      PushEvent event;
      const auto& branch = binding_.branches.front();
      event.changes.push_back({branch_ref(branch.name(side)), std::nullopt, std::nullopt, !tip(side)});
      on_the_way_.emplace_back(side, std::move(event));
    }
  }
  void deliver_one() {
    if (on_the_way_.empty()) return;
    const auto at = on_the_way_.begin() + pick(static_cast<int>(on_the_way_.size()));
    const auto [side, event] = *at;
    on_the_way_.erase(at);
    mark(route(event, binding_, side).marks, Trigger::Webhook);
  }
  Differences differences() {
    BothListings listings;
    // Others are there as well: a host that lists nothing at all is another matter.
    listings.internal = listings.external = {{"refs/heads/aside", id_of(1)}};
    if (tips_[0]) listings.internal.push_back({"refs/heads/main", id_of(*tips_[0])});
    if (tips_[1]) listings.external.push_back({"refs/heads/trunk", id_of(*tips_[1])});
    std::vector<LaneRow> rows;
    if (const auto row = lane()) rows.push_back(*row);
    return differing_lanes(binding_, listings, rows, from_epoch_ms(++now_ms_));
  }
  void reconcile() { mark(differences().marks, Trigger::Reconcile); }
  void mark(const std::vector<LaneMark>& marks, Trigger trigger) {
    for (const auto& one : marks) {
      mark_lane(connection_, one, {trigger, std::nullopt, ++now_ms_});
      ++marks_;
    }
  }

  void maybe_happen(Chaos chaos) {
    while (chaos == Chaos::Yes && pick(4) == 0) happen();
  }

  /// What a worker does with the lane, until nothing is pending; in chaos once.
  void work(Chaos chaos) {
    do {
      const auto row = lane();
      if (!row || !row->is_pending()) return;
      const bool both = row->requested_directions == 3U;
      for (const auto direction : {Direction::ToOuter, Direction::ToInter}) {
        if ((row->requested_directions & direction_bit(direction)) == 0) continue;
        run(*row, direction, both && direction == Direction::ToOuter, chaos);
      }
    } while (chaos == Chaos::No);
  }

  void run(const LaneRow& row, Direction direction, bool more_follows, Chaos chaos) {
    maybe_happen(chaos);
    ASSERT_TRUE(may_begin(connection_, row, direction));
    const auto run_id = insert_run(connection_, row, direction, ++now_ms_);
    note_run_began(connection_, row, direction);
    DirectedReport ran{transfer(row, direction, chaos), direction};
    if (may_go_the_other_way(ran.report)) {
      maybe_happen(chaos);
      auto second = transfer(row, opposite(direction), chaos);
      ran = ended_both_ways(row.key, std::move(ran), std::move(second));
      if (ran.direction != direction) ++turns_;
    }
    maybe_happen(chaos);
    if (chaos == Chaos::Yes && pick(12) == 0) return;  // gitferry ends here; the next run finds this one cut
    if (ran.report.plan == Plan::Nothing) ++idle_runs_;
    RunEnd end;
    end.run_id = run_id;
    end.lane_id = row.id;
    if (ran.direction != direction) end.went = ran.direction;
    end.report = std::move(ran.report);
    end.more_follows = more_follows;
    end.finished_at_ms = ++now_ms_;
    if (!end.report.error || !end.report.error->is_transient()) end.done_seq = row.requested_seq;
    ASSERT_TRUE(end_run(connection_, end));
    note_run_ended(connection_, end);
  }

  RunReport transfer(const LaneRow& row, Direction direction, Chaos chaos) {
    auto ref = ref_sync_for(binding_, row.key, direction);
    go_by_what_is_known(ref, binding_, row, direction);
    const auto from = source_side(direction);
    const auto source = tip(from);
    const auto target = tip(other(from));
    RunReport report;
    if (source) report.source_tip = id_of(*source);
    if (target) report.target_tip_before = report.target_tip_after = id_of(*target);
    maybe_happen(chaos);
    decide(ref, source, target, report);
    if (report.error || report.plan == Plan::Nothing) return report;
    if (tip(other(from)) != target) {
      report.error = Error{ErrorCode::LeaseLost, "it moved", "", std::nullopt};
      return report;
    }
    write(other(from), report.plan == Plan::Delete ? Tip() : source, report.plan);
    report.target_tip_after.reset();
    if (report.plan != Plan::Delete) report.target_tip_after = report.source_tip;
    return report;
  }

  void decide(const RefSync& ref, const Tip& source, const Tip& target, RunReport& report) const {
    const auto refuse = [&](ErrorCode code) { report.error = Error{code, "not done", "", std::nullopt}; };
    if (!source && !ref.propagate_deletion) {
      refuse(ErrorCode::BranchMissing);
    } else if (source == target) {
      report.plan = Plan::Nothing;
    } else if (!source) {
      const bool may = may_delete(ref.policy, ref.put_tip, ref.common_tip, id_of(*target));
      report.plan = may ? Plan::Delete : Plan::Refuse;
      if (!may) refuse(ErrorCode::Diverged);
    } else if (!target) {
      report.plan = Plan::Create;
    } else if (history_.contains(source, target)) {
      report.plan = Plan::FastForward;
    } else {
      const bool may = may_replace(ref.policy, ref.put_tip, id_of(*target));
      report.plan = may ? Plan::Rewrite : Plan::Refuse;
      if (!may) refuse(ErrorCode::Diverged);
    }
  }

  void write(Side side, const Tip& to, Plan plan) {
    ++writes_;
    if (plan == Plan::Delete) ++deletions_;
    if (is_settling_) ++writes_while_settling_;
    tip(side) = to;
    announce(side);  // the echo
  }

  SqlConnection& connection_;
  std::mt19937 random_;
  const Habits habits_;
  RepositoryBinding binding_;
  History history_;
  std::array<Tip, 2> tips_;
  std::set<Commit> taken_away_;  ///< by people, at any time on any side
  std::vector<std::pair<Side, PushEvent>> on_the_way_;
  std::int64_t now_ms_ = 0;
  bool is_settling_ = false;
  int writes_ = 0;
  int deletions_ = 0;
  int turns_ = 0;
  int writes_while_settling_ = 0;
  int idle_runs_ = 0;
  int marks_ = 0;
};

class TwoWayPropertyTest : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kWorlds = 1000;

  TwoWayPropertyTest() {
    const auto migrated = migrate(connection_);
    if (!migrated) ADD_FAILURE() << migrated.error().text();
  }

  /// Asserts what is true of every world, and counts what makes them worth looking at.
  void check(const Habits& habits) {
    for (std::uint32_t seed = 0; seed < kWorlds; ++seed) {
      World world(connection_, seed, habits);
      world.live();
      ASSERT_TRUE(world.lost().empty()) << world.name() << ": commit " << world.lost().front();
      world.settle();
      ASSERT_TRUE(world.lost().empty()) << world.name() << ": commit " << world.lost().front();
      ASSERT_TRUE(world.is_equal() || world.is_reported_conflict()) << world.name();
      ASSERT_FALSE(world.is_pending()) << world.name();
      ASSERT_FALSE(world.wants_a_run()) << world.name() << " would be marked for ever";
      ASSERT_LE(world.writes_while_settling(), 1) << world.name() << " goes to and fro";
      ASSERT_LE(world.idle_runs(), world.marks()) << world.name();
      conflicts_ += world.is_equal() ? 0 : 1;
      writes_ += world.writes();
      deletions_ += world.deletions();
      turns_ += world.turns();
    }
  }

  SqliteConnection connection_{":memory:", "", SqliteConnection::Role::Writer};
  int conflicts_ = 0;
  int writes_ = 0;
  int deletions_ = 0;
  int turns_ = 0;
};

TEST_F(TwoWayPropertyTest, WherePeopleOnlyPushNothingIsLostAndTheSidesEndEqualOrInAReportedConflict) {
  check({false, Deletions::Ignore});
  EXPECT_GT(conflicts_, 100);
  EXPECT_GT(writes_, 1000);
  EXPECT_GT(turns_, 100);
  EXPECT_EQ(deletions_, 0);
}

TEST_F(TwoWayPropertyTest, ByPushesAloneNothingIsDeletedAlsoWhereDeletionsPropagate) {
  check({false, Deletions::Propagate});
  EXPECT_EQ(deletions_, 0);
}

TEST_F(TwoWayPropertyTest, WherePeopleRemoveCommitsTooOnlyThoseAreGone) {
  check({true, Deletions::Ignore});
  EXPECT_EQ(deletions_, 0);
  EXPECT_GT(turns_, 100);
}

TEST_F(TwoWayPropertyTest, WhereDeletionsPropagateOnlyWhatNobodyTouchedSinceIsDeleted) {
  check({true, Deletions::Propagate});
  EXPECT_GT(deletions_, 30);
  EXPECT_GT(conflicts_, 50);
}

}  // namespace
}  // namespace gitferry

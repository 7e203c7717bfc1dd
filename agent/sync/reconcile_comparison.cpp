#include "agent/sync/reconcile_comparison.h"

#include <map>
#include <string_view>
#include <unordered_map>

#include "agent/base/error.h"
#include "agent/model/lane_key.h"
#include "agent/model/ref_name.h"

namespace gitferry {
namespace {

using Tips = std::unordered_map<std::string_view, const ObjectId*>;

Tips tips_of(const std::vector<RefTip>& branches) {
  Tips tips;
  for (const auto& branch : branches) tips.emplace(branch.ref, &branch.tip);
  return tips;
}

const ObjectId* tip_of(const Tips& tips, std::string_view ref) {
  const auto found = tips.find(ref);
  return found == tips.end() ? nullptr : found->second;
}

/// A lane that is in force, and its policy.
struct Candidate {
  LaneKey key;
  Policy policy = Policy::FfOnly;
};

std::vector<Candidate> candidates_of(const RepositoryBinding& binding, const BothListings& listings) {
  std::vector<Candidate> candidates;
  if (binding.granularity == Granularity::One) {
    for (const auto& branch : binding.branches) {
      if (branch.enabled) candidates.push_back({lane_key(binding, branch), binding.policy_of(branch)});
    }
    return candidates;
  }
  for (const auto& branch : listings.source) {
    if (checked_branch(branch_of(branch.ref))) {
      candidates.push_back({{binding.name, branch.ref, branch.ref}, binding.policy});
    }
  }
  return candidates;
}

/// Both tips of one lane, as listed; null: the host has no such branch.
struct Pair {
  const ObjectId* source = nullptr;
  const ObjectId* target = nullptr;

  [[nodiscard]] bool is_equal() const { return source != nullptr && target != nullptr && *source == *target; }
};

bool is_tip(const std::string& known, const ObjectId* listed) {
  return listed == nullptr ? known.empty() : known == listed->hex();
}

/// Whether a run with these tips would be refused as the last one was, because the target has diverged.
bool would_be_refused_again(const LaneRow& lane, Direction direction, Policy policy, const Pair& tips) {
  if (lane.last_error != info(ErrorCode::Diverged).name || lane.last_direction != direction) return false;
  if (!is_tip(lane.source_tip, tips.source) || !is_tip(lane.target_tip, tips.target)) return false;
  if (tips.target == nullptr) return false;
  return !may_replace(policy, ObjectId::from_hex(lane.put_tip(direction)), *tips.target);
}

bool needs_run(Direction direction, Policy policy, const Pair& tips, const LaneRow* lane,
               std::int64_t listed_at_ms) {
  if (tips.source == nullptr) return false;
  if (lane == nullptr) return !tips.is_equal();
  if (lane->is_pending() || lane->quarantined) return false;
  if (!lane->last_error.empty()) return !would_be_refused_again(*lane, direction, policy, tips);
  const bool came_into_step_meanwhile = lane->last_run_at_ms >= listed_at_ms &&
                                        lane->last_direction == direction &&
                                        is_tip(lane->target_tip, tips.source);
  return !tips.is_equal() && !came_into_step_meanwhile;
}

}  // namespace

std::vector<LaneMark> differing_lanes(const RepositoryBinding& binding, const BothListings& listings,
                                      const std::vector<LaneRow>& lanes, WallTime listed_at) {
  const auto from = source_side(binding.direction);
  const auto source = tips_of(listings.source);
  const auto target = tips_of(listings.target);
  std::map<LaneKey, const LaneRow*> known;
  for (const auto& lane : lanes) known.emplace(lane.key, &lane);
  auto candidates = candidates_of(binding, listings);
  std::vector<LaneMark> marks;
  for (auto& [key, policy] : candidates) {
    const Pair tips{tip_of(source, key.ref(from)), tip_of(target, key.ref(other(from)))};
    const auto lane = known.find(key);
    const auto* row = lane == known.end() ? nullptr : lane->second;
    if (needs_run(binding.direction, policy, tips, row, to_epoch_ms(listed_at)))
      marks.push_back({std::move(key), binding.direction});
  }
  return marks;
}

}  // namespace gitferry

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

Tips tips_of(const std::vector<BranchTip>& branches) {
  Tips tips;
  for (const auto& branch : branches) tips.emplace(branch.ref, &branch.tip);
  return tips;
}

const ObjectId* tip_of(const Tips& tips, std::string_view ref) {
  const auto found = tips.find(ref);
  return found == tips.end() ? nullptr : found->second;
}

std::vector<LaneKey> keys_of(const RepositoryBinding& binding, const BothListings& listings) {
  std::vector<LaneKey> keys;
  if (binding.granularity == Granularity::One) {
    for (const auto& branch : binding.branches) {
      if (branch.enabled) keys.push_back(lane_key(binding, branch));
    }
    return keys;
  }
  for (const auto& branch : listings.source) {
    if (checked_branch(branch_of(branch.ref))) keys.push_back({binding.name, branch.ref, branch.ref});
  }
  return keys;
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

bool needs_run(const RepositoryBinding& binding, const Pair& tips, const LaneRow* lane,
               std::int64_t listed_at_ms) {
  if (tips.source == nullptr) return false;
  if (lane == nullptr) return !tips.is_equal();
  if (lane->is_pending() || lane->quarantined) return false;
  if (lane->last_error.empty()) {
    const bool came_into_step_meanwhile = lane->last_run_at_ms >= listed_at_ms &&
                                          lane->last_direction == binding.direction &&
                                          is_tip(lane->target_tip, tips.source);
    return !tips.is_equal() && !came_into_step_meanwhile;
  }
  const bool would_be_refused_again =
      lane->last_error == info(ErrorCode::Diverged).name && binding.policy == Policy::FfOnly &&
      lane->last_direction == binding.direction && is_tip(lane->source_tip, tips.source) &&
      is_tip(lane->target_tip, tips.target);
  return !would_be_refused_again;
}

}  // namespace

std::vector<LaneMark> differing_lanes(const RepositoryBinding& binding, const BothListings& listings,
                                      const std::vector<LaneRow>& lanes, WallTime listed_at) {
  const auto from = source_side(binding.direction);
  const auto source = tips_of(listings.source);
  const auto target = tips_of(listings.target);
  std::map<LaneKey, const LaneRow*> known;
  for (const auto& lane : lanes) known.emplace(lane.key, &lane);
  std::vector<LaneMark> marks;
  for (auto& key : keys_of(binding, listings)) {
    const Pair tips{tip_of(source, key.ref(from)), tip_of(target, key.ref(other(from)))};
    const auto lane = known.find(key);
    if (needs_run(binding, tips, lane == known.end() ? nullptr : lane->second, to_epoch_ms(listed_at)))
      marks.push_back({std::move(key), binding.direction});
  }
  return marks;
}

}  // namespace gitferry

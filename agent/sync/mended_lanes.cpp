#include "agent/sync/mended_lanes.h"

#include <string>

#include "agent/sync/binding_comparison.h"
#include "agent/sync/lane_request.h"

namespace gitferry {
namespace {

std::vector<std::string> changed_repositories(const BindingSnapshot& before, const BindingSnapshot& now) {
  std::vector<std::string> changed;
  for (const auto& [name, binding] : now.repositories) {
    const auto* known = before.find(name);
    if (known == nullptr || !runs_alike(*known, binding) || !same_policies(*known, binding)) {
      changed.push_back(name);
    }
  }
  return changed;
}

bool has_moved(const BindingSnapshot& before, const BindingSnapshot& now, const std::string& name) {
  const auto* known = before.find(name);
  const auto* binding = now.find(name);
  return known != nullptr && binding != nullptr && !same_addresses(*known, *binding);
}

/// Where nothing but policies changed: whether the lane's last run failed under another one.
bool may_be_mended(const BindingSnapshot& before, const BindingSnapshot& now, const LaneRow& lane) {
  const auto* known = before.find(lane.key.repository);
  const auto* binding = now.find(lane.key.repository);
  if (known == nullptr || binding == nullptr || !runs_alike(*known, *binding)) return true;
  const bool was_refused = lane.last_error == info(ErrorCode::Diverged).name;
  const bool was_missing = lane.last_error == info(ErrorCode::BranchMissing).name;
  return (was_refused && policy_of(*known, lane.key) != policy_of(*binding, lane.key)) ||
         ((was_refused || was_missing) && deletions_of(*known, lane.key) != deletions_of(*binding, lane.key));
}

/// The way it went before, where the binding still goes there.
Direction direction_of(const RepositoryBinding& binding, const LaneRow& lane) {
  const auto first = first_direction(binding.direction);
  const auto last = lane.last_direction.value_or(first);
  return goes(binding.direction, last) ? last : first;
}

}  // namespace

Result<std::vector<LaneMark>> mended_lanes(const BindingSnapshot& before, const BindingSnapshot& now,
                                           Store& store) {
  std::vector<LaneMark> marks;
  const auto changed = changed_repositories(before, now);
  if (changed.empty()) return marks;
  const auto lanes = store.lanes_of_repositories(changed);
  if (!lanes) return fail(lanes.error());
  for (const auto& lane : *lanes) {
    const bool is_forgotten = lane.last_run_at_ms == 0 && has_moved(before, now, lane.key.repository);
    if (lane.is_pending() || (lane.last_error.empty() && !is_forgotten)) continue;
    if (!may_be_mended(before, now, lane)) continue;
    if (const auto binding = binding_of(now, lane.key))
      marks.push_back({lane.key, direction_of(**binding, lane)});
  }
  return marks;
}

}  // namespace gitferry

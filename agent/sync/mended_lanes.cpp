#include "agent/sync/mended_lanes.h"

#include <algorithm>
#include <string>

#include "agent/sync/address_input.h"
#include "agent/sync/lane_request.h"

namespace gitferry {
namespace {

/// Where they come from and since when makes no difference to a run.
bool same_branches(const std::vector<BranchBinding>& left, const std::vector<BranchBinding>& right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](const BranchBinding& one, const BranchBinding& two) {
                      return one.internal == two.internal && one.external == two.external &&
                             one.enabled == two.enabled;
                    });
}

bool same_addresses(const RepositoryBinding& left, const RepositoryBinding& right) {
  return left.internal == right.internal && left.external == right.external;
}

bool runs_alike(const RepositoryBinding& left, const RepositoryBinding& right) {
  return left.enabled == right.enabled && left.granularity == right.granularity &&
         left.direction == right.direction && same_addresses(left, right) &&
         same_token(left.internal_token, right.internal_token) &&
         same_token(left.external_token, right.external_token) &&
         same_branches(left.branches, right.branches);
}

std::vector<std::string> changed_repositories(const BindingSnapshot& before, const BindingSnapshot& now) {
  std::vector<std::string> changed;
  for (const auto& [name, binding] : now.repositories) {
    const auto* known = before.find(name);
    if (known == nullptr || !runs_alike(*known, binding)) changed.push_back(name);
  }
  return changed;
}

bool has_moved(const BindingSnapshot& before, const BindingSnapshot& now, const std::string& name) {
  const auto* known = before.find(name);
  const auto* binding = now.find(name);
  return known != nullptr && binding != nullptr && !same_addresses(*known, *binding);
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
    if (const auto binding = binding_of(now, lane.key)) marks.push_back({lane.key, (*binding)->direction});
  }
  return marks;
}

}  // namespace gitferry

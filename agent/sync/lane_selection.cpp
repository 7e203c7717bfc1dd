#include "agent/sync/lane_selection.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "agent/base/text.h"
#include "agent/model/lane_key.h"
#include "agent/model/ref_name.h"
#include "agent/sync/lane_request.h"

namespace gitferry {
namespace {

bool is_bound(const RepositoryBinding& binding, std::string_view branch, Side side) {
  return std::any_of(binding.branches.begin(), binding.branches.end(),
                     [&](const BranchBinding& bound) { return bound.name(side) == branch; });
}

Result<std::vector<SelectedLane>> bound_lanes(const RepositoryBinding& binding, std::string_view branch,
                                              Direction direction) {
  const auto side = source_side(direction);
  std::vector<SelectedLane> lanes;
  for (const auto& bound : binding.branches) {
    if (bound.name(side) == branch && bound.enabled) lanes.push_back({lane_key(binding, bound), direction});
  }
  if (!lanes.empty()) return lanes;
  const auto what = fmt::format("sync branch '{}' of '{}'", shortened(branch, 200), binding.name);
  if (is_bound(binding, branch, side)) {
    return fail(ErrorCode::NotEnabled, what + ": the branch is disabled", "enable it and sync again");
  }
  return fail(ErrorCode::NotEnabled,
              fmt::format("{}: no branch of that name is bound on the {} side", what, name_of(side)),
              "bind it, or give the name that it has on the side that is synced from");
}

/// The repository, without lanes yet.
Result<LaneSelection> select_enabled(const BindingSnapshot& snapshot, std::string_view repository,
                                     const SelectionWish& wish) {
  const auto* binding = snapshot.find(repository);
  if (binding == nullptr) {
    return fail(ErrorCode::RepositoryUnknown,
                fmt::format("sync '{}': no repository of that name is bound", shortened(repository, 200)),
                "bind the repository, or correct its name");
  }
  if (!binding->problem.empty()) {
    return fail(ErrorCode::NotEnabled,
                fmt::format("sync '{}': the binding cannot be used: {}", repository, binding->problem),
                "give the repository another address, or allow this one");
  }
  if (!binding->enabled) {
    return fail(ErrorCode::NotEnabled, fmt::format("sync '{}': the repository is disabled", repository),
                "enable it and sync again");
  }
  if (wish.force && binding->is_two_way() && !wish.direction) {
    return fail(ErrorCode::InvalidArgument,
                fmt::format("force a sync of '{}': it goes both ways, and nothing says which side is to win",
                            repository),
                "give the direction, sync_direct=1 or 2: what the side that is synced from has will replace "
                "what the other has");
  }
  return LaneSelection{binding, wish, {}};
}

}  // namespace

std::vector<SelectedTransfer> transfers_of(const std::vector<SelectedLane>& lanes) {
  std::vector<SelectedTransfer> transfers;
  for (const auto direction : {Direction::ToOuter, Direction::ToInter}) {
    std::vector<LaneKey> keys;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      if (lanes[i].direction != direction) continue;
      keys.push_back(lanes[i].key);
      places.push_back(i);
    }
    for (auto& together : transfers_of(keys, direction)) {
      for (auto& i : together) i = places[i];
      transfers.push_back({direction, std::move(together)});
    }
  }
  return transfers;
}

Result<LaneSelection> select_branch(const BindingSnapshot& snapshot, std::string_view repository,
                                    std::string_view branch, const SelectionWish& wish) {
  auto selection = select_enabled(snapshot, repository, wish);
  if (!selection) return selection;
  const auto& binding = *selection->binding;
  auto direction = wish.direction.value_or(first_direction(binding.direction));
  if (binding.granularity == Granularity::All) {
    const auto name = checked_branch(branch);
    if (!name) return fail(name.error());
    selection->lanes.push_back({lane_key(binding.name, *name, *name), direction});
    return selection;
  }
  if (binding.is_two_way() && !wish.direction && !is_bound(binding, branch, Side::Internal) &&
      is_bound(binding, branch, Side::External)) {
    direction = Direction::ToInter;
  }
  auto lanes = bound_lanes(binding, branch, direction);
  if (!lanes) return fail(lanes.error());
  selection->lanes = std::move(*lanes);
  return selection;
}

Result<LaneSelection> select_repository(const BindingSnapshot& snapshot, std::string_view repository,
                                        const SelectionWish& wish) {
  auto selection = select_enabled(snapshot, repository, wish);
  if (!selection || selection->binding->needs_listing()) return selection;
  const auto& binding = *selection->binding;
  for (const auto& bound : binding.branches) {
    if (bound.enabled) {
      selection->lanes.push_back(
          {lane_key(binding, bound), wish.direction.value_or(first_direction(binding.direction))});
    }
  }
  return selection;
}

}  // namespace gitferry

#include "agent/sync/lane_selection.h"

#include <fmt/format.h>

#include "agent/base/text.h"
#include "agent/model/lane_key.h"
#include "agent/model/ref_name.h"

namespace gitferry {
namespace {

Result<std::vector<LaneKey>> bound_lanes(const RepositoryBinding& binding, std::string_view branch,
                                         Side side) {
  std::vector<LaneKey> lanes;
  bool is_bound = false;
  for (const auto& bound : binding.branches) {
    if (bound.name(side) != branch) continue;
    is_bound = true;
    if (bound.enabled) lanes.push_back(lane_key(binding, bound));
  }
  if (!lanes.empty()) return lanes;
  const auto what = fmt::format("sync branch '{}' of '{}'", shortened(branch, 200), binding.name);
  if (is_bound) {
    return fail(ErrorCode::NotEnabled, what + ": the branch is disabled", "enable it and sync again");
  }
  return fail(ErrorCode::NotEnabled,
              fmt::format("{}: no branch of that name is bound on the {} side", what, name_of(side)),
              "bind it, or give the name that it has on the side that is synced from");
}

/// The repository, without lanes yet.
Result<LaneSelection> select_enabled(const BindingSnapshot& snapshot, std::string_view repository,
                                     std::optional<Direction> direction) {
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
  return LaneSelection{binding, direction.value_or(binding->direction), {}};
}

}  // namespace

Result<LaneSelection> select_branch(const BindingSnapshot& snapshot, std::string_view repository,
                                    std::string_view branch, std::optional<Direction> direction) {
  auto selection = select_enabled(snapshot, repository, direction);
  if (!selection) return selection;
  const auto& binding = *selection->binding;
  if (binding.granularity == Granularity::All) {
    const auto name = checked_branch(branch);
    if (!name) return fail(name.error());
    selection->lanes.push_back(lane_key(binding.name, *name, *name));
    return selection;
  }
  auto lanes = bound_lanes(binding, branch, source_side(selection->direction));
  if (!lanes) return fail(lanes.error());
  selection->lanes = std::move(*lanes);
  return selection;
}

Result<LaneSelection> select_repository(const BindingSnapshot& snapshot, std::string_view repository,
                                        std::optional<Direction> direction) {
  auto selection = select_enabled(snapshot, repository, direction);
  if (!selection || selection->binding->granularity == Granularity::All) return selection;
  for (const auto& bound : selection->binding->branches) {
    if (bound.enabled) selection->lanes.push_back(lane_key(*selection->binding, bound));
  }
  return selection;
}

}  // namespace gitferry

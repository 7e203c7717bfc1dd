#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "agent/model/binding.h"

namespace gitferry {

/// The lanes that a request by name means, and the direction it runs in.
struct LaneSelection {
  const RepositoryBinding* binding = nullptr;  ///< of the snapshot it was selected from
  Direction direction = Direction::ToOuter;
  std::vector<LaneKey> lanes;
};

/// Every enabled branch binding whose name on the source side of the direction is `branch`. `direction`:
/// unset means the binding's own.
/// Errors: RepositoryUnknown; NotEnabled, also for a branch that is not bound; InvalidArgument for what is no
/// branch name.
Result<LaneSelection> select_branch(const BindingSnapshot& snapshot, std::string_view repository,
                                    std::string_view branch, std::optional<Direction> direction);

/// Every enabled branch binding; no lane for a whole repository, whose branches only its source knows.
/// Errors: RepositoryUnknown, NotEnabled.
Result<LaneSelection> select_repository(const BindingSnapshot& snapshot, std::string_view repository,
                                        std::optional<Direction> direction);

}  // namespace gitferry

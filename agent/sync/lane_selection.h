#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "agent/model/binding.h"

namespace gitferry {

/// A lane and the way its run is to go.
struct SelectedLane {
  LaneKey key;
  Direction direction = Direction::ToOuter;
};

/// Lanes, by their index, that go the same way as one transfer.
struct SelectedTransfer {
  Direction direction = Direction::ToOuter;
  std::vector<std::size_t> lanes;
};

/// Divides lanes into transfers as transfers_of() of one direction does, those that go to_outer first.
std::vector<SelectedTransfer> transfers_of(const std::vector<SelectedLane>& lanes);

/// What the caller of a sync asks for besides its name.
struct SelectionWish {
  /// Unset: the binding's own, of a two-way one whichever each lane needs.
  std::optional<Direction> direction = std::nullopt;
  bool force = false;  ///< this once, whatever the policy says
};

/// The lanes that a request by name means.
struct LaneSelection {
  const RepositoryBinding* binding = nullptr;  ///< of the snapshot it was selected from
  SelectionWish wish;
  std::vector<SelectedLane> lanes;
};

/// Every enabled branch binding whose name on the source side of the direction is `branch`. Of a two-way
/// binding, where no direction is given, that is the internal side, and only where no branch is bound under
/// that name there, the external one.
/// Errors: RepositoryUnknown; NotEnabled, also for a branch that is not bound; InvalidArgument for what is no
/// branch name, and for force on a two-way binding without a direction: which side is to win must be said.
Result<LaneSelection> select_branch(const BindingSnapshot& snapshot, std::string_view repository,
                                    std::string_view branch, const SelectionWish& wish);

/// Every enabled branch binding; no lane where RepositoryBinding::needs_listing(), since only the hosts know
/// those. Errors: RepositoryUnknown, NotEnabled; InvalidArgument as select_branch().
Result<LaneSelection> select_repository(const BindingSnapshot& snapshot, std::string_view repository,
                                        const SelectionWish& wish);

}  // namespace gitferry

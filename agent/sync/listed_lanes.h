#pragma once

#include <optional>
#include <span>
#include <vector>

#include "agent/base/error.h"
#include "agent/git/engine.h"
#include "agent/model/binding.h"
#include "agent/store/store.h"
#include "agent/sync/lane_selection.h"

namespace gitferry {

/// What both hosts advertise: branches, and tags where they are synced; by name.
struct BothListings {
  std::vector<RefTip> internal;
  std::vector<RefTip> external;

  [[nodiscard]] const std::vector<RefTip>& of(Side side) const {
    return side == Side::Internal ? internal : external;
  }
};

/// A lane of a binding, as both hosts list it. Points into the listings and rows that it was made from.
struct ListedLane {
  LaneKey key;
  Direction direction = Direction::ToOuter;  ///< the way that its run is to go
  const ObjectId* source = nullptr;          ///< of that direction; null: the host has no such ref
  const ObjectId* target = nullptr;
  const LaneRow* row = nullptr;  ///< null: it was never marked
  Policy policy = Policy::FfOnly;
  /// The source lacks the ref, and a run may delete it at the target.
  bool is_deletion = false;
  std::optional<Error> refused = std::nullopt;  ///< why its name cannot be taken

  [[nodiscard]] bool is_equal() const { return source != nullptr && target != nullptr && *source == *target; }
};

/// The lanes of a binding that the listings tell something of, by key: its enabled branch bindings, or every
/// branch of a source of a whole repository; every tag of a source where tags are synced; and where deletions
/// propagate, refs that both sides had once, although a source lacks them by now. Names that cannot be taken
/// are among them, with the reason.
///
/// `rows`: of the repository, read after the listing. `wish`: what was asked for. Of a two-way binding a lane
/// goes from the side that alone has the ref, or alone moved since both were equal, otherwise to_outer; and
/// from the side that lacks it where that is to be a deletion, which needs that the other side has exactly
/// what both had. A source that lists nothing at all deletes nothing: it is rather broken than empty.
std::vector<ListedLane> listed_lanes(const RepositoryBinding& binding, const BothListings& listings,
                                     std::span<const LaneRow> rows, const SelectionWish& wish = {});

}  // namespace gitferry

#pragma once

#include <optional>
#include <span>
#include <vector>

#include "agent/base/result.h"
#include "agent/git/engine.h"
#include "agent/model/binding.h"
#include "agent/model/run_report.h"
#include "agent/sync/lane_selection.h"
#include "agent/sync/listed_lanes.h"
#include "agent/sync/sync_service.h"
#include "agent/sync/time_limit.h"

namespace gitferry {

/// A ref of a repository that is synced by what its hosts list.
struct ListedRef {
  LaneKey key;
  Direction direction = Direction::ToOuter;
  /// What there is to say without a run: both sides are equal (Plan::Nothing), or the name is none that is
  /// taken. Unset: a run is needed.
  std::optional<RunReport> settled = std::nullopt;
};

/// The side that could not be listed, and why. Unset: nothing was asked, the credentials are missing.
struct ListingError {
  Error error;
  std::optional<Side> side = std::nullopt;
};

/// Lists both hosts once, `first` before the other; tags only where they are synced.
/// Errors: those of the credentials and of listing a host; Timeout where the limit's time is over first,
///         Unavailable where it was stopped.
tl::expected<BothListings, ListingError> list_both(Engine& engine, const RepositoryBinding& binding,
                                                   Side first, const CredentialLookup& credentials,
                                                   const TimeLimit& limit);

/// Lists the branches, and tags where they are synced, of one side alone. Errors as above.
Result<std::vector<RefTip>> list_one(Engine& engine, const RepositoryBinding& binding, Side side,
                                     const CredentialLookup& credentials, const TimeLimit& limit);

/// Which refs of a selected repository need a run, by what both hosts list: every ref of listed_lanes() but
/// those of a whole repository, and tags, that their source lacks and no run would delete. `rows` as there.
/// Equal refs whose last run failed are not settled, or they would be shown as failed for ever.
std::vector<ListedRef> compared(const LaneSelection& selection, const BothListings& listings,
                                std::span<const LaneRow> rows);

/// The side that a selection is listed from first.
Side first_side(const LaneSelection& selection);

}  // namespace gitferry

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "agent/model/binding.h"
#include "agent/store/store.h"
#include "agent/sync/binding_status.h"

namespace gitferry {

/// How a branch stands as people look for it: a SyncState, with those failures apart that somebody has to
/// settle between two histories. In the order of SyncState.
enum class Standing { Quarantined, Diverged, Failed, Retrying, Pending, Never, InSync, Disabled };
constexpr std::size_t kStandings = 8;
/// Those of SyncState, and `diverged`.
std::string_view name_of(Standing standing);
std::optional<Standing> standing_called(std::string_view name);

Standing standing_of(const BranchStatus& branch);
/// `lane` null: never marked.
Standing standing_of(SyncState state, const LaneRow* lane);

/// What of the status of all bindings is wanted.
struct StatusFilter {
  std::vector<Standing> standings;  ///< empty: any
  std::string search;  ///< in the names of repository and branches, ASCII in either case; empty: any
};

struct StatusOverview {
  Listing<BranchStatus> listing;                     ///< the page of what the filter lets through
  std::array<std::int64_t, kStandings> counts = {};  ///< by Standing, of all branches, whatever the filter
};

/// As branch_statuses(), which costs less: here the lanes of all branches are read, not those of the page.
Result<StatusOverview> status_overview(const BindingSnapshot& bindings, Store& store,
                                       const std::string& repository, const StatusFilter& filter,
                                       const Page& page);

}  // namespace gitferry

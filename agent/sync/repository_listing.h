#pragma once

#include <optional>
#include <vector>

#include "agent/base/result.h"
#include "agent/git/engine.h"
#include "agent/model/binding.h"
#include "agent/model/run_report.h"
#include "agent/sync/lane_selection.h"
#include "agent/sync/sync_service.h"
#include "agent/sync/time_limit.h"

namespace gitferry {

/// A branch of a whole repository's source, as listing both hosts shows it.
struct ListedBranch {
  LaneKey key;
  /// What is known of it without a run: plan Nothing where both tips are equal, the error where its name is
  /// none that is taken. Unset: the target lacks it, or has another tip.
  std::optional<RunReport> settled = std::nullopt;
};

/// What both hosts advertise: the branches of the side that is synced from, and of the other one.
struct BothListings {
  std::vector<RefTip> source;
  std::vector<RefTip> target;
};

/// The side that could not be listed, and why. Unset: nothing was asked, the credentials are missing.
struct ListingError {
  Error error;
  std::optional<Side> side = std::nullopt;
};

/// Lists both hosts once, the source first.
/// Errors: those of the credentials and of listing a host; Timeout where the limit's time is over first,
///         Unavailable where it was stopped.
tl::expected<BothListings, ListingError> list_both(Engine& engine, const RepositoryBinding& binding,
                                                   Direction direction, const CredentialLookup& credentials,
                                                   const TimeLimit& limit);

/// Lists both hosts once and compares them: every branch of the source, by name. What the target alone has is
/// left out. Errors: those of list_both().
Result<std::vector<ListedBranch>> list_repository(Engine& engine, const LaneSelection& selection,
                                                  const CredentialLookup& credentials,
                                                  const TimeLimit& limit);

}  // namespace gitferry

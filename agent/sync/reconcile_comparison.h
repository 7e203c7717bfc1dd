#pragma once

#include <vector>

#include "agent/base/clock.h"
#include "agent/base/result.h"
#include "agent/git/engine.h"
#include "agent/model/binding.h"
#include "agent/store/store.h"
#include "agent/sync/repository_listing.h"

namespace gitferry {

/// The lanes that have to run for a repository's target to be as its source is, by what both hosts list.
///
/// Of Granularity::One the enabled branch bindings, otherwise every branch of the source whose name can be
/// taken; a branch that the source lacks is left alone. Marked are those whose target is missing or has
/// another tip, and those whose tips are equal but whose last run failed, or they would be shown as failed
/// for ever. Left out are lanes that are pending or set aside, those that another run brought into step since
/// `listed_at`, and those that were refused because the target has commits of its own, with exactly these
/// tips: nothing but other tips (or another policy) would change that.
///
/// `lanes`: of the repository, read after the listing.
std::vector<LaneMark> differing_lanes(const RepositoryBinding& binding, const BothListings& listings,
                                      const std::vector<LaneRow>& lanes, WallTime listed_at);

}  // namespace gitferry

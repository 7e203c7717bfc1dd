#pragma once

#include <cstddef>
#include <vector>

#include "agent/base/clock.h"
#include "agent/model/binding.h"
#include "agent/store/store.h"
#include "agent/sync/listed_lanes.h"

namespace gitferry {

struct Differences {
  std::vector<LaneMark> marks;
  /// Deletions that are not among the marks, for they are more than deletion_limit() at once: somebody has to
  /// look, and to force them where they are meant.
  std::size_t withheld_deletions = 0;
};

/// The lanes that have to run for a repository's sides to be as the binding wants them, by what both hosts
/// list, in the directions of listed_lanes().
///
/// Marked are those whose target is missing or has another tip, those whose source lacks what a run may
/// delete at the target or lacks it as well as the target does, and those whose tips are equal but whose last
/// run failed, or they would be shown as failed for ever. Left out are lanes whose name cannot be taken, that
/// are pending or set aside, those that another run brought into step since `listed_at`, and those that were
/// refused because the target has commits of its own, or is not to be deleted, with exactly these tips:
/// nothing but other tips (or another policy) would change that.
///
/// `lanes`: of the repository, read after the listing.
Differences differing_lanes(const RepositoryBinding& binding, const BothListings& listings,
                            const std::vector<LaneRow>& lanes, WallTime listed_at);

}  // namespace gitferry

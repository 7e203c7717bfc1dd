#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "agent/store/store.h"
#include "agent/sync/binding_status.h"

namespace gitferry {

/// Since when a branch is in step, or, where it is not, since when its target is behind.
struct StandingSince {
  std::int64_t at_ms = 0;
  bool is_exact = true;  ///< false: it began then or before, in runs that were not looked at
};

/// `runs`: the last ones of the branch's lane, newest first, of which at most `limit` were asked for. In step
/// since the run that made the sides equal had ended, whatever found nothing to do since. Behind since the
/// first run that did not succeed since one did, or since the oldest mark that waits. Unset where neither is
/// known: never synced, disabled, or no run is kept.
std::optional<StandingSince> standing_since(const BranchStatus& branch, std::span<const RunMark> runs,
                                            std::size_t limit);

}  // namespace gitferry

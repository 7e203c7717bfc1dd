#pragma once

#include <vector>

#include "agent/base/result.h"
#include "agent/git/engine.h"
#include "agent/store/store.h"
#include "agent/sync/lane_selection.h"
#include "agent/sync/sync_service.h"
#include "agent/sync/time_limit.h"

namespace gitferry {

/// What a run of each of these lanes would do: dry runs, as few as their number allows. Nothing is marked,
/// recorded or written to any host. A lane that the limit leaves no time for is not finished; the error of
/// one does not keep the others from being planned. `store`: is asked what was last put on the targets.
/// Errors: its own.
Result<std::vector<SyncOutcome>> plan_lanes(Engine& engine, Store& store, const LaneSelection& selection,
                                            const CredentialLookup& credentials, const TimeLimit& limit);

}  // namespace gitferry

#pragma once

#include <string>

#include "agent/base/result.h"
#include "agent/git/held_pack.h"
#include "agent/git/ref_batch.h"
#include "agent/git/relay_options.h"

namespace gitferry {

/// Pushes what `batch` has planned, with `pack`, which streams on from the source meanwhile; null: the target
/// has all objects. `what` begins the error of a source that failed.
Status push_pack(RefBatch& batch, HeldPack* pack, const RelayOptions& options, const std::string& what);

}  // namespace gitferry

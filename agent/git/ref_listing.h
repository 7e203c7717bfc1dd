#pragma once

#include <vector>

#include "agent/base/result.h"
#include "agent/git/engine.h"
#include "agent/git/transport.h"
#include "agent/git/upload_pack.h"

namespace gitferry {

/// Engine::list_refs(), alike for every engine. Never throws.
Result<std::vector<RefTip>> list_refs_of(Transport& transport, CapabilityCache& sources, const Remote& remote,
                                         RefScope scope, const Waiting& waiting);

}  // namespace gitferry

#pragma once

#include <string>

#include "agent/sync/branch_census.h"
#include "api/api_context.h"

namespace gitferry::api {

/// All that `/metrics` says: metrics(), and what is looked up for it. `census` null: the store gives none,
/// and what is not known is left out.
std::string metrics_text(ApiContext& context, const BranchCensus* census);

}  // namespace gitferry::api

#pragma once

#include <vector>

#include "api/api_context.h"
#include "api/router_table.h"

namespace gitferry::api {

/// The management API under `/cerobot/sync`. `context` must outlive the routes.
std::vector<Route> management_routes(ApiContext& context);

/// `/livez`, `/readyz`, `/healthz`, `/version`: public, and silent about bindings.
std::vector<Route> health_routes(ApiContext& context);

}  // namespace gitferry::api

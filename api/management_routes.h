#pragma once

#include <vector>

#include "api/api_context.h"
#include "api/public_view.h"
#include "api/router_table.h"

namespace gitferry::api {

/// The management API under `/cerobot/sync`, in the order in which its paths are told apart. `context` must
/// outlive the routes, here and below.
std::vector<Route> management_routes(ApiContext& context);

/// Its groups, by topic.
std::vector<Route> sync_routes(ApiContext& context);
std::vector<Route> repository_routes(ApiContext& context);
std::vector<Route> branch_routes(ApiContext& context);
std::vector<Route> delivery_routes(ApiContext& context);
std::vector<Route> log_routes(ApiContext& context);
std::vector<Route> log_level_routes(ApiContext& context);
std::vector<Route> check_routes(ApiContext& context);
std::vector<Route> caller_routes(ApiContext& context);

/// `/metrics`: with a token of the role read, since it names bindings.
std::vector<Route> metrics_routes(ApiContext& context);

/// `/livez`, `/readyz`, `/healthz`, `/version`: public, and silent about bindings.
std::vector<Route> health_routes(ApiContext& context, const PublicView& view);

}  // namespace gitferry::api

#pragma once

#include <string_view>
#include <vector>

#include "api/router_table.h"

namespace gitferry::api {

/// api/openapi.yaml as it was when the program was built.
std::string_view openapi_document();

/// `/openapi.yaml`: public, since it says nothing about this agent.
std::vector<Route> openapi_routes();

}  // namespace gitferry::api

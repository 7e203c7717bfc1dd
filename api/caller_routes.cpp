#include <string>
#include <utility>

#include "api/envelope.h"
#include "api/management_routes.h"
#include "api/route_parts.h"

namespace gitferry::api {
namespace {

/// Which token was sent, and what it may do: for a client that is to offer no more than that.
Result<Response> get_caller(ApiContext& /*context*/, const Call& call) {
  Json::Value data(Json::objectValue);
  data["name"] = clean_text(call.caller.name);
  data["role"] = std::string(name_of(call.caller.role));
  return success(call.request, std::move(data));
}

}  // namespace

std::vector<Route> caller_routes(ApiContext& context) {
  return {route(context, "GET", "/cerobot/sync/whoami", Role::Read, get_caller)};
}

}  // namespace gitferry::api

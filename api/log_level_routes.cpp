#include <algorithm>
#include <string>

#include "agent/base/log.h"
#include "api/envelope.h"
#include "api/management_routes.h"
#include "api/parameters.h"
#include "api/route_parts.h"

namespace gitferry::api {
namespace {

Result<Response> get_log_level(ApiContext& /*context*/, const Call& call) {
  Json::Value data(Json::objectValue);
  data["level"] = std::string(log::name_of(log::level()));
  return success(call.request, std::move(data));
}

/// The log itself keeps who did it, whichever of the two levels shows less.
void change_level(log::Level level, const Call& call) {
  const auto before = log::level();
  log::set_level(std::min({before, level, log::Level::Warn}));
  log::warn("log level changed", {{"from", log::name_of(before)},
                                  {"to", log::name_of(level)},
                                  {"by", call.caller.name},
                                  {"address", call.request.client_address},
                                  {"request_id", call.request.id}});
  log::set_level(level);
}

Result<Response> put_log_level(ApiContext& context, const Call& call) {
  const auto parameters = Parameters::from(call.request);
  if (!parameters) return fail(parameters.error());
  const auto name = parameters->required_text("level");
  if (!name) return fail(name.error());
  const auto level = log::level_called(*name);
  if (!level) {
    return fail(ErrorCode::InvalidArgument,
                "read the parameter level: one of debug, info, warn, error is expected");
  }
  change_level(*level, call);
  return get_log_level(context, call);
}

}  // namespace

std::vector<Route> log_level_routes(ApiContext& context) {
  return {
      route(context, "GET", "/cerobot/sync/log-level", Role::Read, get_log_level),
      route(context, "PUT", "/cerobot/sync/log-level", Role::Admin, put_log_level),
  };
}

}  // namespace gitferry::api

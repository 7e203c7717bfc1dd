#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "agent/base/log.h"
#include "agent/base/supervision.h"
#include "agent/base/text.h"
#include "api/json.h"
#include "api/management_routes.h"

namespace gitferry::api {
namespace {

constexpr const char* kStuck = "a thread is stuck";

Response state_answer(int status, const char* state, const Json::Value& checks = {}) {
  Json::Value body(Json::objectValue);
  body["status"] = state;
  if (!checks.isNull()) body["checks"] = checks;
  Response response;
  response.status = status;
  response.body = to_text(body);
  return response;
}

/// A refused file never makes the agent unready: it works on with the one in force, and restarting it would
/// end that.
std::string configuration_check(const ConfigurationState& state) {
  if (state.refused_at_ms == 0) return "ok";
  return "a later file was refused at " + rfc3339(state.refused_at_ms) + "; see the log";
}

/// Which hosts do not answer is for those who may read the status: here is how many.
std::string hosts_check(std::size_t resting) {
  return resting == 0 ? "ok" : fmt::format("{} not answering", resting);
}

/// Alive is: every thread goes on, which a restart mends where one does not.
Response get_liveness() {
  const auto late = late_threads();
  return late.empty() ? state_answer(200, "ok") : state_answer(503, kStuck);
}

/// Ready is: every thread goes on, and the store answers. Git hosts do not count, since restarting cannot
/// mend them.
Response get_readiness(ApiContext& context, const PublicView& view, const Request& request) {
  const auto late = late_threads();
  const auto due = context.store.next_due_after(to_epoch_ms(context.clock.now()));
  if (!due) log::warn("not ready", {{"reason", due.error().text()}});
  const auto* const store = due ? "ok" : "not available";
  Json::Value checks;
  const auto is_verbose = [](const Parameter& parameter) { return parameter.name == "verbose"; };
  if (std::any_of(request.query.begin(), request.query.end(), is_verbose)) {
    checks["threads"] = late.empty() ? "ok" : "stuck: " + text_of(late);
    checks["store"] = store;
    checks["configuration"] = configuration_check(context.configuration());
    checks["git_hosts"] = hosts_check(context.sync.resting_hosts().size());
    checks["notifications"] = view.notifications ? view.notifications() : "off";
    checks["reconcile"] = std::string(name_of(context.sync.reconcile_state()));
  }
  if (!late.empty()) return state_answer(503, kStuck, checks);
  return due ? state_answer(200, "ok", checks) : state_answer(503, "store not available", checks);
}

Response get_version() {
  Json::Value body(Json::objectValue);
  body["name"] = "gitferry";
  body["version"] = GITFERRY_VERSION;
  Response response;
  response.body = to_text(body);
  return response;
}

}  // namespace

std::vector<Route> health_routes(ApiContext& context, const PublicView& view) {
  std::vector<Route> routes;
  const auto live = [](const Call&) { return get_liveness(); };
  const auto ready = [&context, view](const Call& call) {
    return get_readiness(context, view, call.request);
  };
  const auto version = [](const Call&) { return get_version(); };
  // At once, so that it answers whatever keeps the workers.
  routes.push_back({"GET", "/livez", std::nullopt, kNoBody, live, nullptr, Place::Receiver});
  routes.push_back({"GET", "/readyz", std::nullopt, kNoBody, ready, nullptr});
  routes.push_back({"GET", "/healthz", std::nullopt, kNoBody, ready, nullptr});
  for (auto& route : routes) route.is_unlimited = true;
  routes.push_back({"GET", "/version", std::nullopt, kNoBody, version, nullptr});
  return routes;
}

}  // namespace gitferry::api

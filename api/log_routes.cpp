#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "api/management_routes.h"
#include "api/parameters.h"
#include "api/route_parts.h"
#include "api/rows.h"

namespace gitferry::api {
namespace {

constexpr std::int64_t kStatusPageSize = 100;

/// Whether any of the ids is, or once was, of a branch of these repositories; no names: of all. A branch that
/// was ever synced has a lane still.
Result<bool> any_belongs(ApiContext& context, const std::vector<std::int64_t>& ids,
                         const std::vector<std::string>& names) {
  const std::set<std::int64_t> wanted(ids.begin(), ids.end());
  const auto bindings = context.bindings.snapshot();
  for (const auto& [name, binding] : bindings->repositories) {
    if (!names.empty() && std::find(names.begin(), names.end(), name) == names.end()) continue;
    for (const auto& branch : binding.branches) {
      if (wanted.count(branch.id) > 0) return true;
    }
  }
  const auto lanes = names.empty() ? context.store.lanes() : context.store.lanes_of_repositories(names);
  if (!lanes) return fail(lanes.error());
  return std::any_of(lanes->begin(), lanes->end(),
                     [&](const LaneRow& lane) { return wanted.count(lane.branch_id) > 0; });
}

Result<Response> logs_of(ApiContext& context, const Call& call, const Parameters& parameters,
                         const std::vector<std::string>& names) {
  const auto page = parameters.page();
  if (!page) return fail(page.error());
  const auto ids = parameters.ids("branch_id");
  if (!ids) return fail(ids.error());
  const auto bindings = context.bindings.snapshot();
  for (const auto& name : names) {
    if (bindings->find(name) == nullptr) return fail(repository_unknown("read the log", name));
  }
  const auto runs = context.store.runs(RunFilter{names, *ids}, *page);
  if (runs && runs->total == 0 && !ids->empty()) {
    const auto belongs = any_belongs(context, *ids, names);
    if (!belongs) return fail(belongs.error());
    if (!*belongs) {
      Json::Value members(Json::objectValue);
      members["data"] = Json::Value(Json::arrayValue);
      const Error error{ErrorCode::IdsDoNotMatch,
                        "read the log: none of the ids in branch_id is of a branch of these repositories",
                        "GET /cerobot/sync/{repo_name}/branch shows the ids",
                        {}};
      return failure_with(call.request, error, std::move(members));
    }
  }
  return listing(call, runs, &run_json);
}

/// The log of one repository, optionally of some of its branches only.
Result<Response> get_repository_logs(ApiContext& context, const Call& call) {
  const auto parameters = Parameters::from(call.request);
  if (!parameters) return fail(parameters.error());
  return logs_of(context, call, *parameters, {call.argument("repo_name")});
}

/// The log of several repositories; of all where none is named.
Result<Response> get_logs(ApiContext& context, const Call& call) {
  const auto parameters = Parameters::from(call.request);
  if (!parameters) return fail(parameters.error());
  const auto names = parameters->names("repo_name");
  if (!names) return fail(names.error());
  return logs_of(context, call, *parameters, *names);
}

Result<Response> get_audit(ApiContext& context, const Call& call) {
  const auto parameters = Parameters::from(call.request);
  if (!parameters) return fail(parameters.error());
  const auto page = parameters->page();
  if (!page) return fail(page.error());
  const auto repository = parameters->text("repo_name");
  if (!repository) return fail(repository.error());
  return listing(call, context.store.audit(AuditFilter{repository->value_or("")}, *page), &audit_json);
}

Result<Response> get_status(ApiContext& context, const Call& call) {
  const auto parameters = Parameters::from(call.request);
  if (!parameters) return fail(parameters.error());
  const auto page = parameters->page(kStatusPageSize);
  if (!page) return fail(page.error());
  const auto given = parameters->text("repo_name");
  if (!given) return fail(given.error());
  const auto repository = given->value_or("");
  const auto bindings = context.bindings.snapshot();
  if (!repository.empty() && bindings->find(repository) == nullptr) {
    return fail(repository_unknown("show the status", repository));
  }
  const auto branches = branch_statuses(*bindings, context.store, repository, *page);
  if (!branches) return fail(branches.error());
  std::vector<std::int64_t> lanes;
  for (const auto& branch : branches->rows) lanes.push_back(branch.lane ? branch.lane->id : 0);
  const auto progress = context.sync.progress_of(lanes);
  Json::Value data(Json::arrayValue);
  for (std::size_t i = 0; i < lanes.size(); ++i) data.append(status_json(branches->rows[i], progress[i]));
  return success(call.request, std::move(data), branches->total);
}

}  // namespace

std::vector<Route> log_routes(ApiContext& context) {
  return {
      route(context, "GET", "/cerobot/sync/repo/logs", Role::Read, get_logs),
      route(context, "GET", "/cerobot/sync/repo/{repo_name}/logs", Role::Read, get_repository_logs),
      route(context, "GET", "/cerobot/sync/status", Role::Read, get_status),
      route(context, "GET", "/cerobot/sync/audit", Role::Admin, get_audit),
  };
}

}  // namespace gitferry::api

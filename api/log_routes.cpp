#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/text.h"
#include "agent/sync/standing_since.h"
#include "agent/sync/status_overview.h"
#include "api/etag.h"
#include "api/management_routes.h"
#include "api/parameters.h"
#include "api/route_parts.h"
#include "api/rows.h"
#include "api/values.h"

namespace gitferry::api {
namespace {

constexpr std::int64_t kStatusPageSize = 100;
constexpr std::int64_t kShownRunsLimit = 50;

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

Result<std::vector<Standing>> standings_of(const Parameters& parameters) {
  const auto names = parameters.names("state");
  if (!names) return fail(names.error());
  std::vector<Standing> standings;
  for (const auto& name : *names) {
    const auto standing = standing_called(name);
    if (!standing) {
      return fail(ErrorCode::InvalidArgument,
                  "read the parameter state: words separated by commas are expected, as in failed,diverged");
    }
    standings.push_back(*standing);
  }
  return standings;
}

/// What is asked of the status.
struct StatusQuery {
  std::string repository;
  StatusFilter filter;
  bool is_counted = false;
  std::int64_t runs = 0;  ///< how many of the last ones each row shows
  Page page;

  /// Whether the lanes of the page alone do not answer it.
  [[nodiscard]] bool needs_all() const {
    return is_counted || !filter.standings.empty() || !filter.search.empty();
  }
};

Result<StatusQuery> status_query(const Call& call) {
  const auto parameters = Parameters::from(call.request);
  if (!parameters) return fail(parameters.error());
  const auto page = parameters->page(kStatusPageSize);
  if (!page) return fail(page.error());
  const auto repository = parameters->text("repo_name");
  if (!repository) return fail(repository.error());
  auto standings = standings_of(*parameters);
  if (!standings) return fail(standings.error());
  const auto search = parameters->text("search");
  if (!search) return fail(search.error());
  const auto is_counted = parameters->boolean("counts");
  if (!is_counted) return fail(is_counted.error());
  const auto runs = parameters->number("runs", 0, kShownRunsLimit);
  if (!runs) return fail(runs.error());
  return StatusQuery{repository->value_or(""),
                     {std::move(*standings), search->value_or("")},
                     is_counted->value_or(false),
                     runs->value_or(0),
                     *page};
}

Result<StatusOverview> overview_of(ApiContext& context, const StatusQuery& query) {
  const auto bindings = context.bindings.snapshot();
  if (!query.repository.empty() && bindings->find(query.repository) == nullptr) {
    return fail(repository_unknown("show the status", query.repository));
  }
  if (query.needs_all()) {
    return status_overview(*bindings, context.store, query.repository, query.filter, query.page);
  }
  auto page = branch_statuses(*bindings, context.store, query.repository, query.page);
  if (!page) return fail(page.error());
  return StatusOverview{std::move(*page), {}};
}

/// The host at which the branch's run waits for an answer; empty: none.
std::string awaited_host(const BindingSnapshot& bindings, const std::vector<std::string>& resting,
                         const BranchStatus& branch) {
  const auto* binding = bindings.find(branch.key.repository);
  if (binding == nullptr || !branch.lane || !branch.lane->is_pending()) return {};
  for (const auto* address : {&binding->internal, &binding->external}) {
    if (auto host = address->host_key(); std::ranges::find(resting, host) != resting.end()) return host;
  }
  return {};
}

Json::Value counts_json(const StatusOverview& overview) {
  Json::Value counts(Json::objectValue);
  for (std::size_t i = 0; i < kStandings; ++i) {
    counts[std::string(name_of(static_cast<Standing>(i)))] = number(overview.counts.at(i));
  }
  return counts;
}

/// What the last runs of a branch tell: one mark each, and since when it stands as it does.
void add_history(Json::Value& row, const BranchStatus& branch, const std::vector<RunMark>& runs,
                 std::int64_t limit) {
  row["recent_runs"] = Json::Value(Json::arrayValue);
  for (const auto& run : runs) row["recent_runs"].append(run_mark_json(run));
  const auto since = standing_since(branch, runs, static_cast<std::size_t>(limit));
  row["since"] = since ? time_or_null(since->at_ms) : Json::Value();
  row["since_exact"] = since ? Json::Value(since->is_exact) : Json::Value();
}

Result<Response> get_status(ApiContext& context, const Call& call) {
  const auto query = status_query(call);
  if (!query) return fail(query.error());
  const auto overview = overview_of(context, *query);
  if (!overview) return fail(overview.error());
  const auto& rows = overview->listing.rows;
  std::vector<std::int64_t> lanes;
  lanes.reserve(rows.size());
  for (const auto& branch : rows) lanes.push_back(branch.lane ? branch.lane->id : 0);
  Result<std::vector<std::vector<RunMark>>> runs;
  if (query->runs > 0) runs = context.store.latest_runs(lanes, query->runs);
  if (!runs) return fail(runs.error());
  const auto progress = context.sync.progress_of(lanes);
  const auto resting = context.sync.resting_hosts();
  const auto bindings = context.bindings.snapshot();
  Json::Value members(Json::objectValue);
  members["data"] = Json::Value(Json::arrayValue);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto row = status_json(rows[i], progress[i], awaited_host(*bindings, resting, rows[i]));
    if (query->runs > 0) add_history(row, rows[i], runs->at(i), query->runs);
    members["data"].append(std::move(row));
  }
  members["total"] = number(overview->listing.total);
  if (query->is_counted) members["counts"] = counts_json(*overview);
  return with_etag(call.request, success_with(call.request, std::move(members)));
}

/// One run of the log, and while it goes on, how far it is.
Result<Response> get_run(ApiContext& context, const Call& call) {
  if (const auto parameters = Parameters::from(call.request); !parameters) return fail(parameters.error());
  const auto& id_text = call.argument("id");
  const auto id = parse_number(id_text);
  if (!id) return fail(ErrorCode::InvalidArgument, "read the id of the run in the path: it is no number");
  const auto run = context.store.run(*id);
  if (!run) return fail(run.error());
  if (!*run) {
    return fail(ErrorCode::NoData, "find run " + id_text + ": there is none of that id any more",
                "GET /cerobot/sync/repo/logs lists those that are kept");
  }
  auto row = run_json(**run);
  const auto lane = (*run)->lane_id;
  const bool is_running = (*run)->state == RunState::Running;
  row["progress"] =
      is_running ? progress_json(context.sync.progress_of(std::span(&lane, 1)).front()) : Json::Value();
  return with_etag(call.request, success(call.request, std::move(row)));
}

}  // namespace

std::vector<Route> log_routes(ApiContext& context) {
  return {
      route(context, "GET", "/cerobot/sync/repo/logs", Role::Read, get_logs),
      route(context, "GET", "/cerobot/sync/repo/{repo_name}/logs", Role::Read, get_repository_logs),
      route(context, "GET", "/cerobot/sync/runs/{id}", Role::Read, get_run),
      route(context, "GET", "/cerobot/sync/status", Role::Read, get_status),
      route(context, "GET", "/cerobot/sync/audit", Role::Admin, get_audit),
  };
}

}  // namespace gitferry::api

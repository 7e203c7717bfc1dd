#include "api/management_routes.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <json/value.h>

#include "agent/base/guarded.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "api/envelope.h"
#include "api/json.h"
#include "api/parameters.h"
#include "api/rows.h"

namespace gitferry::api {
namespace {

constexpr std::int64_t kWaitDefault = 60;
constexpr std::int64_t kWaitLimit = 600;
constexpr std::size_t kIdsLimit = 1000;
/// A request that waits for a run or a plan holds a thread; most of the server's threads stay for webhooks.
constexpr int kWaitersLimit = 64;

/// `1,2,3`, as the API document writes it.
Result<std::vector<std::int64_t>> branch_ids(const std::optional<std::string>& text) {
  std::vector<std::int64_t> ids;
  if (!text || text->empty()) return ids;
  for (const auto part : split(*text, ',')) {
    const auto id = parse_number(trim(part));
    if (!id || ids.size() >= kIdsLimit) {
      return fail(ErrorCode::InvalidArgument,
                  "read the parameter branch_id: numbers separated by commas are expected",
                  "for example branch_id=1,2,3");
    }
    ids.push_back(*id);
  }
  return ids;
}

template <typename Row>
Response listing(const Request& request, const Result<Listing<Row>>& found, Json::Value (*show)(const Row&)) {
  if (!found) return failure(request, found.error());
  Json::Value data(Json::arrayValue);
  for (const auto& row : found->rows) data.append(show(row));
  return success(request, std::move(data), found->total);
}

/// Sync logs of one repository, newest first, optionally of some of its branches only.
Response get_logs(ApiContext& context, const Call& call) {
  const auto& request = call.request;
  const auto& repository = call.argument("repo_name");
  const auto parameters = Parameters::from(request);
  if (!parameters) return failure(request, parameters.error());
  const auto page = parameters->page();
  if (!page) return failure(request, page.error());
  const auto ids_text = parameters->text("branch_id");
  if (!ids_text) return failure(request, ids_text.error());
  auto ids = branch_ids(*ids_text);
  if (!ids) return failure(request, ids.error());
  if (context.sync.snapshot()->find(repository) == nullptr) {
    return failure(request,
                   Error{ErrorCode::RepositoryUnknown, "no repository of that name is bound", {}, {}});
  }
  return listing(request, context.store.runs(RunFilter{{repository}, std::move(*ids)}, *page), &run_json);
}

Response get_deliveries(ApiContext& context, const Request& request) {
  const auto parameters = Parameters::from(request);
  if (!parameters) return failure(request, parameters.error());
  const auto page = parameters->page();
  if (!page) return failure(request, page.error());
  const auto repository = parameters->text("repo_name");
  if (!repository) return failure(request, repository.error());
  return listing(request, context.store.deliveries({repository->value_or(""), {}}, *page), &delivery_json);
}

Response get_status(ApiContext& context, const Request& request) {
  const auto parameters = Parameters::from(request);
  if (!parameters) return failure(request, parameters.error());
  const auto repository = parameters->text("repo_name");
  if (!repository) return failure(request, repository.error());
  const auto lanes = context.store.lanes();
  if (!lanes) return failure(request, lanes.error());
  Json::Value data(Json::arrayValue);
  for (const auto& lane : *lanes) {
    if (!*repository || lane.key.repository == **repository) data.append(lane_json(lane));
  }
  const auto total = static_cast<std::int64_t>(data.size());
  return success(request, std::move(data), total);
}

struct SyncParameters {
  std::optional<Direction> direction;
  std::chrono::seconds wait{kWaitDefault};
  bool dry_run = false;
};

Result<SyncParameters> sync_wish(const Request& request) {
  const auto parameters = Parameters::from(request);
  if (!parameters) return fail(parameters.error());
  const auto direction = parameters->number("sync_direct", INT64_MIN, INT64_MAX);
  if (!direction) return fail(direction.error());
  if (*direction && **direction != 1 && **direction != 2) {
    return fail(ErrorCode::DirectionInvalid, "read the parameter sync_direct: 1 or 2 is expected");
  }
  for (const char* name : {"force", "force_flag"}) {
    const auto force = parameters->boolean(name);
    if (!force) return fail(force.error());
    if (force->value_or(false)) {
      return fail(
          ErrorCode::InvalidArgument,
          "read the parameter " + std::string(name) + ": rewriting a target is not available in this version",
          "leave it out");
    }
  }
  const auto wait = parameters->number("wait", 0, kWaitLimit);
  if (!wait) return fail(wait.error());
  const auto dry_run = parameters->boolean("dry_run");
  if (!dry_run) return fail(dry_run.error());
  SyncParameters wish;
  if (*direction) wish.direction = static_cast<Direction>(**direction);
  wish.wait = std::chrono::seconds{wait->value_or(kWaitDefault)};
  wish.dry_run = dry_run->value_or(false);
  return wish;
}

/// The code of several lanes together is that of the first that failed; pending only where none did.
Response sync_answer(const Request& request, const std::vector<SyncOutcome>& outcomes) {
  Json::Value runs(Json::arrayValue);
  const Error* failed = nullptr;
  bool is_pending = false;
  for (const auto& outcome : outcomes) {
    runs.append(outcome_json(outcome));
    if (!outcome.finished) is_pending = true;
    if (outcome.finished && outcome.report.error && failed == nullptr) failed = &*outcome.report.error;
  }
  if (failed != nullptr) return failure_with_runs(request, *failed, std::move(runs));
  if (is_pending) {
    const Error pending{ErrorCode::RunPending,
                        "the run is still pending or running",
                        "look at GET /cerobot/sync/status, or wait longer",
                        {}};
    return failure_with_runs(request, pending, std::move(runs));
  }
  return success_with_runs(request, std::move(runs));
}

/// One of the kWaitersLimit places for requests that wait; given back on destruction.
class WaiterPlace {
 public:
  explicit WaiterPlace(Guarded<int>& taken) : taken_(taken) {
    auto count = taken_.lock();
    is_granted_ = *count < kWaitersLimit;
    if (is_granted_) ++*count;
  }
  ~WaiterPlace() {
    if (is_granted_) --*taken_.lock();
  }
  WaiterPlace(const WaiterPlace&) = delete;
  WaiterPlace& operator=(const WaiterPlace&) = delete;
  [[nodiscard]] bool is_granted() const { return is_granted_; }

 private:
  Guarded<int>& taken_;
  bool is_granted_ = false;
};

Response too_many_waiters(const Request& request) {
  auto response = failure(request, Error{ErrorCode::Unavailable,
                                         std::to_string(kWaitersLimit) +
                                             " requests wait for their runs already; nothing was started",
                                         "send wait=0 and look at GET /cerobot/sync/status, or try again",
                                         {}});
  response.headers.emplace_back("Retry-After", "5");
  return response;
}

/// `{branch}` is the name on the source side of the direction.
Response post_branch_sync(ApiContext& context, Guarded<int>& waiters, const Call& call) {
  const auto& request = call.request;
  const auto wish = sync_wish(request);
  if (!wish) return failure(request, wish.error());
  std::optional<WaiterPlace> place;
  if (wish->dry_run || wish->wait.count() > 0) {
    place.emplace(waiters);
    if (!place->is_granted()) return too_many_waiters(request);
  }
  const auto& repository = call.argument("repo_name");
  const auto& branch = call.argument("branch");
  const SyncWish asked{wish->direction, wish->wait, false};
  const auto outcomes = wish->dry_run ? context.sync.plan_branch(repository, branch, asked)
                                      : context.sync.sync_branch(repository, branch, asked);
  if (!outcomes) return failure(request, outcomes.error());
  return sync_answer(request, *outcomes);
}

Response state_answer(int status, const char* state) {
  Json::Value body(Json::objectValue);
  body["status"] = state;
  Response response;
  response.status = status;
  response.body = to_text(body);
  return response;
}

/// Ready is: the store answers. Git hosts do not count, since restarting cannot mend them.
Response get_readiness(ApiContext& context) {
  const auto due = context.store.next_due_after(to_epoch_ms(context.clock.now()));
  if (!due) {
    log::warn("not ready", {{"reason", due.error().text()}});
    return state_answer(503, "store not available");
  }
  return state_answer(200, "ok");
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

std::vector<Route> management_routes(ApiContext& context) {
  std::vector<Route> routes;
  routes.push_back({"GET", "/cerobot/sync/repo/{repo_name}/logs", Role::Read, kApiBodyLimit,
                    [&context](const Call& call) { return get_logs(context, call); }, nullptr});
  routes.push_back({"GET", "/cerobot/sync/deliveries", Role::Read, kApiBodyLimit,
                    [&context](const Call& call) { return get_deliveries(context, call.request); }, nullptr});
  routes.push_back({"GET", "/cerobot/sync/status", Role::Read, kApiBodyLimit,
                    [&context](const Call& call) { return get_status(context, call.request); }, nullptr});
  routes.push_back({"POST", "/cerobot/sync/{repo_name}/branch/{branch...}", Role::Operate, kApiBodyLimit,
                    [&context, waiters = std::make_shared<Guarded<int>>()](const Call& call) {
                      return post_branch_sync(context, *waiters, call);
                    },
                    nullptr});
  return routes;
}

std::vector<Route> health_routes(ApiContext& context) {
  std::vector<Route> routes;
  const auto live = [](const Call&) { return state_answer(200, "ok"); };
  const auto ready = [&context](const Call&) { return get_readiness(context); };
  const auto version = [](const Call&) { return get_version(); };
  routes.push_back({"GET", "/livez", std::nullopt, kApiBodyLimit, live, nullptr});
  routes.push_back({"GET", "/readyz", std::nullopt, kApiBodyLimit, ready, nullptr});
  routes.push_back({"GET", "/healthz", std::nullopt, kApiBodyLimit, ready, nullptr});
  routes.push_back({"GET", "/version", std::nullopt, kApiBodyLimit, version, nullptr});
  return routes;
}

}  // namespace gitferry::api

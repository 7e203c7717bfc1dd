#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/guarded.h"
#include "agent/base/log.h"
#include "api/management_routes.h"
#include "api/parameters.h"
#include "api/route_parts.h"
#include "api/sync_answer.h"

namespace gitferry::api {
namespace {

constexpr std::int64_t kWaitDefault = 60;
constexpr std::int64_t kWaitLimit = 600;
/// A request that waits for a run or a plan holds a thread; most of the server's threads stay for webhooks.
constexpr int kWaitersLimit = 64;

struct SyncParameters {
  SyncWish wish;
  bool dry_run = false;
  /// Whether sync_direct, where it is given, is a direction. It is refused only after the repository was
  /// looked at, as the API document has it.
  bool is_direction_valid = true;

  [[nodiscard]] bool waits() const { return dry_run || wish.wait.count() > 0; }
};

Result<bool> force_of(const Parameters& parameters) {
  bool is_forced = false;
  for (const char* name : {"force", "force_flag"}) {
    const auto force = parameters.boolean(name);
    if (!force) return fail(force.error());
    is_forced = is_forced || force->value_or(false);
  }
  return is_forced;
}

Result<SyncParameters> sync_parameters(const Call& call) {
  const auto parameters = Parameters::from(call.request);
  if (!parameters) return fail(parameters.error());
  const auto direction = parameters->text("sync_direct");
  if (!direction) return fail(direction.error());
  const auto force = force_of(*parameters);
  if (!force) return fail(force.error());
  const auto wait = parameters->number("wait", 0, kWaitLimit);
  if (!wait) return fail(wait.error());
  const auto dry_run = parameters->boolean("dry_run");
  if (!dry_run) return fail(dry_run.error());
  if (*force && call.caller.role != Role::Admin) {
    return fail(ErrorCode::Forbidden, "force a sync: it may rewrite the target, which needs the role admin",
                "use a token with role admin, or leave `force` out");
  }
  SyncParameters asked;
  if (*direction) {
    asked.wish.direction = direction_from(**direction);
    asked.is_direction_valid = asked.wish.direction.has_value();
  }
  asked.wish.wait = std::chrono::seconds{wait->value_or(kWaitDefault)};
  asked.wish.force = *force;
  asked.dry_run = dry_run->value_or(false);
  return asked;
}

/// In the order of the API document: a wrong direction is told of only where the repository could be synced.
Error direction_error(const ApiContext& context, const std::string& repository) {
  const auto bindings = context.bindings.snapshot();
  const auto* binding = bindings->find(repository);
  if (binding == nullptr) return repository_unknown("start the sync", repository);
  if (!binding->enabled) {
    return {ErrorCode::NotEnabled,
            "sync '" + repository + "': the repository is disabled",
            "enable it and sync again",
            {}};
  }
  return {ErrorCode::DirectionInvalid,
          "read the parameter sync_direct: 1 (to_outer) or 2 (to_inter) is expected",
          "leave it out for the direction of the binding",
          {}};
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
  return with_retry_after(failure(
      request,
      Error{ErrorCode::Unavailable,
            std::to_string(kWaitersLimit) + " requests wait for their runs already; nothing was started",
            "send wait=0 and look at GET /cerobot/sync/status, or try again",
            {}}));
}

/// A repository that has to be listed is so after the answer where nobody waits for it.
bool goes_on_after(const ApiContext& context, const std::string& repository, const SyncParameters& asked) {
  if (asked.waits()) return false;
  const auto bindings = context.bindings.snapshot();
  const auto* binding = bindings->find(repository);
  return binding != nullptr && binding->needs_listing();
}

/// `branch` empty: the whole repository.
Result<std::vector<SyncOutcome>> outcomes_of(SyncService& sync, const std::string& repository,
                                             const std::string& branch, const SyncParameters& asked) {
  if (branch.empty()) {
    return asked.dry_run ? sync.plan_repository(repository, asked.wish)
                         : sync.sync_repository(repository, asked.wish);
  }
  return asked.dry_run ? sync.plan_branch(repository, branch, asked.wish)
                       : sync.sync_branch(repository, branch, asked.wish);
}

/// Its runs carry no request: by this line, and the branch, they are found.
void log_wish(const Call& call, const std::string& repository, const std::string& branch,
              const SyncParameters& asked) {
  log::write(asked.dry_run ? log::Level::Debug : log::Level::Info, "sync asked for",
             {{"repo", repository},
              {"branch", branch},
              {"force", asked.wish.force},
              {"dry_run", asked.dry_run},
              {"by", call.caller.name},
              {"address", call.request.client_address},
              {"request_id", call.request.id}});
}

/// Both sync routes. The branch's name is that on the source side of the direction.
Result<Response> post_sync(ApiContext& context, Guarded<int>& waiters, const Call& call) {
  const auto asked = sync_parameters(call);
  if (!asked) return fail(asked.error());
  const auto& repository = call.argument("repo_name");
  const auto& branch = call.argument("branch_name");
  if (!asked->is_direction_valid) return fail(direction_error(context, repository));
  std::optional<WaiterPlace> place;
  if (asked->waits()) {
    place.emplace(waiters);
    if (!place->is_granted()) return too_many_waiters(call.request);
  }
  log_wish(call, repository, branch, *asked);
  const bool goes_on = branch.empty() && goes_on_after(context, repository, *asked);
  const auto outcomes = outcomes_of(context.sync, repository, branch, *asked);
  if (!outcomes) return fail(outcomes.error());
  return sync_answer(call.request, *outcomes, {asked->dry_run, goes_on});
}

}  // namespace

std::vector<Route> sync_routes(ApiContext& context) {
  const Handler post = [waiters = std::make_shared<Guarded<int>>()](ApiContext& of, const Call& call) {
    return post_sync(of, *waiters, call);
  };
  std::vector<Route> routes{
      route(context, "POST", "/cerobot/sync/repo/{repo_name}", Role::Operate, post),
      route(context, "POST", "/cerobot/sync/{repo_name}/branch/{branch_name...}", Role::Operate, post),
  };
  for (auto& each : routes) each.place = Place::Patient;  // they wait for runs
  return routes;
}

}  // namespace gitferry::api

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/model/ref_name.h"
#include "api/management_routes.h"
#include "api/parameters.h"
#include "api/route_parts.h"
#include "api/values.h"

namespace gitferry::api {
namespace {

/// A host that takes longer would hold up whoever fills in a form.
constexpr std::chrono::seconds kLongestListing{15};
/// Enough to choose from; how many there are is told besides.
constexpr std::size_t kShownBranches = 200;

Result<RepositoryToCheck> repository_to_check(const Parameters& parameters) {
  RepositoryToCheck given;
  for (const auto& [name, text] : {std::pair("repo_name", &given.name),
                                   {"internal_repo_address", &given.internal},
                                   {"external_repo_address", &given.external}}) {
    auto value = parameters.text(name);
    if (!value) return fail(std::move(value.error()));
    *text = std::move(*value);
  }
  for (const auto& [name, token] :
       {std::pair("inter_token", &given.internal_token), {"exter_token", &given.external_token}}) {
    auto value = parameters.secret(name);
    if (!value) return fail(std::move(value.error()));
    *token = std::move(*value);
  }
  if (given.name || given.internal || given.external) return given;
  return fail(ErrorCode::InvalidArgument, "read the parameters: there is nothing to check",
              "give one of repo_name, internal_repo_address and external_repo_address");
}

Json::Value judged(const std::optional<Error>& error) {
  Json::Value row(Json::objectValue);
  row["code_status"] = error ? info(error->code).code_status : 0;
  row["error"] = error ? Json::Value(std::string(info(error->code).name)) : Json::Value();
  row["detail"] = error ? clean_text(error->text()) : Json::Value();
  return row;
}

/// What the host of a side says, where there is nothing wrong with what is given for it.
Json::Value side_json(SyncService& sync, const RepositoryCheck& check, Side side) {
  const auto& error = side == Side::Internal ? check.internal : check.external;
  std::vector<RefTip> branches;
  auto row = judged(error);
  if (!error) {
    auto listed = sync.list_branches(check.binding, side, kLongestListing);
    row = judged(listed ? std::nullopt : std::optional(listed.error()));
    if (listed) branches = std::move(*listed);
  }
  row["branch_count"] = number(static_cast<std::int64_t>(branches.size()));
  row["branches"] = Json::Value(Json::arrayValue);
  for (std::size_t i = 0; i < std::min(branches.size(), kShownBranches); ++i)
    row["branches"].append(clean_text(branch_or_ref(branches[i].ref)));
  return row;
}

/// Nothing is bound by it. It is for those who may bind: it shows a host the credentials that a sync would.
Result<Response> post_check(ApiContext& context, const Call& call) {
  const auto parameters = Parameters::from(call.request);
  if (!parameters) return fail(parameters.error());
  const auto given = repository_to_check(*parameters);
  if (!given) return fail(given.error());
  const auto check = context.bindings.check_repository(*given);
  Json::Value data(Json::objectValue);
  data["repo_name"] = given->name ? judged(check.name) : Json::Value();
  data["internal"] = given->internal ? side_json(context.sync, check, Side::Internal) : Json::Value();
  data["external"] = given->external ? side_json(context.sync, check, Side::External) : Json::Value();
  return success(call.request, std::move(data));
}

}  // namespace

std::vector<Route> check_routes(ApiContext& context) {
  std::vector<Route> routes{route(context, "POST", "/cerobot/sync/check", Role::Admin, post_check)};
  routes.front().place = Place::Patient;  // it waits for git hosts
  return routes;
}

}  // namespace gitferry::api

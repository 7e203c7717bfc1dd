#include <algorithm>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "api/binding_json.h"
#include "api/management_routes.h"
#include "api/parameters.h"
#include "api/route_parts.h"

namespace gitferry::api {
namespace {

Result<BranchBinding> branch_to_bind(const Parameters& parameters) {
  BranchBinding wanted;
  const auto enabled = parameters.required_boolean("enable");
  if (!enabled) return fail(enabled.error());
  wanted.enabled = *enabled;
  auto internal = parameters.required_text("internal_branch_name");
  if (!internal) return fail(std::move(internal.error()));
  wanted.internal = std::move(*internal);
  auto external = parameters.required_text("external_branch_name");
  if (!external) return fail(std::move(external.error()));
  wanted.external = std::move(*external);
  return wanted;
}

Result<Response> post_branch(ApiContext& context, const Call& call) {
  const auto parameters = Parameters::from(call.request);
  if (!parameters) return fail(parameters.error());
  const auto wanted = branch_to_bind(*parameters);
  if (!wanted) return fail(wanted.error());
  const auto bound = context.bindings.bind_branch(call.argument("repo_name"), *wanted, actor_of(call));
  if (!bound) return fail(bound.error());
  return success(call.request, branch_json(*bound));
}

/// The page's branches of a repository, by (created_at, id).
std::vector<BranchBinding> page_of(const RepositoryBinding& binding, const Page& page) {
  auto branches = binding.branches;
  const auto age = [](const BranchBinding& branch) { return std::tie(branch.created_at_ms, branch.id); };
  std::sort(branches.begin(), branches.end(), [&](const BranchBinding& left, const BranchBinding& right) {
    return page.ascending ? age(left) < age(right) : age(right) < age(left);
  });
  const auto slice = slice_of(page, branches.size());
  return {branches.begin() + static_cast<std::ptrdiff_t>(slice.first),
          branches.begin() + static_cast<std::ptrdiff_t>(slice.last)};
}

Result<Response> get_branches(ApiContext& context, const Call& call) {
  const auto parameters = Parameters::from(call.request);
  if (!parameters) return fail(parameters.error());
  const auto page = parameters->page();
  if (!page) return fail(page.error());
  const auto& name = call.argument("repo_name");
  const auto bindings = context.bindings.snapshot();
  const auto* binding = bindings->find(name);
  if (binding == nullptr) return fail(repository_unknown("list the branches", name));
  if (binding->granularity == Granularity::All) {
    return fail(
        ErrorCode::NoBranchInformation,
        "list the branches of '" + name + "': every branch of the repository is synced, none is bound",
        "GET /cerobot/sync/status shows those that were synced");
  }
  const auto branches = page_of(*binding, *page);
  if (branches.empty()) {
    return fail(ErrorCode::NoData, "list the branches of '" + name + "': there is none on this page");
  }
  const auto statuses = branch_statuses_of(*binding, branches, context.store);
  if (!statuses) return fail(statuses.error());
  Json::Value data(Json::arrayValue);
  for (std::size_t i = 0; i < branches.size(); ++i) {
    data.append(branch_row_json(*binding, branches[i], statuses->at(i)));
  }
  return success(call.request, std::move(data), static_cast<std::int64_t>(binding->branches.size()));
}

Result<Response> put_branch(ApiContext& context, const Call& call) {
  const auto parameters = Parameters::from(call.request);
  if (!parameters) return fail(parameters.error());
  const auto enabled = parameters->required_boolean("enable");
  if (!enabled) return fail(enabled.error());
  return changed(call,
                 context.bindings.set_branch_enabled(call.argument("repo_name"), call.argument("branch_name"),
                                                     *enabled, actor_of(call)));
}

Result<Response> delete_branch(ApiContext& context, const Call& call) {
  if (const auto parameters = Parameters::from(call.request); !parameters) return fail(parameters.error());
  return changed(call, context.bindings.unbind_branch(call.argument("repo_name"),
                                                      call.argument("branch_name"), actor_of(call)));
}

}  // namespace

std::vector<Route> branch_routes(ApiContext& context) {
  const char* const all = "/cerobot/sync/{repo_name}/branch";
  const char* const one = "/cerobot/sync/{repo_name}/branch/{branch_name...}";
  return {
      route(context, "POST", all, Role::Admin, post_branch),
      route(context, "GET", all, Role::Read, get_branches),
      route(context, "PUT", one, Role::Admin, put_branch),
      route(context, "DELETE", one, Role::Admin, delete_branch),
  };
}

}  // namespace gitferry::api

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/binding_json.h"
#include "api/management_routes.h"
#include "api/parameters.h"
#include "api/route_parts.h"

namespace gitferry::api {
namespace {

/// Types first; what the values mean is the registry's to check, in the order of the API document.
Result<RepositoryToBind> repository_to_bind(const Parameters& parameters) {
  auto name = parameters.required_text("repo_name");
  if (!name) return fail(std::move(name.error()));
  const auto enabled = parameters.required_boolean("enable");
  if (!enabled) return fail(enabled.error());
  auto internal = parameters.required_text("internal_repo_address");
  if (!internal) return fail(std::move(internal.error()));
  auto external = parameters.required_text("external_repo_address");
  if (!external) return fail(std::move(external.error()));
  const auto granularity = parameters.required_text("sync_granularity");
  if (!granularity) return fail(granularity.error());
  const auto direction = parameters.required_text("sync_direction");
  if (!direction) return fail(direction.error());
  auto internal_token = parameters.secret("inter_token");
  if (!internal_token) return fail(std::move(internal_token.error()));
  auto external_token = parameters.secret("exter_token");
  if (!external_token) return fail(std::move(external_token.error()));
  return RepositoryToBind{std::move(*name),
                          *enabled,
                          std::move(*internal),
                          std::move(*external),
                          granularity_from(*granularity),
                          binding_direction_from(*direction),
                          internal_token->value_or(Secret()),
                          external_token->value_or(Secret())};
}

Result<Response> post_repository(ApiContext& context, const Call& call) {
  const auto parameters = Parameters::from(call.request);
  if (!parameters) return fail(parameters.error());
  const auto wanted = repository_to_bind(*parameters);
  if (!wanted) return fail(wanted.error());
  const auto bound = context.bindings.bind_repository(*wanted, actor_of(call));
  if (!bound) return fail(bound.error());
  return success(call.request, repository_json(*bound));
}

/// The names of all bindings, or those of `only` that are bound, oldest first.
std::vector<std::string_view> names_by_age(const BindingSnapshot& bindings,
                                           const std::vector<std::string>& only) {
  const std::set<std::string_view> wanted(only.begin(), only.end());
  std::vector<std::string_view> found;
  if (wanted.empty()) found.reserve(bindings.by_age.size());
  for (const auto& name : bindings.by_age) {
    if (wanted.empty() || wanted.count(name) > 0) found.emplace_back(name);
  }
  return found;
}

/// The bindings that are on the page. Only those are looked up: of ten thousand that takes longer than the
/// rest of the answer.
std::vector<const RepositoryBinding*> on_page(const BindingSnapshot& bindings,
                                              const std::vector<std::string_view>& names, const Page& page) {
  const auto slice = slice_of(page, names.size());
  std::vector<const RepositoryBinding*> found;
  found.reserve(slice.last - slice.first);
  for (auto i = slice.first; i < slice.last; ++i)
    found.push_back(bindings.find(names[page.ascending ? i : names.size() - 1 - i]));
  return found;
}

Result<Response> get_repositories(ApiContext& context, const Call& call) {
  const auto parameters = Parameters::from(call.request);
  if (!parameters) return fail(parameters.error());
  const auto page = parameters->page();
  if (!page) return fail(page.error());
  const auto only = parameters->names("repo_name");
  if (!only) return fail(only.error());

  const auto bindings = context.bindings.snapshot();
  const auto names = names_by_age(*bindings, *only);
  const auto found = on_page(*bindings, names, *page);
  const auto statuses = repository_statuses(found, context.store);
  if (!statuses) return fail(statuses.error());
  Json::Value data(Json::arrayValue);
  for (std::size_t i = 0; i < found.size(); ++i) {
    data.append(repository_row_json(*found[i], statuses->at(i)));
  }
  return success(call.request, std::move(data), static_cast<std::int64_t>(names.size()));
}

Result<Response> put_repository(ApiContext& context, const Call& call) {
  const auto parameters = Parameters::from(call.request);
  if (!parameters) return fail(parameters.error());
  const auto enabled = parameters->required_boolean("enable");
  if (!enabled) return fail(enabled.error());
  return changed(
      call, context.bindings.set_repository_enabled(call.argument("repo_name"), *enabled, actor_of(call)));
}

Result<AddressChange> address_change(const Parameters& parameters) {
  auto internal = parameters.text("internal_repo_address");
  if (!internal) return fail(std::move(internal.error()));
  auto external = parameters.text("external_repo_address");
  if (!external) return fail(std::move(external.error()));
  auto internal_token = parameters.secret("inter_token");
  if (!internal_token) return fail(std::move(internal_token.error()));
  auto external_token = parameters.secret("exter_token");
  if (!external_token) return fail(std::move(external_token.error()));
  if (!*internal && !*external && !*internal_token && !*external_token) {
    return fail(ErrorCode::InvalidArgument, "read the parameters: there is nothing to change",
                "give one of internal_repo_address, external_repo_address, inter_token and exter_token");
  }
  return AddressChange{std::move(*internal), std::move(*external), std::move(*internal_token),
                       std::move(*external_token)};
}

Result<Response> put_addresses(ApiContext& context, const Call& call) {
  const auto parameters = Parameters::from(call.request);
  if (!parameters) return fail(parameters.error());
  const auto change = address_change(*parameters);
  if (!change) return fail(change.error());
  return changed(call,
                 context.bindings.change_addresses(call.argument("repo_name"), *change, actor_of(call)));
}

Result<Response> delete_repository(ApiContext& context, const Call& call) {
  // There is nothing to read, but a body that is none is refused here as everywhere.
  if (const auto parameters = Parameters::from(call.request); !parameters) return fail(parameters.error());
  return changed(call, context.bindings.unbind_repository(call.argument("repo_name"), actor_of(call)));
}

Result<Response> delete_override(ApiContext& context, const Call& call) {
  if (const auto parameters = Parameters::from(call.request); !parameters) return fail(parameters.error());
  return changed(call, context.bindings.reset_repository(call.argument("repo_name"), actor_of(call)));
}

}  // namespace

std::vector<Route> repository_routes(ApiContext& context) {
  const char* const all = "/cerobot/sync/repo";
  const char* const one = "/cerobot/sync/repo/{repo_name}";
  return {
      route(context, "POST", all, Role::Admin, post_repository),
      route(context, "GET", all, Role::Read, get_repositories),
      route(context, "PUT", one, Role::Admin, put_repository),
      route(context, "DELETE", one, Role::Admin, delete_repository),
      route(context, "PUT", "/cerobot/sync/repo/{repo_name}/repo_addr", Role::Admin, put_addresses),
      route(context, "DELETE", "/cerobot/sync/repo/{repo_name}/override", Role::Admin, delete_override),
  };
}

}  // namespace gitferry::api

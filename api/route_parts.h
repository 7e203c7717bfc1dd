#pragma once

#include <functional>
#include <string_view>
#include <utility>

#include <json/value.h>

#include "agent/base/result.h"
#include "agent/store/store.h"
#include "agent/sync/binding_registry.h"
#include "api/api_context.h"
#include "api/envelope.h"
#include "api/router_table.h"

namespace gitferry::api {

/// What the groups of management routes share.

/// An error becomes the envelope's answer to it.
using Handler = std::function<Result<Response>(ApiContext& context, const Call& call)>;
Route route(ApiContext& context, const char* method, const char* pattern, Role role, Handler handler);

/// The caller as the audit names it.
Actor actor_of(const Call& call);

/// RepositoryUnknown: `what` says what was attempted.
Error repository_unknown(std::string_view what, std::string_view name);

/// The answer to a change: `data` is null, as the API document has it.
Result<Response> changed(const Call& call, const Status& status);

/// The slice of `count` ordered things that a page shows: from `first` up to but without `last`.
struct Slice {
  std::size_t first = 0;
  std::size_t last = 0;
};
Slice slice_of(const Page& page, std::size_t count);

template <typename Row>
Result<Response> listing(const Call& call, const Result<Listing<Row>>& found,
                         Json::Value (*show)(const Row&)) {
  if (!found) return fail(found.error());
  Json::Value data(Json::arrayValue);
  for (const auto& row : found->rows) data.append(show(row));
  return success(call.request, std::move(data), found->total);
}

}  // namespace gitferry::api

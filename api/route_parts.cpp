#include "api/route_parts.h"

#include <algorithm>
#include <string>

#include "agent/base/text.h"

namespace gitferry::api {

Route route(ApiContext& context, const char* method, const char* pattern, Role role, Handler handler) {
  auto answer = [&context, handler = std::move(handler)](const Call& call) {
    auto result = handler(context, call);
    return result ? std::move(*result) : failure(call.request, result.error());
  };
  return {method, pattern, role, kApiBodyLimit, std::move(answer), nullptr};
}

Actor actor_of(const Call& call) {
  const bool is_command_line = call.request.only("x-gitferry-client") == "command-line";
  return {call.caller.name, is_command_line ? "command_line" : "api", call.request.id};
}

Error repository_unknown(std::string_view what, std::string_view name) {
  return {ErrorCode::RepositoryUnknown,
          std::string(what) + " of '" + shortened(name, 80) + "': no repository of that name is bound",
          "GET /cerobot/sync/repo lists the bound ones",
          {}};
}

Result<Response> changed(const Call& call, const Status& status) {
  if (!status) return fail(status.error());
  return success(call.request, Json::Value());
}

Slice slice_of(const Page& page, std::size_t count) {
  const auto size = static_cast<std::size_t>(page.size);
  const auto first = std::min(count, static_cast<std::size_t>(page.number - 1) * size);
  return {first, std::min(count, first + size)};
}

}  // namespace gitferry::api

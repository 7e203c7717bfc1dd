#include "api/router_table.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/base/log.h"
#include "agent/base/metrics.h"
#include "agent/base/text.h"
#include "api/auth.h"
#include "api/envelope.h"

namespace gitferry::api {
namespace {

std::string joined(const std::vector<std::string>& segments, std::size_t first) {
  std::string text;
  for (std::size_t i = first; i < segments.size(); ++i) {
    if (i > first) text += '/';
    text += segments[i];
  }
  return text;
}

/// The arguments where `pattern` matches the decoded segments. Variables never match an empty text.
std::optional<PathArguments> match(std::string_view pattern, const std::vector<std::string>& segments) {
  PathArguments arguments;
  const auto parts = split(pattern.substr(1), '/');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto part = parts[i];
    if (i >= segments.size()) return std::nullopt;
    if (!part.starts_with('{')) {
      if (segments[i] != part) return std::nullopt;
      continue;
    }
    const bool takes_rest = part.ends_with("...}");
    const auto name = part.substr(1, part.size() - (takes_rest ? 5 : 2));
    auto value = takes_rest ? joined(segments, i) : segments[i];
    if (value.empty()) return std::nullopt;
    arguments.emplace(name, std::move(value));
    if (takes_rest) return arguments;
  }
  if (segments.size() != parts.size()) return std::nullopt;
  return arguments;
}

/// Counts an answer, and has it in the log where that is to have everything. Of what a client sends only
/// words of ours become labels, and no line has his path or parameters. Probes are not worth a line.
void note_answer(const Route* route, const Request& request, int status) {
  constexpr std::array<std::string_view, 5> kMethods{"GET", "HEAD", "POST", "PUT", "DELETE"};
  const auto* const known = std::find(kMethods.begin(), kMethods.end(), request.method);
  const auto method = known == kMethods.end() ? std::string_view("other") : *known;
  const auto pattern = route == nullptr ? std::string_view("none") : std::string_view(route->pattern);
  metrics().http_requests.add({pattern, method, std::to_string(status)});
  if (log::level() > log::Level::Debug || (route != nullptr && route->is_unlimited)) return;
  log::debug("request answered", {{"method", method},
                                  {"route", pattern},
                                  {"status", status},
                                  {"address", request.client_address},
                                  {"request_id", request.id}});
}

}  // namespace

const std::string& Call::argument(std::string_view name) const {
  static const std::string empty;
  const auto found = arguments.find(name);
  return found == arguments.end() ? empty : found->second;
}

RouterTable::RouterTable(std::vector<Route> routes, const ApiContext& context)
    : routes_(std::move(routes)), tokens_(context.tokens), guard_(context.guard) {}

RouterTable::Match RouterTable::find(const Request& request) const {
  const std::string_view method = request.method == "HEAD" ? std::string_view("GET") : request.method;
  Match result;
  for (const auto& route : routes_) {
    auto arguments = match(route.pattern, request.segments);
    if (!arguments) continue;
    if (route.method == method) return {&route, std::move(*arguments), {}};
    const auto methods = route.method == "GET" ? std::string("GET, HEAD") : route.method;
    if (result.allowed.find(methods) != std::string::npos) continue;
    result.allowed += (result.allowed.empty() ? "" : ", ") + methods;
  }
  return result;
}

std::optional<Response> RouterTable::refusal_of_token(Role needed, const Request& request) const {
  if (const auto wait = guard_->look_at_tokens(request.client_address)) {
    return too_many_requests(request, *wait, "too many unknown tokens came from this address");
  }
  auto caller = authenticate(needed, request, *tokens_());
  if (caller) return std::nullopt;
  if (caller.error().status == 401 && request.count("authorization") > 0) {
    guard_->count_refused_token(request.client_address);
  }
  return std::move(caller.error());
}

Admission RouterTable::admit(const Request& request) const {
  const auto found = find(request);
  auto admission = admit(request, found);
  if (admission.refusal) note_answer(found.route, request, admission.refusal->status);
  return admission;
}

Admission RouterTable::admit(const Request& request, const Match& found) const {
  if (found.route == nullptr || !found.route->is_unlimited) {
    if (const auto wait = guard_->take_request(request.client_address)) {
      if (found.route != nullptr && found.route->on_rate_limited) found.route->on_rate_limited(request);
      return {0, too_many_requests(request, *wait, "too many requests came from this address")};
    }
  }
  if (found.route == nullptr && found.allowed.empty()) {
    return {0, failure(request, Error{ErrorCode::RouteUnknown, "there is no route for this path", {}, {}})};
  }
  if (found.route == nullptr) {
    auto refused =
        failure(request, Error{ErrorCode::MethodNotAllowed, "the path takes " + found.allowed, {}, {}});
    refused.headers.emplace_back("Allow", found.allowed);
    return {0, std::move(refused)};
  }
  if (found.route->role) {
    if (auto refusal = refusal_of_token(*found.route->role, request)) return {0, std::move(refusal)};
  }
  if (found.route->precheck) {
    if (auto refused = found.route->precheck(request, found.arguments)) return {0, std::move(refused)};
  }
  const auto limit =
      found.route->body_limit_of ? found.route->body_limit_of(found.arguments) : found.route->body_limit;
  return {limit, std::nullopt, found.route->place};
}

Response RouterTable::handle(const Request& request) const {
  const auto found = find(request);
  try {
    auto response = handle(request, found);
    note_answer(found.route, request, response.status);
    return response;
  } catch (...) {
    note_answer(found.route, request, 500);  // as which the server answers it
    throw;
  }
}

Response RouterTable::handle(const Request& request, const Match& found) const {
  if (found.route == nullptr) {
    return failure(request, Error{ErrorCode::RouteUnknown, "there is no route for this path", {}, {}});
  }
  Call call{request, found.arguments, {}};
  if (found.route->role) {
    auto caller = authenticate(*found.route->role, request, *tokens_());
    if (!caller) return std::move(caller.error());
    call.caller = std::move(*caller);
  }
  return found.route->handler(call);
}

}  // namespace gitferry::api

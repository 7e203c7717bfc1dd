#include "api/webhook/webhook_routes.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/base/metrics.h"
#include "agent/sync/hook_matching.h"
#include "api/webhook/hook_answer.h"
#include "api/webhook/hook_delivery.h"
#include "api/webhook/hook_proof.h"
#include "api/webhook/organisation_hook.h"
#include "api/webhook/provider.h"
#include "api/webhook/repository_hook.h"

namespace gitferry::api {
namespace {

constexpr std::string_view kProvider = "provider";
constexpr std::string_view kRepository = "repo_name";

std::string_view argument(const PathArguments& arguments, std::string_view name) {
  const auto found = arguments.find(name);
  return found == arguments.end() ? std::string_view() : std::string_view(found->second);
}

Response unknown_provider() {
  return webhook::refused(404, "unknown_provider");
}

Response unreadable(const webhook::Provider& provider, int status, std::string_view reason) {
  webhook::count(provider, unrecorded::kUnreadable);
  return webhook::refused(status, reason);
}

/// How long `receive` takes, whatever comes of it.
template <typename Receive>
Response timed(Receive receive) {
  const auto began = std::chrono::steady_clock::now();
  auto response = receive();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  metrics().webhook_handling.observe(took.count());
  return response;
}

/// All that can be decided without the body.
std::optional<Response> precheck(ApiContext& context, const Request& request,
                                 const PathArguments& arguments) {
  const auto* provider = webhook::find_provider(argument(arguments, kProvider));
  if (provider == nullptr) return unknown_provider();
  // Elsewhere a request without one has no body; here that could only be a body cut off.
  if (!request.only("content-length")) return unreadable(*provider, 411, "length_required");
  if (webhook::has_bad_security_header(request)) return unreadable(*provider, 400, "malformed");
  const auto snapshot = context.sync.snapshot();
  const auto name = argument(arguments, kRepository);
  const auto door = name.empty() ? webhook::organisation_door(*provider, *snapshot)
                                 : webhook::repository_door(*provider, *snapshot, name);
  if (!webhook::is_refused_by_head(door, request, context.clock.now())) return std::nullopt;
  return webhook::unproven(context, *provider, request);
}

/// What the hosts of this kind send at most.
std::size_t body_limit(const PathArguments& arguments) {
  const auto* provider = webhook::find_provider(argument(arguments, kProvider));
  return provider == nullptr ? kNoBody : provider->body_limit;
}

}  // namespace

std::vector<Route> webhook_routes(ApiContext& context) {
  const auto matching = std::make_shared<HookMatching>();
  Route repository{"POST", "/webhooks/{provider}/{repo_name}", std::nullopt, kWebhookBodyLimit,
                   [&context](const Call& call) {
                     const auto* provider = webhook::find_provider(call.argument(kProvider));
                     if (provider == nullptr) return unknown_provider();
                     return timed([&] {
                       return webhook::receive_for_repository(context, *provider, call.argument(kRepository),
                                                              call.request);
                     });
                   }};
  Route organisation{
      "POST", "/webhooks/{provider}", std::nullopt, kWebhookBodyLimit,
      [&context, matching](const Call& call) {
        const auto* provider = webhook::find_provider(call.argument(kProvider));
        if (provider == nullptr) return unknown_provider();
        return timed(
            [&] { return webhook::receive_for_organisation(context, *matching, *provider, call.request); });
      }};
  for (auto* route : {&repository, &organisation}) {
    route->precheck = [&context](const Request& request, const PathArguments& arguments) {
      return precheck(context, request, arguments);
    };
    route->body_limit_of = body_limit;
    // Whoever floods from the address of a host, or through the same proxy, gets the host's deliveries
    // refused too.
    route->on_rate_limited = [&context](const Request& request) { hear_of_unread_webhook(context, request); };
  }
  return {std::move(repository), std::move(organisation)};
}

void hear_of_unread_webhook(ApiContext& context, const Request& request) {
  if (request.method != "POST" || request.segments.size() != 3 || request.segments[0] != "webhooks") return;
  const auto* provider = webhook::find_provider(request.segments[1]);
  if (provider == nullptr) return;
  const auto& name = request.segments[2];
  const auto snapshot = context.sync.snapshot();
  if (webhook::repository_door(*provider, *snapshot, name).sources.empty()) return;
  context.sync.reconcile_soon(name, Claim::Heard);
}

}  // namespace gitferry::api

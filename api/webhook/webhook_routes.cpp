#include "api/webhook/webhook_routes.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <json/value.h>

#include "agent/base/crypto.h"
#include "agent/base/log.h"
#include "agent/sync/router.h"
#include "api/envelope.h"
#include "api/json.h"
#include "api/log_throttle.h"
#include "api/webhook/provider.h"

namespace gitferry::api {
namespace {

using webhook::Provider;

constexpr std::size_t kSignatureLimit = 1024;
constexpr const char* kRetryAfterSeconds = "5";

Response hook_answer(int status, Json::Value body) {
  Response response;
  response.status = status;
  response.body = to_text(body);
  return response;
}

Response refused(int status, std::string_view reason, std::string_view detail = {}) {
  Json::Value body(Json::objectValue);
  body["status"] = "refused";
  body["reason"] = std::string(reason);
  if (!detail.empty()) body["detail"] = clean_text(detail);
  return hook_answer(status, std::move(body));
}

/// Whatever was wrong with the proof or the name. The name is not logged: it is whatever somebody put into
/// the address.
Response unauthenticated(const Provider& provider, const Request& request) {
  static LogThrottle throttle;
  if (const auto held_back = throttle.pass(std::chrono::steady_clock::now())) {
    log::warn("webhook refused", {{"reason", "unauthenticated"},
                                  {"provider", provider.name},
                                  {"address", request.client_address},
                                  {"request", request.id},
                                  {"not_logged", *held_back}});
  }
  return refused(401, "unauthenticated");
}

/// Verified against when there is nothing to verify against, so that the time taken tells nothing.
const Secret& unguessable_secret() {
  static const Secret secret(random_bytes(32));
  return secret;
}

/// The sides of a binding whose hook proved itself.
struct Proven {
  bool internal = false;
  bool external = false;
  [[nodiscard]] bool any() const { return internal || external; }
  [[nodiscard]] bool has(Side side) const { return side == Side::Internal ? internal : external; }
};

Proven proven_sides(const RepositoryBinding* binding, const Provider& provider, const Request& request,
                    WallTime now) {
  Proven proven;
  if (binding != nullptr) {
    const auto proves = [&](const std::optional<WebhookSource>& hook) {
      return hook && webhook::proves(provider, *hook, request, now);
    };
    proven.internal = proves(binding->internal_webhook);
    proven.external = proves(binding->external_webhook);
  }
  if (!proven.any()) provider.schemes.front().verify(request, unguessable_secret(), {}, now);
  if (!webhook::came_from(provider, request)) {
    if (proven.any()) log::warn("webhook of another kind of sender", {{"provider", provider.name}});
    return {};
  }
  return proven;
}

/// The proven side whose address the payload names. Both sides may have the same full name on different hosts
/// and even the same secret, so URLs are looked at before names.
std::optional<Side> side_of(const RepositoryBinding& binding, const Proven& proven, const PushEvent& event) {
  const RepositoryIdentity by_url{{}, event.repository.urls};
  for (const auto* identity : {&by_url, &event.repository}) {
    for (const auto side : {Side::Internal, Side::External}) {
      if (proven.has(side) && names_repository(*identity, binding.address(side))) return side;
    }
  }
  // A ping or a test may name no repository; it marks nothing.
  if (event.changes.empty()) return proven.internal ? Side::Internal : Side::External;
  return std::nullopt;
}

Response delivered(const DeliveryOutcome& outcome) {
  Json::Value body(Json::objectValue);
  body["status"] = std::string(name_of(outcome.verdict));
  body["delivery_id"] = static_cast<Json::Int64>(outcome.delivery_id);
  if (!outcome.reason.empty()) body["reason"] = clean_text(outcome.reason);
  if (!outcome.refs.empty()) {
    body["refs"] = Json::Value(Json::arrayValue);
    for (const auto& verdict : outcome.refs) {
      Json::Value row(Json::objectValue);
      row["ref"] = clean_text(verdict.ref);
      if (!verdict.reason.empty()) row["reason"] = verdict.reason;
      body["refs"].append(std::move(row));
    }
  }
  return hook_answer(outcome.verdict == Verdict::Accepted ? 202 : 200, std::move(body));
}

Response not_stored(const Error& error, const Request& request) {
  log::error("delivery not stored", {{"request", request.id}, {"reason", error.text()}});
  auto response = refused(503, "unavailable");
  response.headers.emplace_back("Retry-After", kRetryAfterSeconds);
  return response;
}

const std::string& argument(const PathArguments& arguments, std::string_view name) {
  static const std::string none;
  const auto found = arguments.find(name);
  return found == arguments.end() ? none : found->second;
}

/// All that can be decided without the body.
std::optional<Response> precheck(ApiContext& context, const Request& request,
                                 const PathArguments& arguments) {
  const auto* provider = webhook::find_provider(argument(arguments, "provider"));
  if (provider == nullptr) return refused(404, "unknown_provider");
  for (const auto& header : request.headers) {
    const bool proves_something =
        header.name.ends_with("-token") || header.name.find("-signature") != std::string::npos;
    if (proves_something && header.value.size() > kSignatureLimit) return refused(400, "malformed");
  }
  if (provider->schemes.front().needs_body) return std::nullopt;
  const auto snapshot = context.sync.snapshot();
  if (!proven_sides(snapshot->find(argument(arguments, "repo_name")), *provider, request, context.clock.now())
           .any()) {
    return unauthenticated(*provider, request);
  }
  return std::nullopt;
}

Response post_delivery(ApiContext& context, const Request& request, const PathArguments& arguments) {
  const auto received_at = context.clock.now();
  const auto* provider = webhook::find_provider(argument(arguments, "provider"));
  if (provider == nullptr) return refused(404, "unknown_provider");
  const auto snapshot = context.sync.snapshot();
  const auto* binding = snapshot->find(argument(arguments, "repo_name"));
  const auto proven = proven_sides(binding, *provider, request, received_at);
  if (binding == nullptr || !proven.any()) return unauthenticated(*provider, request);
  auto event = provider->parse(*provider, request);
  if (!event) {
    log::warn("webhook refused",
              {{"reason", "malformed"}, {"repo", binding->name}, {"detail", event.error().text()}});
    return refused(400, "malformed", event.error().text());
  }
  const auto side = side_of(*binding, proven, *event);
  if (!side) {
    log::warn("webhook refused", {{"reason", "other_repository"},
                                  {"repo", binding->name},
                                  {"named", event->repository.full_name.substr(0, 200)}});
    return refused(403, "other_repository");
  }
  IncomingDelivery delivery;
  delivery.event = std::move(*event);
  delivery.targets.push_back({binding->name, *side});
  delivery.hook = std::string(provider->name) + "/" + binding->name;
  delivery.request_id = request.id;
  delivery.source_address = request.client_address;
  delivery.body_sha256 = to_hex(sha256(request.body));
  delivery.body_bytes = static_cast<std::int64_t>(request.body.size());
  delivery.received_at = received_at;
  const auto outcomes = context.sync.deliver(delivery);
  if (!outcomes) return not_stored(outcomes.error(), request);
  return delivered(outcomes->front());
}

}  // namespace

std::vector<Route> webhook_routes(ApiContext& context) {
  return {{"POST", "/webhooks/{provider}/{repo_name}", std::nullopt, kWebhookBodyLimit,
           [&context](const Call& call) { return post_delivery(context, call.request, call.arguments); },
           [&context](const Request& request, const PathArguments& arguments) {
             return precheck(context, request, arguments);
           }}};
}

}  // namespace gitferry::api

#include "api/webhook/repository_hook.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/crash_point.h"
#include "agent/base/metrics.h"
#include "agent/sync/router.h"
#include "api/webhook/hook_answer.h"
#include "api/webhook/hook_delivery.h"
#include "api/webhook/payload.h"

namespace gitferry::api::webhook {
namespace {

using Sides = std::vector<Side>;

/// Whether the payload's full name is that of the address: with what Gerrit puts before it in http addresses.
bool names_project(const PushEvent& event, const RemoteUrl& address) {
  return event.provider == "gerrit" && !event.repository.full_name.empty() &&
         address.full_name() == "a/" + plain_repository_name(event.repository.full_name);
}

/// The proven sides that the delivery is for; none where it is for another repository. Both sides may have
/// the same full name on different hosts and even the same secret, so URLs are looked at before names.
Sides sides_of(const RepositoryBinding& binding, const Sides& proven, const PushEvent& event) {
  const RepositoryIdentity by_url{{}, event.repository.urls};
  for (const auto* identity : {&by_url, &event.repository}) {
    for (const auto side : proven) {
      if (names_repository(*identity, binding.address(side))) return {side};
    }
  }
  for (const auto side : proven) {
    if (names_project(event, binding.address(side))) return {side};
  }
  if (!event.changes.empty()) return {};
  // It says no more than that something happened: that is so for whoever proved it.
  const bool names_none = event.repository.full_name.empty() && event.repository.urls.empty();
  if (event.is_unspecific) return names_none ? proven : Sides{};
  // A ping or a test may name no repository, or its organisation's; it marks nothing.
  return {proven.front()};
}

Sides proven_sides(const RepositoryBinding& binding, const std::vector<const WebhookSource*>& sources) {
  Sides sides;
  for (const auto side : {Side::Internal, Side::External}) {
    const auto& hook = binding.webhook(side);
    if (hook && std::find(sources.begin(), sources.end(), &*hook) != sources.end()) sides.push_back(side);
  }
  return sides;
}

}  // namespace

HookDoor repository_door(const Provider& provider, const BindingSnapshot& bindings, std::string_view name) {
  HookDoor door{provider, name, {}};
  const auto* binding = bindings.find(name);
  if (binding == nullptr) return door;
  for (const auto* hook : {&binding->internal_webhook, &binding->external_webhook}) {
    if (*hook && (*hook)->provider == provider.name) door.sources.push_back(&**hook);
  }
  return door;
}

Response receive_for_repository(ApiContext& context, const Provider& provider, std::string_view name,
                                const Request& request) {
  const auto received_at = context.clock.now();
  if (is_unsigned_ping(provider, request)) {
    count(provider, unrecorded::kPing);
    return ignored_unseen("ping");
  }
  const auto snapshot = context.sync.snapshot();
  const auto* binding = snapshot->find(name);
  const auto proven = proven_sources(repository_door(provider, *snapshot, name), request, received_at);
  if (binding == nullptr || proven.empty()) return unproven(context, provider, request);

  crash_point(CrashPoint::DeliveryVerified);
  const auto sides = proven_sides(*binding, proven);
  auto delivery = incoming(provider, request, std::string(provider.name) + "/" + binding->name, received_at);
  delivery.targets = {{binding->name, sides.front()}};
  if (const auto wait = context.guard->take_delivery(delivery.hook)) {
    return postpone_delivery(context, delivery, *wait);
  }
  auto event = parse_in_turn(provider, request);
  if (!event) {
    delivery.event = event_of(provider, request);
    return refuse_delivery(context, std::move(delivery), 400, "malformed", event.error().text());
  }
  delivery.event = std::move(*event);
  const auto named = sides_of(*binding, sides, delivery.event);
  if (named.empty()) return refuse_delivery(context, std::move(delivery), 403, "other_repository");
  delivery.targets.clear();
  for (const auto side : named) delivery.targets.push_back({binding->name, side});
  return take_delivery(context, delivery);
}

}  // namespace gitferry::api::webhook

#include "api/webhook/organisation_hook.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/metrics.h"
#include "api/webhook/hook_answer.h"
#include "api/webhook/hook_delivery.h"
#include "api/webhook/payload.h"

namespace gitferry::api::webhook {
namespace {

using Hooks = std::vector<const OrganisationHook*>;

Hooks proven_hooks(const BindingSnapshot& bindings, const std::vector<const WebhookSource*>& sources) {
  Hooks hooks;
  for (const auto& hook : bindings.hooks) {
    if (std::find(sources.begin(), sources.end(), &hook.source) != sources.end()) hooks.push_back(&hook);
  }
  return hooks;
}

std::string label_of(const OrganisationHook& hook) {
  return hook.source.provider + ":" + hook.name;
}

/// Whether it matters which repository the event is of. A ping is of none.
bool is_of_a_repository(const PushEvent& event) {
  return !event.changes.empty() || event.is_unspecific || !event.repository.full_name.empty() ||
         !event.repository.urls.empty();
}

/// What all of the hooks find together; several may have the same secret.
std::vector<HookTarget> targets_of(HookMatching& matching, const Snapshot& snapshot, const Hooks& hooks,
                                   const RepositoryIdentity& repository) {
  std::vector<HookTarget> targets;
  for (const auto* hook : hooks) {
    const auto found = matching.targets(snapshot, *hook, repository);
    for (const auto& target : found) {
      const bool is_known = std::any_of(targets.begin(), targets.end(), [&](const HookTarget& known) {
        return known.repository == target.repository && known.side == target.side;
      });
      if (!is_known) targets.push_back(target);
    }
  }
  return targets;
}

}  // namespace

HookDoor organisation_door(const Provider& provider, const BindingSnapshot& bindings) {
  HookDoor door{provider, {}, {}};
  for (const auto& hook : bindings.hooks) {
    if (hook.source.provider == provider.name) door.sources.push_back(&hook.source);
  }
  return door;
}

Response receive_for_organisation(ApiContext& context, HookMatching& matching, const Provider& provider,
                                  const Request& request) {
  const auto received_at = context.clock.now();
  if (is_unsigned_ping(provider, request)) {
    count(provider, unrecorded::kPing);
    return ignored_unseen("ping");
  }
  const auto snapshot = context.sync.snapshot();
  auto hooks =
      proven_hooks(*snapshot, proven_sources(organisation_door(provider, *snapshot), request, received_at));
  if (hooks.empty()) return unproven(context, provider, request);

  auto delivery = incoming(provider, request, label_of(*hooks.front()), received_at);
  const auto wait = context.guard->take_delivery(delivery.hook);
  auto event = parse_in_turn(provider, request);
  if (!event) {
    delivery.event = event_of(provider, request);
    if (wait) return postpone_delivery(context, delivery, *wait);
    return refuse_delivery(context, std::move(delivery), 400, "malformed", event.error().text());
  }
  delivery.event = std::move(*event);
  if (is_of_a_repository(delivery.event)) {
    std::erase_if(hooks, [&](const auto* hook) { return !admits(*hook, delivery.event.repository); });
    if (!hooks.empty()) delivery.hook = label_of(*hooks.front());
  }
  delivery.targets = targets_of(matching, snapshot, hooks, delivery.event.repository);
  // Only now: what was refused for its rate is to be compared, and that needs the names.
  if (wait) return postpone_delivery(context, delivery, *wait);
  if (hooks.empty()) return refuse_delivery(context, std::move(delivery), 403, "other_repository");
  return take_delivery(context, delivery);
}

}  // namespace gitferry::api::webhook

#include "api/hosting/hook_setup.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace gitferry::api::hosting {
namespace {

struct OurHooks {
  std::optional<HostedHook> best;
  std::vector<Flaw> flaws;  ///< of the best one
  std::vector<std::int64_t> spare_ids;
};

/// The one with the fewest flaws, of equal ones the oldest.
OurHooks ours_of(std::vector<HostedHook> hooks, const HookDialect& dialect, const WantedHook& wanted) {
  OurHooks ours;
  std::sort(hooks.begin(), hooks.end(),
            [](const auto& left, const auto& right) { return left.id < right.id; });
  for (auto& hook : hooks) {
    if (!is_same_address(hook.url, wanted.url)) continue;
    auto flaws = dialect.flaws_of(hook.document, wanted);
    const bool is_better = !ours.best || flaws.size() < ours.flaws.size();
    if (!is_better) {
      ours.spare_ids.push_back(hook.id);
      continue;
    }
    if (ours.best) ours.spare_ids.push_back(ours.best->id);
    ours.best = std::move(hook);
    ours.flaws = std::move(flaws);
  }
  return ours;
}

Result<OurHooks> find_ours(HookClient& client, const WantedHook& wanted) {
  auto hooks = client.list();
  if (!hooks) return fail(std::move(hooks.error()));
  return ours_of(std::move(*hooks), client.dialect(), wanted);
}

HookAction action_for(const OurHooks& ours, const HookDialect& dialect, bool rotate) {
  if (!ours.best) return HookAction::Created;
  if (rotate && !dialect.changes_secrets) return HookAction::Replaced;
  return rotate || !ours.flaws.empty() ? HookAction::Changed : HookAction::None;
}

bool has(const std::vector<Flaw>& flaws, Flaw flaw) {
  return std::find(flaws.begin(), flaws.end(), flaw) != flaws.end();
}

Status carry_out(HookClient& client, const WantedHook& wanted, const OurHooks& ours, HookAction action) {
  switch (action) {
    case HookAction::None:
      return {};
    case HookAction::Created:
      return client.create(wanted);
    case HookAction::Replaced:
      // The new one first: a push in between is told of twice, which is harmless, and not lost.
      if (auto made = client.create(wanted); !made) return made;
      return client.remove(*ours.best);
    case HookAction::Changed:
      break;
  }
  if (auto changed = client.change(*ours.best, wanted); !changed) return changed;
  return has(ours.flaws, Flaw::Disabled) ? client.revive(*ours.best) : Status{};
}

std::string texts_of(const std::vector<Flaw>& flaws) {
  std::string text;
  for (const auto flaw : flaws) text += (text.empty() ? "" : ", ") + std::string(text_of(flaw));
  return text;
}

Result<std::int64_t> confirm(HookClient& client, const WantedHook& wanted) {
  const auto ours = find_ours(client, wanted);
  if (!ours) return fail(ours.error());
  if (ours->best && ours->flaws.empty()) return ours->best->id;
  return fail(
      ErrorCode::RejectedByRemote,
      fmt::format("set up the webhook through '{}': the host took the change, but {}", client.api_url(),
                  ours->best ? "says: " + texts_of(ours->flaws) : "does not list the webhook"),
      "set it up by hand at the host");
}

/// What a failed delivery usually comes from.
std::string advice_for(const HostDelivery& failed, std::string_view who) {
  switch (failed.status) {
    case 401:
      return fmt::format("the host has another secret: gitferry hooks install {} --rotate", who);
    case 403:
      return "its address is not in allow_cidrs of the webhook, or a proxy in front refused it";
    case 404:
      return "what answers there has no such route: check server.public_url and the proxy in front";
    case 413:
    case 429:
    case 503:
      return "look into the agent's log: it was too large or too much";
    default:
      return "check that the host reaches server.public_url, and that its certificate is trusted there";
  }
}

/// Whether something else answered it.
bool is_elsewhere(const HostDelivery& last, const KnownArrival& arrival) {
  // The clocks of both may differ.
  constexpr std::int64_t kSlackMs = 10 * 60'000;
  const auto known_until = arrival.last ? arrival.last->received_at_ms : 0;
  return last.at_ms > arrival.kept_since_ms + kSlackMs && known_until + kSlackMs < last.at_ms;
}

}  // namespace

std::string_view name_of(HookAction action) {
  switch (action) {
    case HookAction::None:
      return "none";
    case HookAction::Created:
      return "created";
    case HookAction::Changed:
      return "changed";
    case HookAction::Replaced:
      return "replaced";
  }
  return "none";
}

Result<SetUpHook> set_up(HookClient& client, const WantedHook& wanted, const SetupOptions& options) {
  auto ours = find_ours(client, wanted);
  if (!ours) return fail(std::move(ours.error()));
  SetUpHook done;
  done.action = action_for(*ours, client.dialect(), options.rotate);
  done.id = ours->best ? ours->best->id : 0;
  done.mended = ours->flaws;
  done.spare_ids = ours->spare_ids;
  if (options.dry_run || done.action == HookAction::None) return done;
  if (auto carried = carry_out(client, wanted, *ours, done.action); !carried)
    return fail(std::move(carried.error()));
  const auto confirmed = confirm(client, wanted);
  if (!confirmed) return fail(confirmed.error());
  if (done.action != HookAction::Changed) done.id = *confirmed;
  return done;
}

Result<std::optional<FoundHook>> look_up(HookClient& client, const WantedHook& wanted) {
  auto ours = find_ours(client, wanted);
  if (!ours) return fail(std::move(ours.error()));
  if (!ours->best) return std::nullopt;
  FoundHook found;
  found.id = ours->best->id;
  found.flaws = std::move(ours->flaws);
  found.spare_ids = std::move(ours->spare_ids);
  auto last = client.last_delivery(*ours->best);
  if (!last) return fail(std::move(last.error()));
  found.last_delivery = std::move(*last);
  return found;
}

HookHealth judge(const std::optional<FoundHook>& found, const KnownArrival& arrival, std::string_view who) {
  const auto install = fmt::format("gitferry hooks install {}", who);
  if (!found) return {false, "the host has no webhook with our address", install};
  if (!found->flaws.empty()) return {false, texts_of(found->flaws), install};
  const auto& last = found->last_delivery;
  if (last && !last->arrived) {
    const auto status = last->status == 0 ? std::string() : fmt::format(" ({})", last->status);
    return {false, fmt::format("the host's last delivery failed{}: {}", status, last->result),
            advice_for(*last, who)};
  }
  if (last && is_elsewhere(*last, arrival)) {
    return {false, "the host's last delivery was answered, but not by this agent",
            "check server.public_url, the proxy in front, and that this is the agent's own configuration"};
  }
  if (arrival.last && arrival.last->verdict == Verdict::Refused) {
    return {false, fmt::format("the last delivery was refused: {}", arrival.last->reason),
            "gitferry deliveries --verdict refused"};
  }
  HookHealth health{true, {}, {}};
  if (!found->spare_ids.empty())
    health.advice = "the host has more than one webhook with our address: remove the others there";
  else if (!arrival.last)
    health.advice = "nothing has arrived lately: push something to see it work";
  return health;
}

}  // namespace gitferry::api::hosting

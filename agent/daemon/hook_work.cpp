#include "agent/daemon/hook_work.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "agent/base/clock.h"
#include "agent/daemon/composition.h"
#include "agent/daemon/effective_bindings.h"
#include "config/scalars.h"

namespace gitferry::daemon {
namespace {

Result<std::string> public_url_of(const HooksOptions& options, const config::Config& config) {
  const auto& text = options.url.empty() ? config.server.public_url : options.url;
  if (auto url = config::parse_public_url(text)) return std::move(*url);
  if (!text.empty()) {
    return fail(ErrorCode::InvalidArgument,
                "--url must be http:// or https:// with a host, without user and query",
                "for example: --url https://ferry.example.org");
  }
  return fail(ErrorCode::ConfigurationInvalid, "nobody says how git hosts reach the agent",
              "set server.public_url, or give --url https://ferry.example.org");
}

bool is_wanted(const HooksOptions& options, const RepositoryBinding& binding, Side side) {
  return binding.webhook(side) && (options.side.empty() || options.side == name_of(side));
}

Error nothing_set_up(const HooksOptions& options, const BindingSnapshot& bindings) {
  if (bindings.find(options.repository) == nullptr)
    return {
        ErrorCode::RepositoryUnknown, "no repository named '" + options.repository + "' is bound", {}, {}};
  const auto side = options.side.empty() ? std::string("internal") : options.side;
  std::string hint = "add webhook." + side + " to it";
  if (!bindings.hooks.empty())
    hint += ", or set up the organisation's: gitferry hooks install --organisation " + bindings.hooks[0].name;
  return {ErrorCode::ConfigurationInvalid,
          fmt::format("'{}' has no webhook{}", options.repository,
                      options.side.empty() ? "" : " for its " + options.side + " side"),
          std::move(hint),
          {}};
}

void add_sides(const HooksOptions& options, const HookWork& work, std::vector<HookTarget>& targets) {
  for (const auto& [name, binding] : work.bindings.repositories) {
    if (!options.repository.empty() && options.repository != name) continue;
    for (const auto side : {Side::Internal, Side::External}) {
      if (!is_wanted(options, binding, side)) continue;
      HookTarget target;
      target.source = &*binding.webhook(side);
      target.binding = &binding;
      target.side = side;
      targets.push_back(std::move(target));
    }
  }
}

void add_owners(const OrganisationHook& hook, std::vector<HookTarget>& targets) {
  HookTarget target;
  target.source = &hook.source;
  target.organisation = &hook;
  if (hook.owners.empty()) targets.push_back(target);
  for (const auto& owner : hook.owners) {
    target.owner = owner;
    targets.push_back(target);
  }
}

/// Of several that are in force, the one that stays longest: a rotation ends with it.
Result<Secret> secret_of(const WebhookSource& source) {
  const auto now = SystemClock().now();
  const HookSecret* best = nullptr;
  for (const auto& secret : source.secrets) {
    if (!secret.is_in_force(now)) continue;
    const bool is_longer =
        best != nullptr && best->not_after && (!secret.not_after || *secret.not_after > *best->not_after);
    if (best == nullptr || is_longer) best = &secret;
  }
  if (best != nullptr) return best->value;
  return fail(ErrorCode::ConfigurationInvalid, "none of the webhook's secrets is in force any more",
              "look at their not_after");
}

bool propagates_deletions(const RepositoryBinding& binding) {
  return binding.deletions == Deletions::Propagate ||
         std::any_of(binding.branches.begin(), binding.branches.end(), [&](const BranchBinding& branch) {
           return binding.deletions_of(branch) == Deletions::Propagate;
         });
}

/// The bindings that the hook tells of pushes to, as far as the host's name tells.
std::vector<const RepositoryBinding*> bindings_of(const HookWork& work, const HookTarget& target) {
  if (target.binding != nullptr) return {target.binding};
  std::vector<const RepositoryBinding*> found;
  const auto& host = target.organisation->instance.host;
  for (const auto& [name, binding] : work.bindings.repositories) {
    if (binding.internal.host == host || binding.external.host == host) found.push_back(&binding);
  }
  return found;
}

/// Whose credentials are looked for.
RemoteUrl address_of(const HookTarget& target) {
  if (target.binding != nullptr) return target.binding->address(target.side);
  auto address = target.organisation->instance;
  address.path += "/" + target.owner;
  return address;
}

Error by_hand(const HookWork& work, const HookTarget& target, std::string why) {
  return {ErrorCode::ConfigurationInvalid,
          std::move(why),
          fmt::format("set it up in the host's settings, as docs/webhooks.md says; its address is {}",
                      hook_url(work, target)),
          {}};
}

/// Why gitferry cannot set the hook up, whoever asks; nullopt: it can.
std::optional<Error> obstacle(const HookWork& work, const HookTarget& target,
                              const api::hosting::HookDialect* dialect) {
  const auto& provider = target.source->provider;
  if (dialect == nullptr)
    return by_hand(work, target, fmt::format("webhooks of '{}' have to be set up by hand", provider));
  if (target.organisation == nullptr) return std::nullopt;
  if (dialect->organisation_hooks_path == nullptr)
    return by_hand(work, target,
                   fmt::format("organisations' webhooks of '{}' have to be set up by hand", provider));
  if (target.owner.empty())
    return by_hand(
        work, target,
        fmt::format("'{}' has no owners, so it is a webhook of the whole instance, which has to be "
                    "set up by hand",
                    target.organisation->name));
  if (dialect->organisation_hooks_path(target.owner).empty())
    return by_hand(work, target, fmt::format("'{}' is no organisation of '{}'", target.owner, provider));
  return std::nullopt;
}

}  // namespace

Result<HookWork> hook_work_of(const HooksOptions& options, config::Config config) {
  HookWork work;
  auto bindings = effective_bindings(config);
  if (!bindings) return fail(std::move(bindings.error()));
  auto url = public_url_of(options, config);
  if (!url) return fail(std::move(url.error()));
  auto credentials = credentials_of(config);
  if (!credentials) return fail(std::move(credentials.error()));
  auto http = http_options(config.network);
  if (!http) return fail(std::move(http.error()));
  work.bindings = std::move(*bindings);
  work.public_url = std::move(*url);
  work.credentials = std::move(*credentials);
  work.http = std::move(*http);
  work.config = std::move(config);
  return work;
}

std::string HookTarget::arguments() const {
  if (organisation != nullptr) return "--organisation " + organisation->name;
  return fmt::format("{} --side {}", binding->name, name_of(side));
}

Result<std::vector<HookTarget>> hook_targets(const HooksOptions& options, const HookWork& work) {
  std::vector<HookTarget> targets;
  if (options.organisation.empty()) add_sides(options, work, targets);
  if (targets.empty() && !options.repository.empty()) return fail(nothing_set_up(options, work.bindings));
  // A side is of a binding.
  if (!options.repository.empty() || !options.side.empty()) return targets;
  for (const auto& hook : work.bindings.hooks) {
    if (options.organisation.empty() || options.organisation == hook.name) add_owners(hook, targets);
  }
  if (targets.empty() && !options.organisation.empty())
    return fail(ErrorCode::ConfigurationInvalid,
                fmt::format("webhooks has no entry named '{}'", options.organisation),
                "gitferry print-config shows their names");
  return targets;
}

std::string hook_url(const HookWork& work, const HookTarget& target) {
  const auto url = fmt::format("{}/webhooks/{}", work.public_url, target.source->provider);
  return target.binding == nullptr ? url : url + "/" + target.binding->name;
}

Result<api::hosting::WantedHook> wanted_hook(const HookWork& work, const HookTarget& target) {
  const auto& source = *target.source;
  auto secret = secret_of(source);
  if (!secret) return fail(std::move(secret.error()));
  const auto bindings = bindings_of(work, target);
  const bool with_tags = std::any_of(bindings.begin(), bindings.end(),
                                     [](const auto* binding) { return binding->tags == Tags::All; });
  const bool with_deletions = std::any_of(bindings.begin(), bindings.end(),
                                          [](const auto* binding) { return propagates_deletions(*binding); });
  return api::hosting::WantedHook{hook_url(work, target), source.scheme, std::move(*secret),
                                  source.authorization,   with_tags,     with_deletions};
}

Result<api::hosting::HookClient> hook_client_of(const HookWork& work, const HookTarget& target,
                                                WebClient& web) {
  const auto* dialect = api::hosting::find_hook_dialect(target.source->provider);
  if (auto error = obstacle(work, target, dialect)) return fail(std::move(*error));
  const auto address = address_of(target);
  auto access = work.credentials.find_api(address);
  if (!access) return fail(std::move(access.error()));
  if (!*access) {
    const auto rights = target.organisation == nullptr ? dialect->rights : dialect->organisation_rights;
    return fail(ErrorCode::ConfigurationInvalid,
                fmt::format("credentials has no API token for '{}'", address.str()),
                fmt::format("add api_token_file to a rule that fits it; it needs {}", rights));
  }
  return api::hosting::HookClient(
      web, *dialect, {address, std::move((*access)->token), std::move((*access)->url), target.owner});
}

}  // namespace gitferry::daemon

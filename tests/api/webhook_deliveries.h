#pragma once

#include <string>

#include "api/webhook/webhook_sender.h"
#include "tests/api/fakes.h"
#include "tests/api/raw_client.h"

namespace gitferry::api::testing {

/// One way in which one kind of host proves its deliveries, and the binding of it in a HookWorld.
struct HookKind {
  const WebhookKind* kind = nullptr;
  WebhookScheme scheme = WebhookScheme::Hmac;

  [[nodiscard]] std::string provider() const { return std::string(kind->provider); }
  [[nodiscard]] std::string binding() const { return provider() + "-" + std::string(name_of(scheme)); }
};

inline std::vector<HookKind> every_hook_kind() {
  std::vector<HookKind> all;
  for (const auto& kind : webhook_kinds()) {
    for (const auto scheme : kind.schemes) all.push_back({&kind, scheme});
  }
  return all;
}

/// A push to the internal side of the binding of `hook`, as the fixtures have it.
inline SendRequest push_of(const HookKind& hook) {
  SendRequest request;
  request.provider = hook.provider();
  request.scheme = hook.scheme;
  request.repo_name = hook.binding();
  request.secret = Secret(hook.scheme == WebhookScheme::None ? "" : kSecret);
  request.repository_url = "https://git.corp.example/acme/robot.git";
  request.full_name = "acme/robot";
  request.ref = "refs/heads/main";
  request.before = std::string(40, '1');
  request.after = std::string(40, '2');
  return request;
}

/// Replaces the bindings of `world` by one for each provider and scheme, all with the same secret.
inline void bind_every_hook_kind(Fixture& world) {
  auto snapshot = std::make_shared<BindingSnapshot>();
  const auto all = every_hook_kind();
  for (const auto& hook : all) {
    RepositoryBinding binding;
    binding.name = hook.binding();
    binding.internal = url("https://git.corp.example/acme/robot.git");
    binding.external = url("git@mirror.example:public/robot.git");
    binding.internal_webhook = hook_of(*hook.kind, hook.scheme);
    binding.branches.push_back({"main", "main", true});
    snapshot->by_age.push_back(binding.name);
    snapshot->repositories.emplace(binding.name, std::move(binding));
  }
  world.sync.bindings = snapshot;
}

/// As it goes over the wire to `target`.
inline Sent sent_to(const std::string& target, const ComposedDelivery& delivery) {
  Sent sent{"POST", target, delivery.headers, delivery.body};
  sent.headers.emplace_back("Content-Type", delivery.content_type);
  return sent;
}

}  // namespace gitferry::api::testing

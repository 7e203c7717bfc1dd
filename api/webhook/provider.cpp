#include "api/webhook/provider.h"

#include <algorithm>
#include <array>

namespace gitferry::api::webhook {
namespace {

/// Event headers from the most to the least specific sender: each sends its own and often those of some after
/// it.
constexpr std::array<std::string_view, 10> kSenderMarks{
    "x-forgejo-event", "x-gitea-event",  "x-gogs-event", "x-gitee-event",  "x-gitcode-event",
    "codeup-event",    "x-coding-event", "x-event-key",  "x-gitlab-event", "x-github-event"};

}  // namespace

const Provider* find_provider(std::string_view name) {
  for (const auto family : {github_providers(), gitlab_providers(), gitea_providers()}) {
    const auto found = std::find_if(family.begin(), family.end(),
                                    [&](const Provider& provider) { return provider.name == name; });
    if (found != family.end()) return &*found;
  }
  return nullptr;
}

bool came_from(const Provider& provider, const Request& request) {
  if (!request.only(provider.event_header)) return false;
  for (const auto mark : kSenderMarks) {
    if (mark == provider.event_header) return true;
    // Forgejo is a fork of Gitea, and its hooks of type Gitea carry both marks.
    if (provider.name == "gitea" && mark == "x-forgejo-event") continue;
    if (request.count(mark) > 0) return false;
  }
  return true;
}

const SchemeCheck* find_scheme(const Provider& provider, WebhookScheme scheme) {
  const auto found = std::find_if(provider.schemes.begin(), provider.schemes.end(),
                                  [&](const SchemeCheck& check) { return check.scheme == scheme; });
  return found == provider.schemes.end() ? nullptr : &*found;
}

bool proves(const Provider& provider, const WebhookSource& source, const Request& request, WallTime now) {
  const auto* check = find_scheme(provider, source.scheme);
  if (source.provider != provider.name || check == nullptr) return false;
  if (source.scheme == WebhookScheme::None) return true;
  bool proven = false;
  for (const auto& secret : source.secrets) {
    const bool good = check->verify(request, secret.value, source, now);
    proven = proven || (good && secret.is_in_force(now));
  }
  return proven;
}

}  // namespace gitferry::api::webhook

#include "api/webhook/provider.h"

#include <algorithm>
#include <array>

namespace gitferry::api::webhook {
namespace {

/// From the most to the least specific sender: each sends its own event header and often those of some after
/// it. A new family is one line here.
constexpr std::array kFamilies{&gitea_providers,     &gitee_providers,  &coding_providers,
                               &bitbucket_providers, &gitlab_providers, &github_providers,
                               &azure_providers,     &gerrit_providers, &standard_providers};

bool has_mark_of(const Provider& provider, const Request& request) {
  if (provider.event_header.empty()) return provider.fits != nullptr && provider.fits(request);
  return request.count(provider.event_header) > 0 && (provider.fits == nullptr || provider.fits(request));
}

bool has_own_mark(const Provider& provider, const Request& request) {
  if (provider.event_header.empty()) return provider.fits == nullptr || provider.fits(request);
  return request.only(provider.event_header).has_value() && has_mark_of(provider, request);
}

}  // namespace

const Provider* find_provider(std::string_view name) {
  for (const auto family : kFamilies) {
    const auto rows = family();
    const auto found = std::find_if(rows.begin(), rows.end(),
                                    [&](const Provider& provider) { return provider.name == name; });
    if (found != rows.end()) return &*found;
  }
  return nullptr;
}

bool came_from(const Provider& provider, const Request& request) {
  if (!has_own_mark(provider, request)) return false;
  for (const auto family : kFamilies) {
    for (const auto& other : family()) {
      if (other.name == provider.name) {
        if (!provider.event_header.empty()) return true;
      } else if (other.name != provider.also_from && has_mark_of(other, request)) {
        return false;
      }
    }
  }
  return true;
}

const Provider* likely_sender(const Request& request) {
  for (const auto family : kFamilies) {
    const auto rows = family();
    const auto found = std::find_if(rows.begin(), rows.end(),
                                    [&](const Provider& provider) { return has_mark_of(provider, request); });
    if (found != rows.end()) return &*found;
  }
  return nullptr;
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

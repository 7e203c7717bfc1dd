#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "agent/model/remote_url.h"
#include "api/json.h"
#include "api/webhook/basic_authentication.h"
#include "api/webhook/change_list.h"
#include "api/webhook/payload.h"
#include "api/webhook/provider.h"

namespace gitferry::api::webhook {
namespace {

Result<std::optional<RefChange>> azure_change(const Json::Value& element) {
  constexpr std::string_view kField = "resource.refUpdates[]";
  const auto ref = text_at(element, "name");
  const auto before = text_at(element, "oldObjectId");
  const auto after = text_at(element, "newObjectId");
  if (!ref || !before || !after) return bad_field(kField);
  return change_of(kField, *ref, *before, *after);
}

/// The full name is the path of the address, as bindings have it: `organisation/project/_git/name`.
Result<RepositoryIdentity> azure_repository(const Json::Value& repository) {
  RepositoryIdentity identity;
  add_urls(identity, repository, {"remoteUrl", "sshUrl"});
  if (!identity.urls.empty()) {
    const auto url = parse_remote_url(identity.urls.front(), any_scheme());
    if (url) identity.full_name = url->url.full_name();
  }
  if (identity.full_name.empty()) return bad_field("resource.repository.remoteUrl");
  return identity;
}

bool is_absent(const Json::Value& value) {
  return value.isNull() || ((value.isArray() || value.isObject()) && value.empty());
}

/// How much a subscription sends is a setting of it. With "minimal" or "none" there are no refs, and perhaps
/// no repository: then all that is said is that something was pushed.
Result<PushEvent> push_of(PushEvent event, const Json::Value& resource) {
  if (!resource.isObject() && !resource.isNull()) return bad_field("resource");
  const auto& updates = member(resource, "refUpdates");
  const auto& repository = member(resource, "repository");
  if (is_absent(repository) && is_absent(updates)) {
    event.is_unspecific = true;
    return event;
  }
  auto identity = azure_repository(repository);
  if (!identity) return fail(std::move(identity.error()));
  event.repository = std::move(*identity);
  if (is_absent(updates)) {
    event.is_unspecific = true;
    return event;
  }
  return with_changes(std::move(event), updates, "resource.refUpdates", &azure_change);
}

Result<PushEvent> parse(const Provider& provider, const Request& request) {
  auto event = event_of(provider, request);
  const auto document = document_of(request);
  if (!document) return fail(document.error());
  event.event = shown_word(text_at(*document, "eventType").value_or(""));
  event.delivery_id = shown_word(text_at(*document, "id").value_or(""));
  if (event.event.empty()) return bad_field("eventType");
  if (event.event != "git.push") return ignored(std::move(event), "unsupported_event");
  return push_of(std::move(event), member(*document, "resource"));
}

constexpr std::array kSchemes{SchemeCheck{WebhookScheme::Basic, false, &verify_basic}};
constexpr std::array kProviders{Provider{"azure", "", "", kUsualBody, kSchemes, &parse}};

}  // namespace

std::span<const Provider> azure_providers() {
  return kProviders;
}

}  // namespace gitferry::api::webhook

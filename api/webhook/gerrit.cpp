#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "agent/model/ref_name.h"
#include "api/json.h"
#include "api/webhook/change_list.h"
#include "api/webhook/payload.h"
#include "api/webhook/provider.h"

namespace gitferry::api::webhook {
namespace {

/// Its webhooks plugin signs nothing and sends no secret: there is no proof that a secret could give. What
/// counts is the address it comes from, which the routes look at.
bool verify(const Request&, const Secret&, const WebhookSource&, WallTime) {
  return false;
}

/// Older versions shorten the names of branches.
std::string full_ref_name(std::string name) {
  return name.starts_with("refs/") ? std::move(name) : std::string(kHeadsPrefix) + name;
}

Result<PushEvent> ref_updated(PushEvent event, const Json::Value& update) {
  event.repository.full_name = text_at(update, "project").value_or("");
  if (event.repository.full_name.empty()) return bad_field("refUpdate.project");
  const auto name = text_at(update, "refName");
  const auto before = text_at(update, "oldRev");
  const auto after = text_at(update, "newRev");
  if (!name || !before || !after) return bad_field("refUpdate");
  auto change = change_of("refUpdate", full_ref_name(*name), *before, *after);
  if (!change) return fail(std::move(change.error()));
  const auto& ref = (*change)->ref;
  // Reviews and Gerrit's own settings are pushed as refs too.
  if (ref.starts_with("refs/changes/") || ref.starts_with("refs/meta/")) {
    return ignored(std::move(event), "not_a_branch");
  }
  if (is_test(**change)) return ignored(std::move(event), "test_delivery");
  event.changes.push_back(std::move(**change));
  return event;
}

/// The one header that the plugin adds: Gerrit's own address.
bool has_origin(const Request& request) {
  return request.count("x-origin-url") > 0;
}

Result<PushEvent> parse(const Provider& provider, const Request& request) {
  auto event = event_of(provider, request);
  const auto document = document_of(request);
  if (!document) return fail(document.error());
  event.event = shown_word(text_at(*document, "type").value_or(""));
  if (event.event.empty()) return bad_field("type");
  if (event.event != "ref-updated") return ignored(std::move(event), "unsupported_event");
  return ref_updated(std::move(event), member(*document, "refUpdate"));
}

constexpr std::array kSchemes{SchemeCheck{WebhookScheme::None, false, &verify}};
constexpr std::array kProviders{Provider{"gerrit", "", "", kUsualBody, kSchemes, &parse, &has_origin}};

}  // namespace

std::span<const Provider> gerrit_providers() {
  return kProviders;
}

}  // namespace gitferry::api::webhook

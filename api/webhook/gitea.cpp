#include <array>

#include "api/json.h"
#include "api/webhook/payload.h"
#include "api/webhook/provider.h"

namespace gitferry::api::webhook {
namespace {

/// The value of the first of these headers that is there; a wrong one is final, the others are not tried.
std::optional<std::string_view> signature_of(const Request& request) {
  for (const auto* name : {"x-forgejo-signature", "x-gitea-signature", "x-gogs-signature"}) {
    if (request.count(name) > 0) return request.only(name);
  }
  constexpr std::string_view kPrefix = "sha256=";
  const auto signature = request.only("x-hub-signature-256");
  if (!signature || !signature->starts_with(kPrefix)) return std::nullopt;
  return signature->substr(kPrefix.size());
}

/// These hosts sign the JSON before they encode it as a form. A signature over the form is as good a proof.
bool is_signed(const Request& request, const Secret& secret) {
  const auto signature = signature_of(request);
  if (!signature) return false;
  const bool raw = is_hmac_hex(secret, request.body, *signature);
  if (!is_form(request)) return raw;
  const bool decoded = is_form_hmac_hex(secret, request.body, *signature);
  return raw || decoded;
}

/// What a hook can be told to send besides: wanted in addition to the signature, never in its place.
bool verify(const Request& request, const Secret& secret, const WebhookSource& source, WallTime) {
  const bool authorized =
      !source.authorization || holds_secret(request, "authorization", *source.authorization);
  return is_signed(request, secret) && authorized;
}

/// `create` and `delete`: a short or full ref and its type, without ids but for the `sha` of a creation. A
/// branch's deletion, and with Gogs a tag's creation too, is announced in no other way.
Result<PushEvent> single_change(PushEvent event, const Json::Value& document, bool deleted) {
  auto repository = repository_of(document);
  if (!repository) return fail(std::move(repository.error()));
  event.repository = std::move(*repository);
  auto ref = full_ref(document);
  if (!ref) return fail(std::move(ref.error()));
  RefChange change;
  change.ref = std::move(*ref);
  change.deleted = deleted;
  if (!deleted) change.after = ObjectId::from_hex(text_at(document, "sha").value_or(""));
  event.changes.push_back(std::move(change));
  return event;
}

Result<PushEvent> parse(const Provider& provider, const Request& request) {
  auto event = event_of(provider, request);
  const auto document = document_of(request);
  if (!document) return fail(document.error());
  if (event.event == "push") return single_push(std::move(event), *document);
  if (event.event == "create") return single_change(std::move(event), *document, false);
  if (event.event == "delete") return single_change(std::move(event), *document, true);
  return ignored(std::move(event), "unsupported_event");
}

constexpr std::array kSchemes{SchemeCheck{WebhookScheme::Hmac, true, &verify}};
constexpr std::array kProviders{
    Provider{"forgejo", "x-forgejo-event", "x-forgejo-delivery", kUsualBody, kSchemes, &parse},
    // Forgejo is a fork of Gitea, and its hooks of type Gitea carry both marks.
    Provider{"gitea", "x-gitea-event", "x-gitea-delivery", kUsualBody, kSchemes, &parse, nullptr, "forgejo"},
    Provider{"gogs", "x-gogs-event", "x-gogs-delivery", kUsualBody, kSchemes, &parse}};

}  // namespace

std::span<const Provider> gitea_providers() {
  return kProviders;
}

}  // namespace gitferry::api::webhook

#include <array>

#include "api/json.h"
#include "api/webhook/payload.h"
#include "api/webhook/provider.h"

namespace gitferry::api::webhook {
namespace {

/// The signature covers the raw body, also where that is a form. The older header with SHA-1 counts where the
/// source says so and the sender knows no better.
bool verify(const Request& request, const Secret& secret, const WebhookSource& source, WallTime) {
  constexpr std::string_view kHeader = "x-hub-signature-256";
  if (source.allow_sha1 && request.count(kHeader) == 0) {
    return is_signed_sha1(request, "x-hub-signature", secret);
  }
  return is_signed_sha256(request, kHeader, secret);
}

/// `create` and `delete` only repeat what `push` says.
Result<PushEvent> parse(const Provider& provider, const Request& request) {
  auto event = event_of(provider, request);
  const auto document = document_of(request);
  if (!document) return fail(document.error());
  if (event.event == "ping") return ignored(std::move(event), "ping");
  if (event.event != "push") return ignored(std::move(event), "unsupported_event");
  return single_push(std::move(event), *document);
}

constexpr std::array kSchemes{SchemeCheck{WebhookScheme::Hmac, true, &verify}};
constexpr std::array kProviders{
    Provider{"github", "x-github-event", "x-github-delivery", kLargestBody, kSchemes, &parse}};

}  // namespace

std::span<const Provider> github_providers() {
  return kProviders;
}

}  // namespace gitferry::api::webhook

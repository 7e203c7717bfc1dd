#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "api/json.h"
#include "api/webhook/payload.h"
#include "api/webhook/provider.h"

namespace gitferry::api::webhook {
namespace {

/// CODING knows no better MAC than HMAC-SHA1, which whoever configures its hook has to agree to.
bool verify(const Request& request, const Secret& secret, const WebhookSource& source, WallTime) {
  return is_signed_sha1(request, "x-coding-signature", secret) && source.allow_sha1;
}

/// Its documentation shows no whole payload; what is known is GitHub's form, with more names for the URLs.
Result<RepositoryIdentity> coding_repository(const Json::Value& document) {
  const auto& repository = member(document, "repository");
  RepositoryIdentity identity;
  add_urls(identity, repository,
           {"clone_url", "https_url", "git_url", "ssh_url", "git_ssh_url", "html_url", "web_url"});
  identity.full_name = text_at(repository, "full_name").value_or("");
  if (identity.full_name.empty()) identity.full_name = name_from_urls(identity);
  if (identity.full_name.empty()) return bad_field("repository.full_name");
  return identity;
}

Result<PushEvent> parse(const Provider& provider, const Request& request) {
  auto event = event_of(provider, request);
  const auto document = document_of(request);
  if (!document) return fail(document.error());
  // Older versions greet a new hook with `token` and `zen` alone, whatever the header says.
  const bool is_greeting = document->isMember("zen") && !document->isMember("ref");
  if (event.event == "ping" || is_greeting) return ignored(std::move(event), "ping");
  if (event.event != "push") return ignored(std::move(event), "unsupported_event");
  auto repository = coding_repository(*document);
  if (!repository) return fail(std::move(repository.error()));
  event.repository = std::move(*repository);
  return one_change(std::move(event), *document);
}

constexpr std::array kSchemes{SchemeCheck{WebhookScheme::Hmac, true, &verify}};
constexpr std::array kProviders{
    Provider{"coding", "x-coding-event", "x-coding-delivery", kUsualBody, kSchemes, &parse}};

}  // namespace

std::span<const Provider> coding_providers() {
  return kProviders;
}

}  // namespace gitferry::api::webhook

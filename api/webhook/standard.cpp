#include <array>

#include "api/json.h"
#include "api/webhook/change_list.h"
#include "api/webhook/payload.h"
#include "api/webhook/provider.h"
#include "api/webhook/standard_signature.h"

namespace gitferry::api::webhook {
namespace {

/// Any sender that signs by Standard Webhooks. What it sends is ours to say:
///
///     {"type": "push", "data": {"repository": {…}, …}}     or what is in `data` itself at the top
///
/// `type`       begins with `push`; other types are ignored. May be missing.
/// `repository` `full_name`, `clone_url`, `ssh_url`, `html_url`: the name or one of the URLs at least.
/// then either  `ref`, `before`, `after` as git writes them, zeros for "does not exist",
/// or           `changes`: a list of such three,
/// or neither   the whole repository is compared.
constexpr std::string_view kPushPrefix = "push";

Result<RepositoryIdentity> repository_in(const Json::Value& data) {
  const auto& repository = member(data, "repository");
  RepositoryIdentity identity;
  identity.full_name = text_at(repository, "full_name").value_or("");
  add_urls(identity, repository, {"clone_url", "ssh_url", "html_url"});
  if (identity.full_name.empty() && identity.urls.empty()) return bad_field("repository");
  return identity;
}

Result<PushEvent> parse(const Provider& provider, const Request& request) {
  auto event = event_of(provider, request);
  event.signed_id = signed_id_of(request);
  const auto document = document_of(request);
  if (!document) return fail(document.error());
  const auto& type = member(*document, "type");
  if (!type.isNull() && !type.isString()) return bad_field("type");
  event.event = shown_word(type.isString() ? type.asString() : std::string(kPushPrefix));
  if (!event.event.starts_with(kPushPrefix)) return ignored(std::move(event), "unsupported_event");
  const auto& data = member(*document, "data").isObject() ? member(*document, "data") : *document;
  auto repository = repository_in(data);
  if (!repository) return fail(std::move(repository.error()));
  event.repository = std::move(*repository);
  if (data.isMember("changes")) return several_changes(std::move(event), data);
  if (data.isMember("ref")) return one_change(std::move(event), data);
  event.is_unspecific = true;
  return event;
}

constexpr std::array kSchemes{SchemeCheck{WebhookScheme::Signing, true, &verify_standard_signature}};
constexpr std::array kProviders{
    Provider{"standard", {}, "webhook-id", kUsualBody, kSchemes, &parse, &has_standard_signature}};

}  // namespace

std::span<const Provider> standard_providers() {
  return kProviders;
}

}  // namespace gitferry::api::webhook

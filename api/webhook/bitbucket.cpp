#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "agent/model/ref_name.h"
#include "api/json.h"
#include "api/webhook/basic_authentication.h"
#include "api/webhook/change_list.h"
#include "api/webhook/payload.h"
#include "api/webhook/provider.h"

namespace gitferry::api::webhook {
namespace {

constexpr std::size_t kCloudBody = 1024 * 1024;  ///< Bitbucket Cloud itself sends at most 256 KB
constexpr std::string_view kDiagnosticPing = "diagnostics:ping";
constexpr std::string_view kSignature = "x-hub-signature";

/// The header that is SHA-1 at GitHub is SHA-256 here.
bool verify(const Request& request, const Secret& secret, const WebhookSource&, WallTime) {
  return is_signed_sha256(request, kSignature, secret);
}

/// Both kinds name their events in one header; these two come from the cloud alone. The hook's id among them
/// is no secret: it is in every request.
bool is_cloud(const Request& request) {
  return request.count("x-hook-uuid") > 0 || request.count("x-request-uuid") > 0;
}
bool is_data_center(const Request& request) {
  return !is_cloud(request);
}

/// `refs/heads/` or `refs/tags/` for the cloud's word of a ref's type; empty for what git has not, such as
/// the named branches of Mercurial.
std::string_view prefix_for(std::string_view type) {
  if (type == "branch") return kHeadsPrefix;
  if (type == "tag" || type == "annotated_tag") return kTagsPrefix;
  return {};
}

/// The id that one end of a change points to; where that end does not exist, zeros as long as `other`.
std::optional<std::string> tip_of(const Json::Value& end, const Json::Value& other) {
  if (end.isObject()) return text_at(member(end, "target"), "hash");
  const auto sibling = text_at(member(other, "target"), "hash");
  return std::string(sibling ? sibling->size() : hex_size(ObjectFormat::Sha1), '0');
}

Result<std::optional<RefChange>> cloud_change(const Json::Value& element) {
  constexpr std::string_view kField = "push.changes[]";
  const auto& before = member(element, "old");
  const auto& after = member(element, "new");
  const auto is_end = [](const Json::Value& end) { return end.isObject() || end.isNull(); };
  if (!element.isObject() || !is_end(before) || !is_end(after)) return bad_field(kField);
  if (before.isNull() && after.isNull()) return std::optional<RefChange>();
  const auto& named = after.isObject() ? after : before;
  const auto type = text_at(named, "type");
  const auto name = text_at(named, "name");
  if (!type || !name) return bad_field(kField);
  const auto prefix = prefix_for(*type);
  if (prefix.empty()) return std::optional<RefChange>();
  const auto old_tip = tip_of(before, after);
  const auto new_tip = tip_of(after, before);
  if (!old_tip || !new_tip) return bad_field(kField);
  return change_of(kField, std::string(prefix) + *name, *old_tip, *new_tip);
}

/// There are no clone addresses in these payloads; bindings are found by the full name.
Result<PushEvent> parse_cloud(const Provider& provider, const Request& request) {
  auto event = event_of(provider, request);
  const auto document = document_of(request);
  if (!document) return fail(document.error());
  if (event.event != "repo:push") return ignored(std::move(event), "unsupported_event");
  const auto& repository = member(*document, "repository");
  event.repository.full_name = text_at(repository, "full_name").value_or("");
  if (event.repository.full_name.empty()) return bad_field("repository.full_name");
  add_urls(event.repository, member(member(repository, "links"), "html"), {"href"});
  return with_changes(std::move(event), member(member(*document, "push"), "changes"), "push.changes",
                      &cloud_change);
}

Result<std::optional<RefChange>> data_center_change(const Json::Value& element) {
  constexpr std::string_view kField = "changes[]";
  auto ref = text_at(member(element, "ref"), "id");
  if (!ref) ref = text_at(element, "refId");
  const auto before = text_at(element, "fromHash");
  const auto after = text_at(element, "toHash");
  if (!ref || !before || !after) return bad_field(kField);
  return change_of(kField, *ref, *before, *after);
}

/// `KEY/slug`; the links to clone from are optional.
Result<RepositoryIdentity> data_center_repository(const Json::Value& document) {
  const auto& repository = member(document, "repository");
  const auto slug = text_at(repository, "slug").value_or("");
  const auto key = text_at(member(repository, "project"), "key").value_or("");
  if (slug.empty()) return bad_field("repository.slug");
  if (key.empty()) return bad_field("repository.project.key");
  RepositoryIdentity identity;
  identity.full_name = key + "/" + slug;
  const auto& clone = member(member(repository, "links"), "clone");
  if (!clone.isArray()) return identity;
  constexpr Json::ArrayIndex kLinks = 16;  // one a protocol
  for (Json::ArrayIndex i = 0; i < clone.size() && i < kLinks; ++i) add_urls(identity, clone[i], {"href"});
  return identity;
}

Result<PushEvent> parse_data_center(const Provider& provider, const Request& request) {
  auto event = event_of(provider, request);
  // Whether this one has a body at all is not documented.
  if (event.event == kDiagnosticPing) return ignored(std::move(event), "ping");
  const auto document = document_of(request);
  if (!document) return fail(document.error());
  if (event.event != "repo:refs_changed") return ignored(std::move(event), "unsupported_event");
  auto repository = data_center_repository(*document);
  if (!repository) return fail(std::move(repository.error()));
  event.repository = std::move(*repository);
  return with_changes(std::move(event), member(*document, "changes"), "changes", &data_center_change);
}

constexpr std::array kCloudSchemes{SchemeCheck{WebhookScheme::Hmac, true, &verify}};
constexpr std::array kDataCenterSchemes{SchemeCheck{WebhookScheme::Hmac, true, &verify},
                                        SchemeCheck{WebhookScheme::Basic, false, &verify_basic}};
constexpr std::array kProviders{Provider{"bitbucket", "x-event-key", "x-request-uuid", kCloudBody,
                                         kCloudSchemes, &parse_cloud, &is_cloud},
                                Provider{"bitbucket-server", "x-event-key", "x-request-id", kUsualBody,
                                         kDataCenterSchemes, &parse_data_center, &is_data_center}};

}  // namespace

std::span<const Provider> bitbucket_providers() {
  return kProviders;
}

bool is_unsigned_ping(const Provider& provider, const Request& request) {
  return &provider == &kProviders.back() && request.only(provider.event_header) == kDiagnosticPing &&
         request.count(kSignature) == 0 && request.count("authorization") == 0;
}

}  // namespace gitferry::api::webhook

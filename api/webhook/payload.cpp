#include "api/webhook/payload.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/base/crypto.h"
#include "agent/base/text.h"
#include "agent/model/ref_name.h"
#include "agent/model/remote_url.h"
#include "api/json.h"

namespace gitferry::api::webhook {
namespace {

constexpr std::size_t kWordLimit = 200;  ///< of what is kept to show to people
/// As many as ten thousand changes can have.
constexpr std::size_t kValuesLimit = 100'000;
/// The bulk of a payload, of which no provider needs anything.
constexpr std::array<std::string_view, 8> kSkippedMembers{"commits", "head_commit", "refs",    "author",
                                                          "message", "parents",     "summary", "rendered"};
constexpr std::size_t kSha256Digits = 64;
constexpr std::size_t kSha1Digits = 40;

Result<std::optional<ObjectId>> object_id(const Json::Value& object, const char* name) {
  const auto text = text_at(object, name);
  if (!text) return bad_field(name);
  auto id = ObjectId::from_hex(*text);
  if (!id) return bad_field(name);
  return id;
}

bool is_mac_hex(std::string_view mac, std::string_view hex) {
  const auto sent = from_hex(hex);
  return sent.has_value() && equal_in_constant_time(mac, *sent);
}

/// What follows `prefix` in a header that is there once.
std::optional<std::string_view> after_prefix(const Request& request, std::string_view header,
                                             std::string_view prefix) {
  const auto value = request.only(header);
  if (!value || !value->starts_with(prefix)) return std::nullopt;
  return value->substr(prefix.size());
}

}  // namespace

bool is_form(const Request& request) {
  const auto type = request.only("content-type");
  if (!type) return false;
  return equals_ignoring_case(trim(type->substr(0, type->find(';'))), "application/x-www-form-urlencoded");
}

std::optional<std::string> form_payload(std::string_view body) {
  constexpr std::string_view kName = "payload=";
  std::optional<std::string_view> raw;
  // The sender is not known yet: a list of the fields would cost sixteen bytes for each `&`.
  for (auto rest = body; !rest.empty();) {
    const auto field = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(field.size() + 1, rest.size()));
    if (!field.starts_with(kName)) continue;
    if (raw) return std::nullopt;
    raw = field.substr(kName.size());
  }
  return raw ? form_decode(*raw) : std::nullopt;
}

Result<Json::Value> document_of(const Request& request) {
  const JsonBounds bounds{kValuesLimit, kSkippedMembers};
  if (!is_form(request)) return parse_json_object(request.body, bounds);
  const auto payload = form_payload(request.body);
  if (!payload) return fail(ErrorCode::InvalidArgument, "read the form: it has no single field `payload`");
  return parse_json_object(*payload, bounds);
}

bool is_hmac_hex(const Secret& secret, std::string_view message, std::string_view hex) {
  return !secret.empty() && hex.size() == kSha256Digits && is_mac_hex(hmac_sha256(secret, message), hex);
}

bool is_hmac_sha1_hex(const Secret& secret, std::string_view message, std::string_view hex) {
  return !secret.empty() && hex.size() == kSha1Digits && is_mac_hex(hmac_sha1(secret, message), hex);
}

bool is_signed_sha256(const Request& request, std::string_view header, const Secret& secret) {
  const auto hex = after_prefix(request, header, "sha256=");
  return hex && is_hmac_hex(secret, request.body, *hex);
}

bool is_signed_sha1(const Request& request, std::string_view header, const Secret& secret) {
  const auto hex = after_prefix(request, header, "sha1=");
  return hex && is_hmac_sha1_hex(secret, request.body, *hex);
}

bool holds_secret(const Request& request, std::string_view header, const Secret& secret) {
  const auto sent = request.only(header);
  return !secret.empty() && sent && !sent->empty() && matches(secret, *sent);
}

std::string shown_word(std::string_view word) {
  return is_valid_utf8(word) ? shortened(word, kWordLimit) : std::string();
}

PushEvent event_of(const Provider& provider, const Request& request) {
  PushEvent event;
  event.provider = std::string(provider.name);
  event.event = shown_word(request.only(provider.event_header).value_or(""));
  event.delivery_id = shown_word(request.only(provider.delivery_header).value_or(""));
  return event;
}

PushEvent ignored(PushEvent event, std::string_view reason) {
  event.changes.clear();
  event.ignored_reason = std::string(reason);
  return event;
}

tl::unexpected<Error> bad_field(std::string_view name) {
  return fail(ErrorCode::InvalidArgument,
              "read the payload: the field " + std::string(name) + " is missing or not what it should be");
}

void add_urls(RepositoryIdentity& identity, const Json::Value& object,
              std::initializer_list<const char*> names) {
  for (const auto* name : names) {
    auto url = text_at(object, name);
    if (url && !url->empty()) identity.urls.push_back(std::move(*url));
  }
}

Result<RefChange> ref_change(const Json::Value& object) {
  RefChange change;
  auto ref = text_at(object, "ref");
  if (!ref || !is_valid_ref(*ref)) return bad_field("ref");
  change.ref = std::move(*ref);
  const auto before = object_id(object, "before");
  if (!before) return fail(before.error());
  const auto after = object_id(object, "after");
  if (!after) return fail(after.error());
  change.before = *before;
  change.after = *after;
  change.deleted = change.after->is_null() && !change.before->is_null();
  return change;
}

bool is_test(const RefChange& change) {
  return change.before && change.after && change.before->is_null() && change.after->is_null();
}

Result<PushEvent> one_change(PushEvent event, const Json::Value& document) {
  auto change = ref_change(document);
  if (!change) return fail(std::move(change.error()));
  if (is_test(*change)) return ignored(std::move(event), "test_delivery");
  event.changes.push_back(std::move(*change));
  return event;
}

std::string name_from_urls(const RepositoryIdentity& identity) {
  for (const auto& url : identity.urls) {
    if (const auto parsed = parse_remote_url(url, any_scheme())) return parsed->url.full_name();
  }
  return {};
}

Result<std::string> full_ref(const Json::Value& object) {
  const auto ref = text_at(object, "ref");
  if (!ref) return bad_field("ref");
  const auto type = text_at(object, "ref_type");
  if (!type || (*type != "branch" && *type != "tag")) return bad_field("ref_type");
  const auto prefix = *type == "branch" ? kHeadsPrefix : kTagsPrefix;
  auto full = ref->starts_with(prefix) ? *ref : std::string(prefix) + *ref;
  if (!is_valid_ref(full)) return bad_field("ref");
  return full;
}

Result<RepositoryIdentity> repository_of(const Json::Value& document) {
  const auto& repository = member(document, "repository");
  RepositoryIdentity identity;
  auto name = text_at(repository, "full_name");
  if (!name || name->empty()) return bad_field("repository.full_name");
  identity.full_name = std::move(*name);
  add_urls(identity, repository, {"clone_url", "ssh_url", "git_url", "html_url"});
  return identity;
}

Result<PushEvent> single_push(PushEvent event, const Json::Value& document) {
  auto repository = repository_of(document);
  if (!repository) return fail(std::move(repository.error()));
  event.repository = std::move(*repository);
  return one_change(std::move(event), document);
}

}  // namespace gitferry::api::webhook

#include <array>

#include "api/hosting/hook_host.h"
#include "api/json.h"

namespace gitferry::api::hosting {
namespace {

/// https://gitee.com/api/v5/swagger, Webhooks. It tells neither whether a hook is active nor by which scheme
/// it proves itself.

constexpr std::array<std::string_view, 1> kHeaders{"Accept: application/json"};
constexpr std::array kOtherEvents{"issues_events", "note_events", "merge_requests_events"};
constexpr int kPassword = 0;
constexpr int kSign = 1;

std::string api_of(const RemoteUrl& repository) {
  return web_origin(repository) + "/api/v5";
}

std::string url_of(const Json::Value& hook) {
  return text_at(hook, "url").value_or("");
}

std::vector<Flaw> flaws_of(const Json::Value& hook, const WantedHook& wanted) {
  std::vector<Flaw> flaws;
  const bool tells_of_tags = is_true(member(hook, "tag_push_events")) || !wanted.with_tags;
  if (!is_true(member(hook, "push_events")) || !tells_of_tags) flaws.push_back(Flaw::EventsMissing);
  return flaws;
}

Json::Value document_of(const WantedHook& wanted, const Json::Value& existing) {
  Json::Value document;
  document["url"] = existing.isNull() ? wanted.url : url_of(existing);
  document["encryption_type"] = wanted.scheme == WebhookScheme::Sign ? kSign : kPassword;
  document["password"] = text_value(wanted.secret.reveal());
  document["push_events"] = true;
  document["tag_push_events"] = wanted.with_tags || is_true(member(existing, "tag_push_events"));
  for (const auto* event : kOtherEvents) document[event] = is_true(member(existing, event));
  return document;
}

/// The status of the answer; null before the first one.
std::optional<HostDelivery> last_delivery_in(const Json::Value& hook) {
  const auto status = static_cast<int>(number_in(member(hook, "result_code")));
  if (status < 100) return std::nullopt;
  return HostDelivery{0, status / 100 == 2, status, shown(text_at(hook, "result").value_or(""))};
}

constexpr std::array kDialects{
    HookDialect{.provider = "gitee",
                .api_of = &api_of,
                .hooks_path = &repository_hooks_path,
                .token_header = "Authorization: Bearer ",
                .headers = kHeaders,
                .page_size_key = "per_page",
                .page_size = 100,
                .url_of = &url_of,
                .flaws_of = &flaws_of,
                .document_of = &document_of,
                .last_delivery_in = &last_delivery_in,
                .rights = "the scopes projects and hook, and a user who administers the repository"}};

}  // namespace

std::span<const HookDialect> gitee_dialects() {
  return kDialects;
}

}  // namespace gitferry::api::hosting

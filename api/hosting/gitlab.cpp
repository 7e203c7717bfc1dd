#include <array>

#include "agent/base/text.h"
#include "api/hosting/hook_host.h"
#include "api/json.h"

namespace gitferry::api::hosting {
namespace {

/// https://docs.gitlab.com/api/project_webhooks/ and …/api/group_webhooks/. The signing token, and whether
/// there is one, are of 19.0.

constexpr std::array<std::string_view, 1> kHeaders{"Accept: application/json"};
constexpr std::string_view kSigningPrefix = "whsec_";

std::string api_of(const RemoteUrl& repository) {
  return web_origin(repository) + "/api/v4";
}

/// A project is named by its whole path in one segment.
std::string hooks_path(std::string_view project) {
  const auto plain = percent_decode(project);
  return "/projects/" + percent_encode(plain.value_or(std::string(project))) + "/hooks";
}

/// The same of a group, also below others.
std::string group_hooks_path(std::string_view group) {
  return "/groups/" + percent_encode(group) + "/hooks";
}

std::string url_of(const Json::Value& hook) {
  return text_at(hook, "url").value_or("");
}

bool says_no(const Json::Value& value) {
  return value.isBool() && !value.asBool();
}

bool has_text(const Json::Value& hook, const char* name) {
  return !text_at(hook, name).value_or("").empty();
}

bool is_filtered(const Json::Value& hook) {
  return has_text(hook, "push_events_branch_filter") &&
         text_at(hook, "branch_filter_strategy").value_or("") != "all_branches";
}

bool is_given_up(const Json::Value& hook) {
  const auto status = text_at(hook, "alert_status").value_or("");
  return status == "disabled" || status == "temporarily_disabled";
}

std::vector<Flaw> flaws_of(const Json::Value& hook, const WantedHook& wanted) {
  std::vector<Flaw> flaws;
  if (is_given_up(hook)) flaws.push_back(Flaw::Disabled);
  const bool tells_of_tags = is_true(member(hook, "tag_push_events")) || !wanted.with_tags;
  if (!is_true(member(hook, "push_events")) || !tells_of_tags) flaws.push_back(Flaw::EventsMissing);
  if (is_filtered(hook)) flaws.push_back(Flaw::BranchFilter);
  if (has_text(hook, "custom_webhook_template")) flaws.push_back(Flaw::OtherDocument);
  if (wanted.url.starts_with("https://") && says_no(member(hook, "enable_ssl_verification")))
    flaws.push_back(Flaw::TlsUnverified);
  const bool signs = wanted.scheme == WebhookScheme::Signing;
  if (says_no(member(hook, signs ? "signing_token_present" : "token_present")))
    flaws.push_back(Flaw::NoSecret);
  // A signed delivery is not taken for its token.
  if (!signs && is_true(member(hook, "signing_token_present"))) flaws.push_back(Flaw::OtherScheme);
  return flaws;
}

void put_secret(Json::Value& document, const WantedHook& wanted) {
  const auto secret = wanted.secret.reveal();
  if (wanted.scheme != WebhookScheme::Signing) {
    document["token"] = text_value(secret);
    return;
  }
  const std::string_view prefix = secret.starts_with(kSigningPrefix) ? "" : kSigningPrefix;
  document["signing_token"] = text_value(std::string(prefix).append(secret));
}

/// What is not in the document stays as it is.
Json::Value document_of(const WantedHook& wanted, const Json::Value& existing) {
  Json::Value document;
  document["url"] = existing.isNull() ? wanted.url : url_of(existing);
  document["push_events"] = true;
  if (wanted.with_tags) document["tag_push_events"] = true;
  document["enable_ssl_verification"] = true;
  if (is_filtered(existing)) {
    document["push_events_branch_filter"] = "";
    document["branch_filter_strategy"] = "all_branches";
  }
  if (has_text(existing, "custom_webhook_template")) document["custom_webhook_template"] = "";
  put_secret(document, wanted);
  if (wanted.scheme != WebhookScheme::Signing && is_true(member(existing, "signing_token_present")))
    document["signing_token"] = "";
  return document;
}

/// Without a time. `internal error` where nobody answered.
std::optional<HostDelivery> delivery_of(const Json::Value& delivery) {
  const auto& said = member(delivery, "response_status");
  const auto status = static_cast<int>(number_in(said));
  return HostDelivery{0, status / 100 == 2, status, said.isString() ? shown(said.asString()) : ""};
}

constexpr std::array kDialects{
    HookDialect{.provider = "gitlab",
                .api_of = &api_of,
                .hooks_path = &hooks_path,
                .token_header = "PRIVATE-TOKEN: ",
                .headers = kHeaders,
                .page_size_key = "per_page",
                .page_size = 100,
                .change_method = "PUT",
                .url_of = &url_of,
                .flaws_of = &flaws_of,
                .document_of = &document_of,
                .revival_path = "/test/push_events",
                .deliveries_path = "/events?per_page=1",
                .delivery_of = &delivery_of,
                .rights = "the scope api, and a user who is Maintainer or Owner of the project",
                .organisation_hooks_path = &group_hooks_path,
                .organisation_rights = "the scope api, a user who is Owner of the group, and GitLab Premium "
                                       "or Ultimate"}};

}  // namespace

std::span<const HookDialect> gitlab_dialects() {
  return kDialects;
}

}  // namespace gitferry::api::hosting

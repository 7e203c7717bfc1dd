#include <array>

#include <fmt/format.h>

#include "api/hosting/hook_host.h"
#include "api/json.h"

namespace gitferry::api::hosting {
namespace {

/// https://docs.github.com/en/rest/repos/webhooks and …/rest/orgs/webhooks, version 2022-11-28 of the API.

constexpr std::array<std::string_view, 2> kHeaders{"Accept: application/vnd.github+json",
                                                   "X-GitHub-Api-Version: 2022-11-28"};

/// The public service and GitHub Enterprise Cloud's own domains have it at a host of its own, Enterprise
/// Server below its host.
std::string api_of(const RemoteUrl& repository) {
  constexpr std::string_view kOwnDomains = ".ghe.com";
  const auto host = repository.place().host;
  if (host == "github.com" || host.ends_with(kOwnDomains)) return fmt::format("https://api.{}", host);
  return web_origin(repository) + "/api/v3";
}

std::string url_of(const Json::Value& hook) {
  return text_at(member(hook, "config"), "url").value_or("");
}

/// A push tells of tags and deletions as well.
std::vector<Flaw> flaws_of(const Json::Value& hook, const WantedHook& wanted) {
  const auto& config = member(hook, "config");
  const auto& events = member(hook, "events");
  std::vector<Flaw> flaws;
  if (!is_true(member(hook, "active"))) flaws.push_back(Flaw::Inactive);
  if (!holds(events, "push") && !holds(events, "*")) flaws.push_back(Flaw::EventsMissing);
  if (text_at(config, "content_type").value_or("form") != "json") flaws.push_back(Flaw::NotJson);
  const bool is_tls = wanted.url.starts_with("https://");
  if (is_tls && is_true(member(config, "insecure_ssl"))) flaws.push_back(Flaw::TlsUnverified);
  // It is shown as asterisks, and not at all where there is none.
  if (text_at(config, "secret").value_or("").empty()) flaws.push_back(Flaw::NoSecret);
  return flaws;
}

/// A secret that is not in the document would be removed.
Json::Value document_of(const WantedHook& wanted, const Json::Value& existing) {
  Json::Value config;
  config["url"] = existing.isNull() ? wanted.url : url_of(existing);
  config["content_type"] = "json";
  config["insecure_ssl"] = "0";
  config["secret"] = text_value(wanted.secret.reveal());
  Json::Value document;
  if (existing.isNull()) document["name"] = "web";
  document["active"] = true;
  const auto& events = member(existing, "events");
  document["events"] = holds(events, "*") ? events : with_words(events, {"push"});
  document["config"] = std::move(config);
  return document;
}

std::optional<HostDelivery> delivery_of(const Json::Value& delivery) {
  const auto status = static_cast<int>(number_in(member(delivery, "status_code")));
  return HostDelivery{time_in(member(delivery, "delivered_at")), status / 100 == 2, status,
                      shown(text_at(delivery, "status").value_or(""))};
}

/// `unused` before the first one.
std::optional<HostDelivery> last_delivery_in(const Json::Value& hook) {
  const auto& last = member(hook, "last_response");
  const auto status = static_cast<int>(number_in(member(last, "code")));
  const auto word = text_at(last, "status").value_or("unused");
  if (word == "unused") return std::nullopt;
  return HostDelivery{0, status / 100 == 2, status, shown(text_at(last, "message").value_or(word))};
}

constexpr std::array kDialects{HookDialect{
    .provider = "github",
    .api_of = &api_of,
    .hooks_path = &repository_hooks_path,
    .token_header = "Authorization: Bearer ",
    .headers = kHeaders,
    .page_size_key = "per_page",
    .page_size = 100,
    .url_of = &url_of,
    .flaws_of = &flaws_of,
    .document_of = &document_of,
    .deliveries_path = "/deliveries?per_page=1",
    .delivery_of = &delivery_of,
    .last_delivery_in = &last_delivery_in,
    .rights =
        "the scope admin:repo_hook (of a fine-grained token the repository permission Webhooks, read and "
        "write), and a user who administers the repository",
    .organisation_hooks_path = &hooks_path_of_organisation,
    .organisation_rights =
        "the scope admin:org_hook (of a fine-grained token the organization permission Webhooks, read and "
        "write), and a user who owns the organization"}};

}  // namespace

std::span<const HookDialect> github_dialects() {
  return kDialects;
}

}  // namespace gitferry::api::hosting

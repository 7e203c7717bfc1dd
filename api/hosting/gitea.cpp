#include <algorithm>
#include <array>

#include "agent/base/crypto.h"
#include "api/hosting/hook_host.h"
#include "api/json.h"

namespace gitferry::api::hosting {
namespace {

/// The API that Gogs began and Gitea and Forgejo went on with: `/api/swagger` of an instance, and of Gogs
/// https://gogs.io/api-reference/webhooks. None of them tells what became of a delivery.

constexpr std::array<std::string_view, 1> kHeaders{"Accept: application/json"};

std::string api_of(const RemoteUrl& repository) {
  return web_origin(repository) + "/api/v1";
}

std::string url_of(const Json::Value& hook) {
  return text_at(member(hook, "config"), "url").value_or("");
}

using Events = std::vector<std::string_view>;

/// A deleted branch is told of by `delete` alone.
Events events_of_gitea(const WantedHook& wanted) {
  Events events{"push"};
  if (wanted.with_deletions) events.emplace_back("delete");
  return events;
}

/// And with Gogs a new tag by `create` alone.
Events events_of_gogs(const WantedHook& wanted) {
  auto events = events_of_gitea(wanted);
  if (wanted.with_tags) events.emplace_back("create");
  return events;
}

std::vector<Flaw> flaws_of(const Json::Value& hook, const WantedHook& wanted, const Events& events) {
  std::vector<Flaw> flaws;
  if (!is_true(member(hook, "active"))) flaws.push_back(Flaw::Inactive);
  const auto& there = member(hook, "events");
  if (!std::all_of(events.begin(), events.end(), [&](auto event) { return holds(there, event); }))
    flaws.push_back(Flaw::EventsMissing);
  if (text_at(member(hook, "config"), "content_type").value_or("json") != "json")
    flaws.push_back(Flaw::NotJson);
  const auto filter = text_at(hook, "branch_filter").value_or("");
  if (!filter.empty() && filter != "*") flaws.push_back(Flaw::BranchFilter);
  if (wanted.authorization &&
      !matches(*wanted.authorization, text_at(hook, "authorization_header").value_or("")))
    flaws.push_back(Flaw::Authorization);
  return flaws;
}

std::vector<Flaw> flaws_at_gitea(const Json::Value& hook, const WantedHook& wanted) {
  return flaws_of(hook, wanted, events_of_gitea(wanted));
}

/// It has neither a filter nor a header Authorization, whatever is configured.
std::vector<Flaw> flaws_at_gogs(const Json::Value& hook, const WantedHook& wanted) {
  WantedHook possible = wanted;
  possible.authorization.reset();
  return flaws_of(hook, possible, events_of_gogs(wanted));
}

Json::Value document_of(const WantedHook& wanted, const Json::Value& existing, std::string_view type,
                        const Events& events) {
  Json::Value config;
  config["url"] = existing.isNull() ? wanted.url : url_of(existing);
  config["content_type"] = "json";
  config["secret"] = text_value(wanted.secret.reveal());
  Json::Value document;
  if (existing.isNull()) document["type"] = text_value(type);
  document["active"] = true;
  document["events"] = with_words(member(existing, "events"), events);
  document["config"] = std::move(config);
  return document;
}

/// A change without the filter or the header would take them away.
Json::Value with_rest(Json::Value document, const WantedHook& wanted, const Json::Value& existing) {
  document["branch_filter"] = "*";
  document["authorization_header"] = wanted.authorization
                                         ? text_value(wanted.authorization->reveal())
                                         : text_value(text_at(existing, "authorization_header").value_or(""));
  return document;
}

Json::Value document_for_gitea(const WantedHook& wanted, const Json::Value& existing) {
  return with_rest(document_of(wanted, existing, "gitea", events_of_gitea(wanted)), wanted, existing);
}

Json::Value document_for_forgejo(const WantedHook& wanted, const Json::Value& existing) {
  return with_rest(document_of(wanted, existing, "forgejo", events_of_gitea(wanted)), wanted, existing);
}

Json::Value document_for_gogs(const WantedHook& wanted, const Json::Value& existing) {
  return document_of(wanted, existing, "gogs", events_of_gogs(wanted));
}

/// Their pages are of 50 at most, and of fewer where an administrator says so.
constexpr HookDialect kGitea{
    .provider = "gitea",
    .api_of = &api_of,
    .hooks_path = &repository_hooks_path,
    .token_header = "Authorization: token ",
    .headers = kHeaders,
    .page_size_key = "limit",
    .page_size = 50,
    .url_of = &url_of,
    .flaws_of = &flaws_at_gitea,
    .document_of = &document_for_gitea,
    .rights = "the scope write:repository, and a user who administers the repository",
    .organisation_hooks_path = &hooks_path_of_organisation,
    .organisation_rights = "the scope write:organization, and a user who owns the organization"};

constexpr HookDialect forgejo() {
  HookDialect dialect = kGitea;
  dialect.provider = "forgejo";
  dialect.document_of = &document_for_forgejo;
  return dialect;
}

/// It lists all hooks at once, and takes no secret for one that is there.
constexpr HookDialect gogs() {
  HookDialect dialect = kGitea;
  dialect.provider = "gogs";
  dialect.page_size_key = {};
  dialect.changes_secrets = false;
  dialect.flaws_of = &flaws_at_gogs;
  dialect.document_of = &document_for_gogs;
  dialect.rights = "a user who administers the repository";
  dialect.organisation_hooks_path = nullptr;
  return dialect;
}

constexpr std::array kDialects{kGitea, forgejo(), gogs()};

}  // namespace

std::span<const HookDialect> gitea_dialects() {
  return kDialects;
}

}  // namespace gitferry::api::hosting

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <json/value.h>

#include "agent/base/secret.h"
#include "agent/model/remote_url.h"
#include "agent/model/webhook_source.h"

namespace gitferry::api::hosting {

/// The webhooks of a repository or an organisation, as the web APIs of git hosts have them: one dialect a
/// kind of host, by data and small functions. Nothing here sends anything.

/// The hook that is wanted at a host.
struct WantedHook {
  std::string url;  ///< our route for it, as the host reaches it
  WebhookScheme scheme = WebhookScheme::Hmac;
  Secret secret;
  std::optional<Secret> authorization = std::nullopt;  ///< WebhookSource::authorization
  bool with_tags = false;                              ///< pushes of tags are told of, too
  bool with_deletions = false;                         ///< and of branches that are deleted
};

/// What is wrong with a hook. What a host does not tell counts as right.
enum class Flaw {
  Inactive,
  Disabled,       ///< the host gave it up, for good or for a time, after failures
  EventsMissing,  ///< it does not tell of all that it should
  BranchFilter,   ///< it tells of some branches only
  NotJson,        ///< it sends a form
  OtherDocument,  ///< it sends a document that somebody made up
  TlsUnverified,  ///< it would tell anybody who pretends to be us
  NoSecret,       ///< it proves nothing
  OtherScheme,    ///< it proves itself in another way than the configuration has it
  Authorization,  ///< its header Authorization is not the configured one
};
/// What to say of it: `it is not active`.
std::string_view text_of(Flaw flaw);
/// `inactive`, ...: words of the commands' JSON.
std::string_view name_of(Flaw flaw);

/// The latest attempt of a host to deliver, by the host's own account.
struct HostDelivery {
  std::int64_t at_ms = 0;  ///< 0: the host does not say
  bool arrived = false;    ///< it was answered 2xx
  int status = 0;          ///< of the answer; 0: there was none, or the host does not say
  std::string result;      ///< the host's words, shortened
};

/// How the hosts of one kind speak. All views are static.
struct HookDialect {
  std::string_view provider;
  /// Where its API is, for a repository of that address, without '/' at the end.
  std::string (*api_of)(const RemoteUrl& repository);
  /// The list of hooks below it, of a project by its name in the address.
  std::string (*hooks_path)(std::string_view project);
  std::string_view token_header;              ///< what stands before the token in its header line
  std::span<const std::string_view> headers;  ///< further ones of every request
  std::string_view page_size_key;             ///< of the list's query; empty: it comes whole
  int page_size = 0;                          ///< what is asked for; a host may give less
  std::string_view change_method = "PATCH";
  bool changes_secrets = true;  ///< a secret of a hook that is there can be changed
  std::string (*url_of)(const Json::Value& hook);
  std::vector<Flaw> (*flaws_of)(const Json::Value& hook, const WantedHook& wanted);
  /// The document that makes the hook what is wanted; `existing`: as it is there, null for a new one. What
  /// the hook tells of besides, it goes on to tell of.
  Json::Value (*document_of)(const WantedHook& wanted, const Json::Value& existing);
  /// Below one hook: has the host send a test, after which one that it gave up counts as well again. Empty:
  /// it gives none up.
  std::string_view revival_path = {};
  /// Below one hook: its deliveries, the latest first. Empty: the host tells of none.
  std::string_view deliveries_path = {};
  std::optional<HostDelivery> (*delivery_of)(const Json::Value& delivery) = nullptr;
  /// What the hook itself tells of its latest delivery.
  std::optional<HostDelivery> (*last_delivery_in)(const Json::Value& hook) = nullptr;
  std::string_view rights;  ///< what the token needs, in words
  /// The list of hooks of an organisation or group below the API, by its full name; empty where that cannot
  /// be one. Null: hooks of those are set up by hand.
  std::string (*organisation_hooks_path)(std::string_view owner) = nullptr;
  std::string_view organisation_rights = {};  ///< what the token needs for those
};

/// nullptr where hooks of that kind of host have to be set up by hand.
const HookDialect* find_hook_dialect(std::string_view provider);
/// The providers that have a dialect.
std::vector<std::string_view> hook_dialect_names();

/// One file each.
std::span<const HookDialect> github_dialects();
std::span<const HookDialect> gitlab_dialects();
std::span<const HookDialect> gitea_dialects();
std::span<const HookDialect> gitee_dialects();

/// The repository's name in its host's API: the path of its address as written, without `.git` and slashes at
/// the ends.
std::string project_of(const RemoteUrl& repository);

/// What the dialects have in common.

/// `https://host:port` of a repository's host; for ssh without the port, which says nothing of https.
std::string web_origin(const RemoteUrl& repository);
/// `/repos/owner/name/hooks`.
std::string repository_hooks_path(std::string_view project);
/// `/orgs/owner/hooks`; empty for what is no single name.
std::string hooks_path_of_organisation(std::string_view owner);
/// Also where it is written as a text, as `"1"` or `"true"`.
bool is_true(const Json::Value& value);
/// 0 where it is no number, as a text either.
std::int64_t number_in(const Json::Value& value);
/// RFC 3339 in UTC, with a fraction or without; 0 where it is something else.
std::int64_t time_in(const Json::Value& value);
/// Of a host's text what can be shown.
std::string shown(std::string_view text);
bool holds(const Json::Value& list, std::string_view word);
/// `list` with what it lacks of `words`.
Json::Value with_words(Json::Value list, const std::vector<std::string_view>& words);
/// Json::Value has no constructor for views of secrets.
Json::Value text_value(std::string_view text);

}  // namespace gitferry::api::hosting

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/ip_address.h"
#include "agent/base/secret.h"
#include "agent/model/remote_url.h"

namespace gitferry {

/// How a delivery proves where it comes from.
enum class WebhookScheme {
  Hmac,      ///< a MAC of the body under the secret
  Signing,   ///< Standard Webhooks: a MAC of id, time and body; the id says what is a duplicate
  Token,     ///< the secret itself in a header
  Sign,      ///< Gitee: a MAC of the time alone
  Password,  ///< Gitee: the secret itself, beside a time that is not checked
  Basic,     ///< `Authorization: Basic`; the secret is the password
  None,      ///< nothing; only for senders that offer nothing, and only from named addresses
};

/// `hmac`, `signing`, ...: words of the configuration.
std::string_view name_of(WebhookScheme scheme);
std::optional<WebhookScheme> webhook_scheme_from(std::string_view name);

/// What is known of a kind of git host before any of its deliveries: data for configuration and routes.
struct WebhookKind {
  std::string_view provider;               ///< word of the configuration and of the route's path
  std::span<const WebhookScheme> schemes;  ///< what it can be set up to send; the first is the default
  std::string_view
      instance;  ///< of the public service, `https://github.com`; empty where everyone runs his own
  bool is_sha1_only = false;     ///< its signatures are HMAC-SHA1: they count only where `allow_sha1` says so
  bool has_sha1 = is_sha1_only;  ///< it has such signatures, be it besides better ones
  bool sends_authorization = false;  ///< beside its signature: a header of the user's choice
};

/// All of them: one line each in webhook_source.cpp, and one file in api/webhook.
std::span<const WebhookKind> webhook_kinds();
/// nullptr where there is none of that name.
const WebhookKind* find_webhook_kind(std::string_view provider);

/// The key that a secret of WebhookScheme::Signing stands for: base64, with `whsec_` before it or without, of
/// 24 to 64 bytes (Standard Webhooks 1.0.0). nullopt where it is anything else.
std::optional<Secret> standard_webhooks_key(const Secret& secret);

/// A secret of a hook. Several are in force at a time while one is being rotated.
struct HookSecret {
  Secret value;
  std::optional<WallTime> not_after = std::nullopt;  ///< it counts until then; unset: for ever

  [[nodiscard]] bool is_in_force(WallTime now) const { return !not_after || now <= *not_after; }
};

/// A webhook that one side of a binding, or a whole instance, sends: which format, how it proves itself, with
/// which secrets. Checked by the loader: the provider is known and has the scheme, no secret is short.
struct WebhookSource {
  std::string provider;
  WebhookScheme scheme = WebhookScheme::Hmac;
  std::vector<HookSecret> secrets;  ///< each is tried; empty for WebhookScheme::None alone
  bool allow_sha1 = false;          ///< a signature by HMAC-SHA1 counts too
  std::string username = {};        ///< WebhookScheme::Basic: what goes with the password; empty: any
  /// Gitea's family: what the header Authorization must hold besides the signature.
  std::optional<Secret> authorization = std::nullopt;
  /// How far the sender's clock may be away, where the time is signed. Unset: the provider's default.
  std::optional<std::chrono::seconds> tolerance = std::nullopt;
  /// Where deliveries may come from; empty: anywhere. Never empty for WebhookScheme::None.
  std::vector<AddressRange> allow_addresses = {};
};

/// A webhook that an organisation, a group or a whole instance sends for all of its repositories.
struct OrganisationHook {
  std::string name;  ///< for people and logs; unique
  WebhookSource source;
  /// Whose hook it is: scheme, host and port of the instance, and the path where it is not at the root.
  RemoteUrl instance;
  /// Beginnings of full names in lower case, whole segments (`acme`, `group/sub`); empty: all repositories.
  std::vector<std::string> owners;
};

}  // namespace gitferry

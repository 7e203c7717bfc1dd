#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/ip_address.h"
#include "agent/base/secret.h"
#include "agent/model/allowed_addresses.h"
#include "agent/model/binding.h"
#include "agent/model/remote_url.h"
#include "config/diagnostic.h"

namespace gitferry::config {

/// Where a secret comes from; never the secret itself. Exactly one of the two is set.
struct SecretSource {
  std::string file;
  std::string env;
  bool operator==(const SecretSource&) const = default;
};

/// Where the secrets of one webhook come from.
struct WebhookOrigins {
  std::vector<SecretSource> secrets;  ///< in the order of WebhookSource::secrets
  std::optional<SecretSource> authorization;
  bool operator==(const WebhookOrigins&) const = default;
};

/// How many a second in the long run, and how many at once; 0 a second: no limit.
struct RateLimit {
  int per_second = 0;
  int burst = 0;
  bool operator==(const RateLimit&) const = default;
};

/// What one listener takes.
struct Limits {
  int connections = 1024;
  int connections_per_address = 64;
  RateLimit address{500, 2'000};  ///< requests of one client address
  RateLimit hook{200, 2'000};     ///< proven deliveries of one hook
  bool operator==(const Limits&) const = default;
};

/// What the log has, and how its lines look.
struct Log {
  std::string level = "info";   ///< debug, info, warn, error
  std::string format = "auto";  ///< json, logfmt; auto: logfmt on a terminal
  bool operator==(const Log&) const = default;
};

struct Server {
  std::string listen_host = "127.0.0.1";
  std::uint16_t listen_port = 8080;
  /// How others reach the agent: `https://ferry.example.org`, with the path of a proxy's prefix and no '/' at
  /// its end. Empty: not known.
  std::string public_url;
  bool behind_proxy = false;
  /// Whose X-Forwarded-For is believed. Behind a proxy, and where none is named, the loader fills in this
  /// machine's own addresses; otherwise there are none.
  std::vector<AddressRange> trusted_proxies;
  std::string certificate_file;  ///< PEM; empty: plain HTTP
  std::string key_file;
  Limits limits;
  std::vector<std::string> public_badges;  ///< patterns of repositories whose badges everybody may see
  bool operator==(const Server&) const = default;
};

struct Token {
  std::string name;
  std::string role;  ///< read, operate, admin
  SecretSource source;
  bool operator==(const Token&) const = default;
};

struct Timeouts {
  std::chrono::milliseconds connect{10'000};
  std::chrono::milliseconds stall{30'000};
  std::chrono::milliseconds total{900'000};
  bool operator==(const Timeouts&) const = default;
};

struct Sync {
  int workers = 8;
  int per_host = 4;
  std::chrono::milliseconds reconcile_interval{600'000};  ///< zero: never
  std::string sync_dir = "/tmp/sync_dir/";
  bool delete_sync_dir = false;  ///< no mirror is left there after a run
  std::string engine = "auto";   ///< auto, relay, mirror
  bool log_detail = true;
  Timeouts timeouts;
  bool operator==(const Sync&) const = default;
};

struct Network {
  std::set<Scheme> allow_schemes{Scheme::Https, Scheme::Ssh};
  std::vector<std::string> allow_cidrs;  ///< private ranges that may be connected to, as written
  std::string ca_file;                   ///< PEM of authorities, besides the system's; empty: none
  LocalDirectories local_directories;    ///< where repositories on this machine may be; not named: anywhere
  std::string proxy;                     ///< `scheme://host:port`; empty: none
  std::string proxy_username;            ///< empty: the proxy asks for none
  std::optional<SecretSource> proxy_password;
  std::vector<std::string> no_proxy;               ///< hosts that are reached directly, as written
  std::chrono::milliseconds ssh_reuse{3'600'000};  ///< how long an ssh connection takes new runs; zero: none
  bool operator==(const Network&) const = default;

  /// What these settings allow.
  [[nodiscard]] AllowedAddresses allowed() const;
};

struct CredentialRule {
  std::string match;  ///< address prefix
  std::string username;
  std::string scheme = "basic";  ///< how the password is shown: basic, bearer
  std::optional<SecretSource> password;
  std::string key_file;
  std::string known_hosts_file;
  std::string client_certificate_file;  ///< with client_key_file, or neither
  std::string client_key_file;
  std::vector<std::string> helper;        ///< a credential helper of git's: program and arguments
  bool use_http_path = false;             ///< the helper is told the repository's path
  std::optional<SecretSource> api_token;  ///< of the host's web API
  std::string api_url;                    ///< where that is; empty: where hosts of its kind have it
  bool operator==(const CredentialRule&) const = default;
};

/// One receiver of notices. What does not belong to its kind is empty.
struct NotificationChannel {
  std::string name;
  std::string kind;  ///< webhook, slack, dingtalk, feishu, wecom, email
  SecretSource url;
  std::optional<SecretSource> secret;
  std::optional<SecretSource> old_secret;  ///< webhook: signs as well, while a secret is exchanged
  std::string smtp_host;
  std::uint16_t smtp_port = 0;
  std::string security = "starttls";  ///< starttls, tls, none
  std::string username;               ///< empty: no login
  std::optional<SecretSource> password;
  std::string from;
  std::vector<std::string> to;
  std::vector<std::string> events;  ///< the loader fills in the default: all
  std::vector<std::string> repos;   ///< patterns; empty: all
  std::string language = "en";      ///< en, zh
  std::chrono::milliseconds digest{30'000};
  std::string text;  ///< template; empty: the language's own
  bool operator==(const NotificationChannel&) const = default;
};

/// Whom to tell of what went bad, and how soon where it may heal by itself.
struct Notifications {
  int after_attempts = 5;
  std::chrono::milliseconds after{600'000};
  std::vector<NotificationChannel> channels;
  bool operator==(const Notifications&) const = default;
};

/// How much of a table is kept.
struct Retention {
  std::int64_t count = 0;
  std::chrono::hours age{};
  bool operator==(const Retention&) const = default;
};

/// Rules of Store::Retention, as the file has them.
struct History {
  Retention deliveries{100'000, std::chrono::days{7}};
  Retention runs{100'000, std::chrono::days{90}};
  Retention audit{1'000'000, std::chrono::days{400}};
  bool operator==(const History&) const = default;
};

/// The whole file as plain structures. Secrets of webhooks are read already (the bindings hold them); tokens
/// and credentials are read when they are needed, so that a rotated file is taken up.
struct Config {
  Log log;
  Server server;
  /// Look at the file itself from time to time and take up what changed.
  bool watch = false;
  std::string database_path = "./data/gitferry.db";  ///< from storage.url, `sqlite:` taken off
  std::string database_url;  ///< of PostgreSQL, without a password; empty: the file is meant
  std::optional<SecretSource> database_password;
  /// storage.lease: an agent that the database has not heard of for so long counts as dead.
  std::chrono::milliseconds database_lease{30'000};
  /// What addresses and tokens of the API's overrides are encrypted with. The loader fills in the default:
  /// `sealing-key` in the data directory.
  std::string key_file;
  History history;  ///< storage.keep
  std::vector<Token> tokens;
  Sync sync;
  Network network;
  std::vector<CredentialRule> credentials;
  Notifications notifications;
  BindingSnapshot bindings;
  /// Where the bindings' webhook secrets came from, by repository name and side, and those of
  /// `bindings.hooks`, by their names: for showing.
  std::map<std::pair<std::string, Side>, WebhookOrigins> webhook_sources;
  std::map<std::string, WebhookOrigins> hook_sources;
  std::vector<std::string> overridden_by;  ///< environment variables that replaced a value of the file
  std::vector<Diagnostic> warnings;        ///< what is in force, but probably not meant so
};

/// The directory of the database: where the agent keeps what it makes itself.
std::string data_directory(const Config& config);

}  // namespace gitferry::config

#include "config/keys.h"

#include <array>

namespace gitferry::config {
namespace {

using Word = std::string_view;

constexpr Remark kPasswordInline{"password", "use password_file or password_env"};
constexpr Remark kTokenInline{"token", "use token_file or token_env"};
constexpr Remark kSecretInline{"secret", "use secret_file or secret_env"};

constexpr std::array<Word, 12> kRootKeys{"version",     "watch",         "log",      "server",
                                         "storage",     "auth",          "sync",     "network",
                                         "credentials", "notifications", "webhooks", "repos"};
constexpr std::array<Word, 2> kLogKeys{"level", "format"};

constexpr std::array<Word, 7> kServerKeys{"listen",          "public_url", "tls",          "behind_proxy",
                                          "trusted_proxies", "limits",     "public_badges"};
constexpr std::array<Word, 2> kTlsKeys{"cert_file", "key_file"};
constexpr std::array kTlsRefused{Remark{"key", "use key_file"}};
constexpr std::array<Word, 4> kLimitsKeys{"connections", "connections_per_address", "requests", "deliveries"};
constexpr std::array<Word, 2> kRateKeys{"per_second", "burst"};

constexpr std::array<Word, 6> kStorageKeys{"url",           "key_file",     "keep",
                                           "password_file", "password_env", "lease"};
constexpr std::array kStorageRefused{kPasswordInline};
constexpr std::array<Word, 3> kKeepKeys{"deliveries", "runs", "audit"};
constexpr std::array<Word, 2> kRetentionKeys{"count", "age"};
constexpr std::array<Word, 1> kAuthKeys{"tokens"};

constexpr std::array<Word, 4> kTokenKeys{"name", "role", "token_file", "token_env"};
constexpr std::array kTokenRefused{kTokenInline, kSecretInline, kPasswordInline};

constexpr std::array<Word, 8> kSyncKeys{"workers",    "per_host", "sync_dir", "delete_sync_dir",
                                        "log_detail", "engine",   "timeouts", "reconcile_interval"};
constexpr std::array kSyncPlanned{Remark{"verify", "the target's own answer is the proof"}};

constexpr std::array<Word, 3> kTimeoutKeys{"connect", "stall", "total"};
constexpr std::array<Word, 10> kNetworkKeys{
    "local_directories", "allow_schemes",       "allow_cidrs",        "ca_file",  "proxy",
    "proxy_username",    "proxy_password_file", "proxy_password_env", "no_proxy", "ssh_reuse"};
constexpr std::array kNetworkRefused{
    Remark{"proxy_password", "use proxy_password_file or proxy_password_env"}};

constexpr std::array<Word, 14> kCredentialKeys{
    "match",           "username", "scheme",           "password_file",
    "password_env",    "key_file", "known_hosts_file", "client_certificate_file",
    "client_key_file", "helper",   "use_http_path",    "api_token_file",
    "api_token_env",   "api_url"};
constexpr std::array kCredentialRefused{kPasswordInline,
                                        Remark{"token", "use password_file or password_env"},
                                        Remark{"secret", "use password_file or password_env"},
                                        Remark{"key", "use key_file"},
                                        Remark{"client_key", "use client_key_file"},
                                        Remark{"api_token", "use api_token_file or api_token_env"}};

constexpr std::array<Word, 3> kNotificationsKeys{"after_attempts", "after", "channels"};
constexpr std::array<Word, 20> kChannelKeys{"name",
                                            "kind",
                                            "url_file",
                                            "url_env",
                                            "secret_file",
                                            "secret_env",
                                            "old_secret_file",
                                            "old_secret_env",
                                            "events",
                                            "repos",
                                            "language",
                                            "digest",
                                            "text",
                                            "smtp",
                                            "security",
                                            "username",
                                            "password_file",
                                            "password_env",
                                            "from",
                                            "to"};
constexpr std::array kChannelRefused{
    Remark{"url", "the address lets everybody write there: use url_file or url_env"}, kSecretInline,
    kPasswordInline, Remark{"token", "use url_file or url_env"}};

constexpr std::array<Word, 12> kRepositoryKeys{"name",        "enable",      "internal", "external",
                                               "granularity", "direction",   "policy",   "deletions",
                                               "tags",        "backup_refs", "webhook",  "branches"};
constexpr std::array kRepositoryPlanned{Remark{"engine", "sync.engine is for all repositories"}};
constexpr std::array kRepositoryRefused{
    Remark{"password", "put it under credentials as password_file or password_env"},
    Remark{"token", "put it under credentials as password_file or password_env"},
    Remark{"inter_token", "put it under credentials as password_file or password_env"},
    Remark{"exter_token", "put it under credentials as password_file or password_env"},
    Remark{"secret", "put it under webhook as secret_file or secret_env"}};

constexpr std::array<Word, 2> kWebhooksKeys{"internal", "external"};
constexpr std::array<Word, 11> kWebhookKeys{
    "provider", "scheme",    "secret_file",        "secret_env",        "secrets",    "allow_sha1",
    "username", "tolerance", "authorization_file", "authorization_env", "allow_cidrs"};
/// Besides, those of every webhook.
constexpr std::array<Word, 14> kHookKeys{
    "name",        "provider",           "instance",          "owners",     "scheme",
    "secret_file", "secret_env",         "secrets",           "allow_sha1", "username",
    "tolerance",   "authorization_file", "authorization_env", "allow_cidrs"};
constexpr std::array kWebhookRefused{kSecretInline, Remark{"token", "use secret_file or secret_env"},
                                     Remark{"password", "use secret_file or secret_env"},
                                     Remark{"authorization", "use authorization_file or authorization_env"}};
constexpr std::array<Word, 3> kSecretKeys{"file", "env", "not_after"};
constexpr std::array kSecretRefused{Remark{"secret", "use file or env"}, Remark{"value", "use file or env"},
                                    Remark{"token", "use file or env"},
                                    Remark{"password", "use file or env"}};

constexpr std::array<Word, 5> kBranchKeys{"internal", "external", "enable", "policy", "deletions"};

constexpr std::array kAll{
    &section::kRoot,      &section::kLog,     &section::kServer,     &section::kTls,
    &section::kLimits,    &section::kRate,    &section::kStorage,    &section::kKeep,
    &section::kRetention, &section::kAuth,    &section::kToken,      &section::kSync,
    &section::kTimeouts,  &section::kNetwork, &section::kCredential, &section::kNotifications,
    &section::kChannel,   &section::kHook,    &section::kRepository, &section::kWebhooks,
    &section::kWebhook,   &section::kSecret,  &section::kBranch};

}  // namespace

namespace section {
const Section kRoot{"root", kRootKeys, {}, {}};
const Section kLog{"log", kLogKeys, {}, {}};
const Section kServer{"server", kServerKeys, {}, {}};
const Section kTls{"tls", kTlsKeys, {}, kTlsRefused};
const Section kLimits{"limits", kLimitsKeys, {}, {}};
const Section kRate{"rate", kRateKeys, {}, {}};
const Section kStorage{"storage", kStorageKeys, {}, kStorageRefused};
const Section kKeep{"keep", kKeepKeys, {}, {}};
const Section kRetention{"retention", kRetentionKeys, {}, {}};
const Section kAuth{"auth", kAuthKeys, {}, {}};
const Section kToken{"token", kTokenKeys, {}, kTokenRefused};
const Section kSync{"sync", kSyncKeys, kSyncPlanned, {}};
const Section kTimeouts{"timeouts", kTimeoutKeys, {}, {}};
const Section kNetwork{"network", kNetworkKeys, {}, kNetworkRefused};
const Section kCredential{"credential", kCredentialKeys, {}, kCredentialRefused};
const Section kNotifications{"notifications", kNotificationsKeys, {}, {}};
const Section kChannel{"channel", kChannelKeys, {}, kChannelRefused};
const Section kHook{"hook", kHookKeys, {}, kWebhookRefused};
const Section kRepository{"repository", kRepositoryKeys, kRepositoryPlanned, kRepositoryRefused};
const Section kWebhooks{"webhooks", kWebhooksKeys, {}, {}};
const Section kWebhook{"webhook", kWebhookKeys, {}, kWebhookRefused};
const Section kSecret{"secret", kSecretKeys, {}, kSecretRefused};
const Section kBranch{"branch", kBranchKeys, {}, {}};
}  // namespace section

std::span<const Section* const> all_sections() {
  return kAll;
}

}  // namespace gitferry::config

#include "config/webhooks.h"

#include <algorithm>
#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/text.h"
#include "agent/model/remote_url.h"
#include "config/scalars.h"

namespace gitferry::config {
namespace {

/// Whoever can guess the secret can send anything, and nobody types it more than once.
constexpr std::size_t kShortestSecret = 16;
constexpr std::string_view kMakeOne = "make one with: openssl rand -hex 32";
/// Each of them costs every delivery a digest of its body.
constexpr std::size_t kMostSecrets = 8;
constexpr MapReader::DurationRange kTolerance{std::chrono::seconds{1}, std::chrono::hours{1},
                                              std::chrono::seconds{1}};

std::vector<std::string> provider_words() {
  std::vector<std::string> words;
  for (const auto& kind : webhook_kinds()) words.emplace_back(kind.provider);
  return words;
}

/// Of one provider, or of all of them: each once.
std::vector<std::string> scheme_words(std::span<const WebhookKind> kinds) {
  std::vector<std::string> words;
  for (const auto& kind : kinds) {
    for (const auto scheme : kind.schemes) {
      const std::string word(name_of(scheme));
      if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
    }
  }
  return words;
}

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : std::string(separator)) + word;
  return text;
}

/// Reads one webhook: which kind it is, then what that kind takes.
class WebhookReader {
 public:
  WebhookReader(const MapReader& map, const Environment& environment)
      : map_(map), environment_(environment) {}

  std::optional<ReadWebhook> read() {
    if (!map_.is_map()) return std::nullopt;
    read_kind();
    read_secrets();
    read_options();
    if (kind_ == nullptr) return std::nullopt;
    return std::move(read_);
  }

 private:
  void read_kind() {
    const bool is_named = map_.require("provider", "provider: github");
    const auto provider = map_.choice("provider", provider_words());
    const auto scheme = map_.choice("scheme", scheme_words(webhook_kinds()));
    if (!is_named || !provider) return;
    kind_ = find_webhook_kind(*provider);
    read_.source.provider = *provider;
    const auto wanted = scheme ? webhook_scheme_from(*scheme) : std::nullopt;
    read_.source.scheme = wanted.value_or(kind_->schemes.front());
    if (std::find(kind_->schemes.begin(), kind_->schemes.end(), read_.source.scheme) != kind_->schemes.end())
      return;
    const auto own = scheme_words({kind_, 1});
    map_.error(map_.at("scheme"),
               "a webhook of " + *provider + " proves itself by " + joined(own, " or ") + ", not " +
                   std::string(name_of(read_.source.scheme)),
               "use scheme: " + own.front());
    kind_ = nullptr;
  }

  [[nodiscard]] bool is(WebhookScheme scheme) const {
    return kind_ != nullptr && read_.source.scheme == scheme;
  }

  void read_secrets() {
    const bool has_list = map_.find("secrets") != nullptr;
    const bool has_one = map_.find("secret_file") != nullptr || map_.find("secret_env") != nullptr;
    if (is(WebhookScheme::None)) {
      refuse_secrets();
      return;
    }
    if (has_list && has_one) {
      map_.error(map_.at("secrets"),
                 map_.named("secrets") + " and secret_file or secret_env exclude each other",
                 "put all of them under secrets");
      return;
    }
    if (has_list) {
      read_secret_list();
    } else if (!has_one) {
      map_.error(map_.at(), map_.where() + " has no secret", "give it secret_file or secret_env");
    } else if (const auto source = map_.secret("secret")) {
      take_secret(*source, map_.at(source->file.empty() ? "secret_env" : "secret_file"), std::nullopt);
    }
  }

  void refuse_secrets() const {
    for (const std::string_view key : {"secrets", "secret_file", "secret_env"}) {
      if (map_.find(key) != nullptr)
        map_.error(map_.at(key),
                   map_.where() + " proves itself by nothing, so a secret would protect nothing",
                   "remove it; allow_cidrs says who may send");
    }
  }

  void read_secret_list() {
    const auto& nodes = map_.list("secrets");
    if (nodes.empty() || nodes.size() > kMostSecrets) {
      map_.error(map_.at("secrets"),
                 map_.named("secrets") + " takes 1 to " + std::to_string(kMostSecrets) + " secrets",
                 "for example: [{env: NEW_HOOK}, {env: OLD_HOOK}]");
      return;
    }
    std::size_t index = 0;
    for (const auto& node : nodes) {
      const std::string where = map_.named("secrets") + "[" + std::to_string(index++) + "]";
      const MapReader item(node, where, section::kSecret, map_.report());
      if (!item.is_map()) continue;
      const auto source = item.secret("file", "env");
      const auto not_after = read_end(item);
      if (source)
        take_secret(*source, item.at(source->file.empty() ? "env" : "file"), not_after);
      else if (item.find("file") == nullptr && item.find("env") == nullptr)
        item.error(item.at(), where + " has no secret", "give it file or env");
    }
    const auto& secrets = read_.source.secrets;
    const auto now = SystemClock().now();
    const bool is_any_in_force =
        secrets.empty() || std::any_of(secrets.begin(), secrets.end(),
                                       [&](const HookSecret& secret) { return secret.is_in_force(now); });
    if (!is_any_in_force)
      map_.warn(map_.at("secrets"),
                "every secret of " + map_.where() + " has expired: nothing can be proven by it",
                "add one that is in force");
  }

  static std::optional<WallTime> read_end(const MapReader& item) {
    const auto text = item.text("not_after");
    const auto end = text ? parse_time(*text) : std::nullopt;
    if (text && !end)
      item.error(item.at("not_after"), item.named("not_after") + " must be a time in UTC",
                 "for example: \"2027-01-31T00:00:00Z\"");
    return end;
  }

  void take_secret(const SecretSource& source, const Position& at, std::optional<WallTime> not_after) {
    auto secret = read_checked(source, at);
    if (!secret) return;
    if (is(WebhookScheme::Signing)) {
      if (!standard_webhooks_key(*secret)) {
        map_.error(
            at, name_of(source) + " holds no signing key: base64 of 24 to 64 bytes, after whsec_",
            "take the one that the host shows, or make one with: echo whsec_$(openssl rand -base64 32)");
        return;
      }
    } else if (trim(secret->reveal()).size() < kShortestSecret) {
      map_.error(at, name_of(source) + " is shorter than 16 characters", std::string(kMakeOne));
      return;
    }
    read_.source.secrets.push_back({std::move(*secret), not_after});
    read_.origins.secrets.push_back(source);
  }

  std::optional<Secret> read_checked(const SecretSource& source, const Position& at) {
    auto secret = read_secret(source, environment_);
    if (!secret) {
      map_.error(at, secret.error().message, secret.error().hint);
      return std::nullopt;
    }
    if (trim(secret->reveal()).size() != secret->reveal().size())
      map_.warn(at, name_of(source) + " begins or ends with white space, which counts as a part of it",
                "take it away, unless the git host has it, too");
    return std::move(*secret);
  }

  void read_options() {
    const bool allows_sha1 = map_.flag("allow_sha1").value_or(false);
    const auto username = map_.text("username");
    const auto authorization = map_.secret("authorization");
    const auto tolerance = map_.duration("tolerance", kTolerance);
    read_.source.allow_addresses = map_.address_ranges("allow_cidrs");
    if (kind_ == nullptr) return;
    if (check_sha1(allows_sha1)) read_.source.allow_sha1 = allows_sha1;
    if (username && check_scheme("username", is(WebhookScheme::Basic), "basic"))
      read_.source.username = *username;
    if (authorization) read_authorization(*authorization);
    const bool is_time_signed = is(WebhookScheme::Signing) || is(WebhookScheme::Sign);
    if (tolerance && check_scheme("tolerance", is_time_signed, "signing or sign"))
      read_.source.tolerance = std::chrono::duration_cast<std::chrono::seconds>(*tolerance);
    if (is(WebhookScheme::None) && map_.list("allow_cidrs").empty())
      map_.error(map_.at(),
                 map_.where() + " proves itself by nothing, so it must say where deliveries may come from",
                 "for example: allow_cidrs: [192.0.2.10]");
  }

  [[nodiscard]] bool check_sha1(bool allows_sha1) const {
    if (allows_sha1 && !kind_->has_sha1)
      map_.error(map_.at("allow_sha1"), "a webhook of " + read_.source.provider + " is never signed by SHA-1",
                 "remove allow_sha1");
    else if (!allows_sha1 && kind_->is_sha1_only)
      map_.error(map_.at("allow_sha1"),
                 "a webhook of " + read_.source.provider + " can only be signed by HMAC-SHA1",
                 "say allow_sha1: true to take it");
    else
      return true;
    return false;
  }

  [[nodiscard]] bool check_scheme(std::string_view key, bool fits, std::string_view schemes) const {
    if (!fits)
      map_.error(map_.at(key),
                 map_.named(key) + " means something for scheme " + std::string(schemes) + " only",
                 "remove it");
    return fits;
  }

  void read_authorization(const SecretSource& source) {
    const Position& at = map_.at(source.file.empty() ? "authorization_env" : "authorization_file");
    if (!kind_->sends_authorization) {
      map_.error(at, "a webhook of " + read_.source.provider + " sends no Authorization of your choice",
                 "remove it; gitea, forgejo and gogs do");
      return;
    }
    read_.source.authorization = read_checked(source, at);
    read_.origins.authorization = source;
  }

  const MapReader& map_;
  const Environment& environment_;
  const WebhookKind* kind_ = nullptr;  ///< set once provider and scheme fit each other
  ReadWebhook read_;
};

/// Scheme, host, port, and the path in front of the repositories without a slash at its end.
std::optional<RemoteUrl> parse_instance(std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  constexpr std::string_view kRepository = "/x";
  auto parsed = parse_remote_url(std::string(text) + std::string(kRepository), {Scheme::Https, Scheme::Http});
  if (!parsed || !parsed->username.empty() || !parsed->password.empty()) return std::nullopt;
  auto& path = parsed->url.path;
  path.erase(path.size() - kRepository.size());
  return std::move(parsed->url);
}

/// In lower case and without slashes at its ends; nullopt for what is no beginning of a full name.
std::optional<std::string> parse_owner(std::string_view text) {
  while (text.starts_with('/')) text.remove_prefix(1);
  while (text.ends_with('/')) text.remove_suffix(1);
  if (text.find_first_of(" \t\r\n\\:?#*") != std::string_view::npos) return std::nullopt;
  for (const auto segment : split(text, '/')) {
    if (segment.empty() || segment == "." || segment == "..") return std::nullopt;
  }
  return to_lower(text);
}

/// Reads one entry of `webhooks`.
class HookReader {
 public:
  HookReader(const MapReader& map, const Environment& environment, Config& config)
      : map_(map), environment_(environment), config_(config) {}

  void read() {
    auto webhook = read_webhook(map_, environment_);
    read_instance(webhook ? &webhook->source : nullptr);
    read_name();
    read_owners();
    if (!webhook || hook_.name.empty()) return;
    hook_.source = std::move(webhook->source);
    config_.hook_sources[hook_.name] = std::move(webhook->origins);
    config_.bindings.hooks.push_back(std::move(hook_));
  }

 private:
  void read_instance(const WebhookSource* source) {
    const auto text = map_.text("instance");
    const auto* kind = source == nullptr ? nullptr : find_webhook_kind(source->provider);
    if (!text && (kind == nullptr || map_.find("instance") != nullptr)) return;
    if (!text && kind->instance.empty()) {
      map_.require("instance", "instance: \"https://git.example.org\"");
      return;
    }
    instance_ = parse_instance(text ? *text : std::string(kind->instance));
    if (!instance_) {
      // What stands there is not quoted: it may hold a password.
      map_.error(map_.at("instance"), map_.named("instance") + " is not the address of a git host",
                 "for example: \"https://git.example.org\", without user info");
      return;
    }
    hook_.instance = *instance_;
    default_name_ = std::string(source == nullptr ? "" : source->provider + "@") + instance_->host_key();
  }

  void read_name() {
    const auto text = map_.text("name");
    if (map_.find("name") != nullptr && !text) return;
    const std::string name = text.value_or(default_name_);
    const bool is_plain = std::all_of(name.begin(), name.end(), [](char c) {
      return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7F;
    });
    if (name.size() > kLongestName || !is_plain) {
      map_.error(map_.at("name"),
                 map_.named("name") + " takes up to 128 characters of ASCII without white space",
                 "for example: group-a");
    } else if (config_.hook_sources.contains(name)) {
      map_.error(map_.at("name"), "a second webhook named '" + name + "'", "give each its own name");
    } else {
      hook_.name = name;
    }
  }

  void read_owners() {
    for (const auto& node : map_.list("owners")) {
      const auto text = scalar_text(node, "an owner", map_.report());
      if (!text) continue;
      if (auto owner = parse_owner(*text))
        hook_.owners.push_back(std::move(*owner));
      else
        map_.error(node.at, map_.named("owners") + " takes the beginnings of repositories' full names",
                   "for example: acme or group/subgroup");
    }
  }

  static constexpr std::size_t kLongestName = 128;

  const MapReader& map_;
  const Environment& environment_;
  Config& config_;
  std::optional<RemoteUrl> instance_;
  std::string default_name_;
  OrganisationHook hook_;
};

}  // namespace

std::optional<ReadWebhook> read_webhook(const MapReader& map, const Environment& environment) {
  return WebhookReader(map, environment).read();
}

void read_hooks(const MapReader& root, const Environment& environment, Config& config) {
  std::size_t index = 0;
  for (const auto& node : root.list("webhooks")) {
    const std::string where = "webhooks[" + std::to_string(index++) + "]";
    const MapReader map(node, where, section::kHook, root.report());
    if (map.is_map()) HookReader(map, environment, config).read();
  }
}

}  // namespace gitferry::config

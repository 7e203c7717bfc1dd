#include "config/loader.h"

#include <cerrno>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "agent/base/ip_address.h"
#include "agent/base/text.h"
#include "agent/base/unique_fd.h"
#include "config/environment.h"
#include "config/map_reader.h"
#include "config/repositories.h"
#include "config/scalars.h"
#include "config/server.h"
#include "config/webhooks.h"
#include "config/yaml_tree.h"

namespace gitferry::config {
namespace {

constexpr MapReader::Range kWorkers{1, 256};
constexpr MapReader::Range kPerHost{1, 64};
/// What fell out cannot be recognised when a host offers it again, and there are bursts.
constexpr MapReader::Range kDeliveries{1'000, 1'000'000'000};
constexpr MapReader::Range kRows{1, 1'000'000'000};
constexpr std::chrono::hours kLongestAge = std::chrono::days{3650};
/// Longer than any git host offers to deliver again (GitHub: 3 days).
constexpr MapReader::DurationRange kDeliveriesAge{std::chrono::days{4}, kLongestAge, std::chrono::hours{1}};
constexpr MapReader::DurationRange kAge{std::chrono::hours{1}, kLongestAge, std::chrono::hours{1}};
constexpr MapReader::DurationRange kReconcile{std::chrono::seconds{1}, std::chrono::days{7}};

/// Reads everything but the repositories: one function a section of the file.
class SettingsReader {
 public:
  SettingsReader(const MapReader& root, const Environment& environment, Config& config, Report& report)
      : root_(root), environment_(environment), config_(config), report_(report) {}

  void read() {
    read_version();
    config_.watch = root_.flag("watch").value_or(false);
    if (const YamlNode* node = root_.find("server"))
      read_server({*node, "server", section::kServer, report_}, config_.server);
    if (const YamlNode* node = root_.find("storage"))
      read_storage({*node, "storage", section::kStorage, report_});
    if (config_.key_file.empty()) config_.key_file = data_directory(config_) + "/sealing-key";
    if (const YamlNode* node = root_.find("auth")) read_auth({*node, "auth", section::kAuth, report_});
    if (const YamlNode* node = root_.find("sync")) read_sync({*node, "sync", section::kSync, report_});
    if (const YamlNode* node = root_.find("network"))
      read_network({*node, "network", section::kNetwork, report_});
    read_credentials();
  }

 private:
  void read_version() {
    if (root_.require("version", "version: 1")) root_.number("version", {1, 1});
  }

  void read_storage(const MapReader& map) {
    constexpr std::string_view kSqlite = "sqlite:";
    config_.key_file = map.text("key_file").value_or("");
    if (const YamlNode* node = map.find("keep"))
      read_keep({*node, "storage.keep", section::kKeep, report_}, config_.history);
    const auto url = map.text("url");
    if (!url) return;
    if (url->starts_with("postgres")) {
      map.error(map.at("url"), "PostgreSQL is not available in this version",
                "use sqlite:./data/gitferry.db");
    } else if (!url->starts_with(kSqlite) || url->size() == kSqlite.size() || url->ends_with('/')) {
      map.error(map.at("url"), "storage.url must be sqlite: and the path of a file",
                "for example: sqlite:./data/gitferry.db");
    } else {
      config_.database_path = url->substr(kSqlite.size());
    }
  }

  static void read_keep(const MapReader& map, History& history) {
    read_retention(map, "deliveries", history.deliveries, kDeliveries, kDeliveriesAge);
    read_retention(map, "runs", history.runs, kRows, kAge);
    read_retention(map, "audit", history.audit, kRows, kAge);
  }

  static void read_retention(const MapReader& keep, std::string_view key, Retention& retention,
                             MapReader::Range count, MapReader::DurationRange age) {
    const YamlNode* node = keep.find(key);
    if (node == nullptr) return;
    const MapReader map(*node, keep.named(key), section::kRetention, keep.report());
    if (const auto number = map.number("count", count)) retention.count = *number;
    if (const auto duration = map.duration("age", age))
      retention.age = std::chrono::duration_cast<std::chrono::hours>(*duration);
  }

  void read_auth(const MapReader& map) {
    std::set<std::string> names;
    std::size_t index = 0;
    for (const auto& node : map.list("tokens")) {
      const MapReader token(node, "auth.tokens[" + std::to_string(index++) + "]", section::kToken, report_);
      Token read;
      if (token.require("name", "name: ops")) read.name = token.text("name").value_or("");
      if (token.require("role", "role: admin"))
        read.role = token.choice("role", {"read", "operate", "admin"}).value_or("");
      if (!read.name.empty() && !names.insert(read.name).second)
        token.error(token.at("name"), "a second token named '" + shortened(read.name, 60) + "'");
      if (auto source = required_secret(token, "token")) {
        read.source = std::move(*source);
        config_.tokens.push_back(std::move(read));
      }
    }
  }

  void read_sync(const MapReader& map) {
    Sync& sync = config_.sync;
    sync.workers = map.number("workers", kWorkers).value_or(sync.workers);
    sync.per_host = map.number("per_host", kPerHost).value_or(sync.per_host);
    sync.sync_dir = map.text("sync_dir").value_or(sync.sync_dir);
    sync.log_detail = map.flag("log_detail").value_or(sync.log_detail);
    if (!sync.sync_dir.starts_with('/'))
      map.error(map.at("sync_dir"), "sync.sync_dir must be an absolute path",
                "for example: /var/lib/gitferry/sync");
    read_reconcile_interval(map, sync);
    const YamlNode* node = map.find("timeouts");
    if (node == nullptr) return;
    const MapReader timeouts(*node, "sync.timeouts", section::kTimeouts, report_);
    sync.timeouts.connect = timeouts.duration("connect").value_or(sync.timeouts.connect);
    sync.timeouts.stall = timeouts.duration("stall").value_or(sync.timeouts.stall);
    sync.timeouts.total = timeouts.duration("total").value_or(sync.timeouts.total);
  }

  static void read_reconcile_interval(const MapReader& map, Sync& sync) {
    const YamlNode* node = map.find("reconcile_interval");
    if (node == nullptr || node->kind != YamlNode::Kind::Scalar || node->text != "off") {
      sync.reconcile_interval =
          map.duration("reconcile_interval", kReconcile).value_or(sync.reconcile_interval);
      return;
    }
    sync.reconcile_interval = {};
    map.warn(map.at("reconcile_interval"),
             "without a reconcile, a push whose webhook gets lost is never synced", "10m is the default");
  }

  void read_network(const MapReader& map) {
    std::set<Scheme> schemes;
    bool all_known = true;
    for (const auto& node : map.list("allow_schemes")) {
      const auto word = scalar_text(node, "a scheme", report_);
      const auto scheme = word ? scheme_from(*word) : std::nullopt;
      all_known = all_known && scheme;
      if (scheme) {
        schemes.insert(*scheme);
      } else if (word) {
        const std::string near = nearest(*word, {"https", "ssh", "http", "file"});
        map.error(node.at, "network.allow_schemes knows https, ssh, http and file",
                  near.empty() ? "" : "did you mean '" + near + "'?");
      }
    }
    // A wrong word is one error, not another one for every address.
    if (!all_known) schemes = {Scheme::Https, Scheme::Ssh, Scheme::Http, Scheme::File};
    if (map.find("allow_schemes") != nullptr) config_.network.allow_schemes = std::move(schemes);
    for (const auto& node : map.list("allow_cidrs")) {
      const auto range = scalar_text(node, "an address range", report_);
      if (!range) continue;
      if (parse_address_range(*range))
        config_.network.allow_cidrs.push_back(*range);
      else
        map.error(node.at, "network.allow_cidrs takes address ranges", "for example: 10.0.0.0/8 or fd00::/8");
    }
  }

  void read_credentials() {
    std::size_t index = 0;
    for (const auto& node : root_.list("credentials")) {
      const MapReader map(node, "credentials[" + std::to_string(index++) + "]", section::kCredential,
                          report_);
      CredentialRule rule;
      if (map.require("match", "match: https://github.com/acme/"))
        rule.match = map.text("match").value_or("");
      rule.username = map.text("username").value_or("");
      rule.key_file = map.text("key_file").value_or("");
      rule.known_hosts_file = map.text("known_hosts_file").value_or("");
      rule.password = map.secret("password");
      if (rule.password) check_secret(map, "password", *rule.password);
      if (check_credential(map, node, rule)) config_.credentials.push_back(std::move(rule));
    }
  }

  /// Whether the parts fit the kind of address. `match` is never quoted: a password may stand in it by
  /// mistake.
  static bool check_credential(const MapReader& map, const YamlNode& node, const CredentialRule& rule) {
    if (rule.match.empty()) return false;
    const std::string_view match = rule.match;
    const auto mark = match.find("://");
    const auto scheme = mark == std::string_view::npos ? std::nullopt : scheme_from(match.substr(0, mark));
    if (!scheme || *scheme == Scheme::File) {
      map.error(map.at("match"), map.where() + ".match must begin with https://, http:// or ssh://",
                "for example: https://github.com/acme/ or ssh://git@host/");
      return false;
    }
    const auto authority = match.substr(mark + 3, match.find('/', mark + 3) - mark - 3);
    const bool is_ssh = *scheme == Scheme::Ssh;
    const auto at_sign = authority.rfind('@');
    const bool has_user = at_sign != std::string_view::npos;
    const bool has_password = has_user && authority.substr(0, at_sign).find(':') != std::string_view::npos;
    if ((has_user && !is_ssh) || has_password) {
      map.error(map.at("match"), map.where() + ".match holds a user name or password",
                "use username and password_file or password_env");
      return false;
    }
    if (authority.empty() || authority.ends_with('@') ||
        match.find_first_of(" \t\r\n?#") != std::string_view::npos) {
      map.error(map.at("match"), map.where() + ".match is not the beginning of an address");
      return false;
    }
    const bool names_password = node.find("password_file") != nullptr || node.find("password_env") != nullptr;
    if (is_ssh && (names_password || !rule.username.empty())) {
      map.error(map.at("match"), "ssh takes a key, not a user name and password", "use key_file");
      return false;
    }
    if (!is_ssh && (!rule.key_file.empty() || !rule.known_hosts_file.empty())) {
      map.error(map.at("match"), "key_file and known_hosts_file are for ssh:// only",
                "use username and password_file or password_env");
      return false;
    }
    if (!is_ssh && !names_password) {
      map.error(map.at(), map.where() + " has no password", "give it password_file or password_env");
      return false;
    }
    return true;
  }

  /// A secret that must be named and readable.
  std::optional<SecretSource> required_secret(const MapReader& map, const std::string& stem) {
    auto source = map.secret(stem);
    if (!source) {
      if (map.find(stem + "_file") == nullptr && map.find(stem + "_env") == nullptr)
        map.error(map.at(), map.where() + " has no secret", "give it " + stem + "_file or " + stem + "_env");
      return std::nullopt;
    }
    check_secret(map, stem, *source);
    return source;
  }

  void check_secret(const MapReader& map, const std::string& stem, const SecretSource& source) {
    const auto secret = read_secret(source, environment_);
    if (!secret)
      map.error(map.at(stem + (source.file.empty() ? "_env" : "_file")), secret.error().message,
                secret.error().hint);
  }

  const MapReader& root_;
  const Environment& environment_;
  Config& config_;
  Report& report_;
};

/// At most a piece more than the limit: the parser says the rest.
Result<std::string> read_bounded(const std::string& path) {
  constexpr std::size_t piece = 256 * 1024;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::string text;
  std::size_t filled = 0;
  while (fd && filled <= kFileLimit) {
    text.resize(filled + piece);
    const ssize_t got = ::read(fd.get(), text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(ErrorCode::ConfigurationInvalid, std::generic_category().message(errno));
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  if (!fd) return fail(ErrorCode::ConfigurationInvalid, std::generic_category().message(errno));
  text.resize(filled);
  return text;
}

}  // namespace

std::string data_directory(const Config& config) {
  const auto directory = std::filesystem::path(config.database_path).parent_path();
  return directory.empty() ? "." : directory.string();
}

Loaded load_text(std::string_view text, const std::string& name, const Environment& environment) {
  Report report(name);
  Config config;
  if (auto root = parse_yaml(text, report)) {
    config.overridden_by = apply_environment(*root, environment, report);
    const MapReader reader(*root, "", section::kRoot, report);
    SettingsReader(reader, environment, config, report).read();
    read_hooks(reader, environment, config);
    read_repositories(reader, environment, config, report);
  }
  config.warnings = report.take_warnings();
  if (report.empty()) return config;
  return tl::make_unexpected(report.take());
}

Loaded load_file(const std::string& path, const Environment& environment) {
  const auto text = read_bounded(path);
  if (text) return load_text(*text, path, environment);
  Report report(path);
  report.add({}, "cannot read the configuration: " + text.error().message, "name it with --config FILE");
  return tl::make_unexpected(report.take());
}

}  // namespace gitferry::config

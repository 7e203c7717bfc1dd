#include "config/loader.h"

#include <cerrno>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "agent/base/text.h"
#include "agent/base/unique_fd.h"
#include "config/credentials.h"
#include "config/environment.h"
#include "config/map_reader.h"
#include "config/named_files.h"
#include "config/network.h"
#include "config/notifications.h"
#include "config/repositories.h"
#include "config/scalars.h"
#include "config/server.h"
#include "config/storage.h"
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
    if (const YamlNode* node = root_.find("log")) read_log({*node, "log", section::kLog, report_});
    if (const YamlNode* node = root_.find("server"))
      read_server({*node, "server", section::kServer, report_}, config_.server);
    if (const YamlNode* node = root_.find("storage"))
      read_storage({*node, "storage", section::kStorage, report_});
    if (config_.key_file.empty()) config_.key_file = data_directory(config_) + "/sealing-key";
    if (const YamlNode* node = root_.find("auth")) read_auth({*node, "auth", section::kAuth, report_});
    if (const YamlNode* node = root_.find("sync")) read_sync({*node, "sync", section::kSync, report_});
    if (const YamlNode* node = root_.find("network"))
      read_network({*node, "network", section::kNetwork, report_}, environment_, config_.network);
    config_.credentials = read_credentials(root_, environment_);
    if (const YamlNode* node = root_.find("notifications"))
      read_notifications({*node, "notifications", section::kNotifications, report_}, environment_, config_);
  }

 private:
  void read_version() {
    if (root_.require("version", "version: 1")) root_.number("version", {1, 1});
  }

  void read_log(const MapReader& map) {
    Log& log = config_.log;
    log.level = map.choice("level", {"debug", "info", "warn", "error"}).value_or(log.level);
    log.format = map.choice("format", {"auto", "json", "logfmt"}).value_or(log.format);
  }

  void read_storage(const MapReader& map) {
    read_database(map, environment_, config_);
    if (const YamlNode* node = map.find("keep"))
      read_keep({*node, "storage.keep", section::kKeep, report_}, config_.history);
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
    sync.delete_sync_dir = map.flag("delete_sync_dir").value_or(sync.delete_sync_dir);
    sync.engine = map.choice("engine", {"auto", "relay", "mirror"}).value_or(sync.engine);
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

  /// A secret that must be named and readable.
  std::optional<SecretSource> required_secret(const MapReader& map, const std::string& stem) {
    auto source = map.secret(stem);
    if (!source) {
      if (map.find(stem + "_file") == nullptr && map.find(stem + "_env") == nullptr)
        map.error(map.at(), map.where() + " has no secret", "give it " + stem + "_file or " + stem + "_env");
      return std::nullopt;
    }
    check_secret(map, stem, *source, environment_);
    return source;
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
  // Of a shared database there is no directory here; what else an agent keeps lies beside its key.
  const std::filesystem::path beside(config.database_url.empty() ? config.database_path : config.key_file);
  const auto directory = beside.parent_path();
  return directory.empty() ? "." : directory.string();
}

Loaded load_text(std::string_view text, const std::string& name, const Environment& environment) {
  Report report(name);
  Config config;
  if (auto root = parse_yaml(text, report)) {
    config.overridden_by = apply_environment(*root, environment);
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

#include "config/environment.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "agent/base/text.h"

namespace gitferry::config {
namespace {

struct Override {
  std::string_view variable;
  std::string_view path;  ///< keys with dots between them
  bool is_flag = false;
};

// In order of weight: a later one replaces an earlier one.
constexpr std::array kOverrides{
    Override{"SYNC_DIR", "sync.sync_dir"},
    Override{"DELETE_SYNC_DIR", "sync.delete_sync_dir", true},
    Override{"LOG_DETAIL", "sync.log_detail", true},
    Override{"GITFERRY_LOG_LEVEL", "log.level"},
    Override{"GITFERRY_LOG_FORMAT", "log.format"},
    Override{"GITFERRY_SERVER_LISTEN", "server.listen"},
    Override{"GITFERRY_SERVER_PUBLIC_URL", "server.public_url"},
    Override{"GITFERRY_SERVER_TLS_CERT_FILE", "server.tls.cert_file"},
    Override{"GITFERRY_SERVER_TLS_KEY_FILE", "server.tls.key_file"},
    Override{"GITFERRY_SERVER_BEHIND_PROXY", "server.behind_proxy", true},
    Override{"GITFERRY_SERVER_LIMITS_CONNECTIONS", "server.limits.connections"},
    Override{"GITFERRY_SERVER_LIMITS_CONNECTIONS_PER_ADDRESS", "server.limits.connections_per_address"},
    Override{"GITFERRY_SERVER_LIMITS_REQUESTS_PER_SECOND", "server.limits.requests.per_second"},
    Override{"GITFERRY_SERVER_LIMITS_REQUESTS_BURST", "server.limits.requests.burst"},
    Override{"GITFERRY_SERVER_LIMITS_DELIVERIES_PER_SECOND", "server.limits.deliveries.per_second"},
    Override{"GITFERRY_SERVER_LIMITS_DELIVERIES_BURST", "server.limits.deliveries.burst"},
    Override{"GITFERRY_STORAGE_URL", "storage.url"},
    Override{"GITFERRY_STORAGE_PASSWORD_FILE", "storage.password_file"},
    Override{"GITFERRY_STORAGE_PASSWORD_ENV", "storage.password_env"},
    Override{"GITFERRY_STORAGE_LEASE", "storage.lease"},
    Override{"GITFERRY_STORAGE_KEY_FILE", "storage.key_file"},
    Override{"GITFERRY_STORAGE_KEEP_DELIVERIES_COUNT", "storage.keep.deliveries.count"},
    Override{"GITFERRY_STORAGE_KEEP_DELIVERIES_AGE", "storage.keep.deliveries.age"},
    Override{"GITFERRY_STORAGE_KEEP_RUNS_COUNT", "storage.keep.runs.count"},
    Override{"GITFERRY_STORAGE_KEEP_RUNS_AGE", "storage.keep.runs.age"},
    Override{"GITFERRY_STORAGE_KEEP_AUDIT_COUNT", "storage.keep.audit.count"},
    Override{"GITFERRY_STORAGE_KEEP_AUDIT_AGE", "storage.keep.audit.age"},
    Override{"GITFERRY_SYNC_WORKERS", "sync.workers"},
    Override{"GITFERRY_SYNC_PER_HOST", "sync.per_host"},
    Override{"GITFERRY_SYNC_SYNC_DIR", "sync.sync_dir"},
    Override{"GITFERRY_SYNC_DELETE_SYNC_DIR", "sync.delete_sync_dir", true},
    Override{"GITFERRY_SYNC_ENGINE", "sync.engine"},
    Override{"GITFERRY_SYNC_LOG_DETAIL", "sync.log_detail", true},
    Override{"GITFERRY_SYNC_RECONCILE_INTERVAL", "sync.reconcile_interval"},
    Override{"GITFERRY_SYNC_TIMEOUTS_CONNECT", "sync.timeouts.connect"},
    Override{"GITFERRY_SYNC_TIMEOUTS_STALL", "sync.timeouts.stall"},
    Override{"GITFERRY_SYNC_TIMEOUTS_TOTAL", "sync.timeouts.total"},
};

/// In the environment 1 and 0 are usual ways to say it, too.
std::string flag_word(std::string value) {
  if (value == "1") return "true";
  if (value == "0") return "false";
  return value;
}

/// The value under `key`, made where it is missing. A file's value of another kind is left for the reader to
/// report.
YamlNode& child(YamlNode& parent, std::string_view key, const Position& at) {
  const auto found = std::find_if(parent.members.begin(), parent.members.end(),
                                  [&](const YamlNode::Member& member) { return member.key == key; });
  if (found != parent.members.end()) return found->value;
  parent.members.push_back({std::string(key), at, {}});
  return parent.members.back().value;
}

/// The place of a path's value, its mappings made where they are missing. nullptr where one on the way is no
/// mapping: the reader reports it.
YamlNode* place_of(YamlNode& root, std::string_view path, const Position& at) {
  YamlNode* node = &root;
  for (const auto key : split(path, '.')) {
    if (node->kind == YamlNode::Kind::Null) {
      node->kind = YamlNode::Kind::Map;
      node->at = at;
    }
    if (node->kind != YamlNode::Kind::Map) return nullptr;
    node = &child(*node, key, at);
  }
  return node;
}

}  // namespace

std::vector<std::string> apply_environment(YamlNode& root, const Environment& environment) {
  std::vector<std::string> used;
  for (const auto& override : kOverrides) {
    auto value = environment(std::string(override.variable));
    if (!value || value->empty()) continue;
    const Position at{0, 0, override.variable};
    YamlNode* place = place_of(root, override.path, at);
    if (place == nullptr) continue;
    YamlNode& node = *place;
    node = YamlNode{};
    node.kind = YamlNode::Kind::Scalar;
    node.at = at;
    node.text = override.is_flag ? flag_word(std::move(*value)) : std::move(*value);
    used.emplace_back(override.variable);
  }
  return used;
}

}  // namespace gitferry::config

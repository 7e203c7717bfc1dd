#include "config/repositories.h"

#include <set>
#include <string>
#include <utility>

#include "agent/base/text.h"
#include "agent/model/ref_name.h"
#include "config/webhooks.h"

namespace gitferry::config {
namespace {

/// Reads one entry of `repos`.
class RepositoryReader {
 public:
  RepositoryReader(const YamlNode& node, const std::string& where, const Environment& environment,
                   Config& config, Report& report)
      : map_(node, where, section::kRepository, report),
        environment_(environment),
        config_(config),
        report_(report) {}

  /// Puts the binding into the configuration where it is good enough; the rest is in the report.
  void read() {
    binding_.enabled = map_.flag("enable").value_or(true);
    read_name();
    read_kind();
    read_addresses();
    if (const YamlNode* webhooks = map_.find("webhook")) read_webhooks(*webhooks);
    read_branches();
    if (!binding_.name.empty()) config_.bindings.repositories.emplace(binding_.name, std::move(binding_));
  }

 private:
  void read_name() {
    if (!map_.require("name", "name: my-repository")) return;
    const auto text = map_.text("name");
    if (!text) return;
    auto name = checked_repository_name(*text);
    if (!name) {
      map_.error(map_.at("name"), name.error().message, name.error().hint);
    } else if (config_.bindings.find(*name) != nullptr) {
      map_.error(map_.at("name"), "a second repository named '" + *name + "'", "give each its own name");
    } else {
      binding_.name = std::move(*name);
    }
  }

  void read_kind() {
    if (const auto word = map_.choice("granularity", {"one", "all"}))
      binding_.granularity = *granularity_from(*word);
    if (const auto word = map_.choice("direction", {"to_outer", "to_inter", "both"}))
      binding_.direction = *binding_direction_from(*word);
    if (const auto policy = read_policy(map_)) binding_.policy = *policy;
    if (const auto deletions = read_deletions(map_)) binding_.deletions = *deletions;
    if (const auto word = map_.choice("tags", {"none", "all"})) binding_.tags = *tags_from(*word);
    binding_.backup_refs = map_.flag("backup_refs").value_or(false);
  }

  [[nodiscard]] std::optional<Policy> read_policy(const MapReader& map) const {
    const auto word = map.choice("policy", {"ff_only", "follow", "force"});
    const auto policy = word ? policy_from(*word) : std::nullopt;
    if (policy && *policy != Policy::FfOnly && binding_.is_two_way()) {
      map.error(
          map.at("policy"), "direction both allows no policy but ff_only: nothing says which side is to win",
          "remove policy, or choose one direction; POST .../branch/BRANCH?force=true&sync_direct=1 lets one "
          "side win once");
    }
    return policy;
  }

  static std::optional<Deletions> read_deletions(const MapReader& map) {
    const auto word = map.choice("deletions", {"ignore", "propagate"});
    return word ? deletions_from(*word) : std::nullopt;
  }

  bool read_address(std::string_view key, RemoteUrl& url) {
    if (!map_.require(key, std::string(key) + ": https://host/owner/repository.git")) return false;
    const auto text = map_.text(key);
    if (!text) return false;
    auto parsed = parse_allowed_url(*text, config_.network.allowed());
    if (!parsed) {
      map_.error(map_.at(key), parsed.error().message, parsed.error().hint);
      return false;
    }
    if (!parsed->username.empty() || !parsed->password.empty()) {
      map_.error(map_.at(key), "the address holds a user name or password",
                 "take it out and put it under credentials with password_file or password_env");
      return false;
    }
    url = std::move(parsed->url);
    return true;
  }

  void read_addresses() {
    const bool has_internal = read_address("internal", binding_.internal);
    const bool has_external = read_address("external", binding_.external);
    if (has_internal && has_external && binding_.internal.identity() == binding_.external.identity())
      map_.error(map_.at("external"), "internal and external are the same repository",
                 "a repository cannot be synced with itself");
  }

  void read_webhooks(const YamlNode& node) {
    const MapReader webhooks(node, map_.where() + ".webhook", section::kWebhooks, report_);
    if (const YamlNode* hook = webhooks.find("internal")) read_side(*hook, Side::Internal);
    if (const YamlNode* hook = webhooks.find("external")) read_side(*hook, Side::External);
  }

  void read_side(const YamlNode& node, Side side) {
    const MapReader hook(node, map_.where() + ".webhook." + std::string(name_of(side)), section::kWebhook,
                         report_);
    auto read = read_webhook(hook, environment_);
    if (!read) return;
    config_.webhook_sources[{binding_.name, side}] = std::move(read->origins);
    (side == Side::Internal ? binding_.internal_webhook : binding_.external_webhook) =
        std::move(read->source);
  }

  void read_branches() {
    const auto& nodes = map_.list("branches");
    if (binding_.granularity == Granularity::All) {
      if (!nodes.empty())
        map_.error(map_.at("branches"), "granularity all syncs every branch; it takes no branches",
                   "remove branches, or use granularity: one");
      return;
    }
    std::set<std::pair<std::string, std::string>> seen;
    std::size_t index = 0;
    for (const auto& node : nodes) {
      const MapReader map(node, map_.where() + ".branches[" + std::to_string(index++) + "]", section::kBranch,
                          report_);
      auto internal = read_branch_name(map, "internal");
      auto external = read_branch_name(map, "external");
      const bool enabled = map.flag("enable").value_or(true);
      const auto policy = read_policy(map);
      const auto deletions = read_deletions(map);
      if (!internal || !external) continue;
      if (!seen.insert({*internal, *external}).second) {
        map.error(map.at(), "this pair of branches is bound twice", "keep one of them");
        continue;
      }
      binding_.branches.push_back({std::move(*internal), std::move(*external), enabled, policy, deletions});
    }
  }

  static std::optional<std::string> read_branch_name(const MapReader& map, std::string_view key) {
    if (!map.require(key, std::string(key) + ": main")) return std::nullopt;
    const auto text = map.text(key);
    if (!text) return std::nullopt;
    auto name = checked_branch(*text);
    if (name) return std::move(*name);
    map.error(map.at(key), name.error().message, name.error().hint);
    return std::nullopt;
  }

  MapReader map_;
  const Environment& environment_;
  Config& config_;
  Report& report_;
  RepositoryBinding binding_;
};

}  // namespace

void read_repositories(const MapReader& root, const Environment& environment, Config& config,
                       Report& report) {
  std::size_t index = 0;
  for (const auto& node : root.list("repos")) {
    const std::string where = "repos[" + std::to_string(index++) + "]";
    RepositoryReader(node, where, environment, config, report).read();
  }
}

}  // namespace gitferry::config

#include "config/print.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "agent/base/text.h"
#include "config/scalars.h"
#include "config/yaml_tree.h"

namespace gitferry::config {
namespace {

/// The tree is the reader's own, so that what is printed has the shape of what is read.
YamlNode word(std::string text) {
  YamlNode node;
  node.kind = YamlNode::Kind::Scalar;
  node.text = std::move(text);
  node.is_quoted = true;
  return node;
}
YamlNode plain(std::string text) {
  YamlNode node = word(std::move(text));
  node.is_quoted = false;
  return node;
}
YamlNode flag(bool value) {
  return plain(value ? "true" : "false");
}
YamlNode empty(YamlNode::Kind kind) {
  YamlNode node;
  node.kind = kind;
  return node;
}
void put(YamlNode& map, std::string key, YamlNode value) {
  map.members.push_back({std::move(key), {}, std::move(value)});
}
void put_if_set(YamlNode& map, const std::string& key, const std::string& text) {
  if (!text.empty()) put(map, key, word(text));
}
void put_secret(YamlNode& map, const std::string& stem, const SecretSource& source) {
  put_if_set(map, stem + "_file", source.file);
  put_if_set(map, stem + "_env", source.env);
}

YamlNode words(const std::vector<std::string>& texts) {
  YamlNode list = empty(YamlNode::Kind::List);
  for (const auto& text : texts) list.items.push_back(word(text));
  return list;
}

YamlNode tokens_of(const Config& config) {
  YamlNode list = empty(YamlNode::Kind::List);
  for (const auto& token : config.tokens) {
    YamlNode map = empty(YamlNode::Kind::Map);
    put(map, "name", word(token.name));
    put(map, "role", word(token.role));
    put_secret(map, "token", token.source);
    list.items.push_back(std::move(map));
  }
  return list;
}

YamlNode sync_of(const Sync& sync) {
  YamlNode timeouts = empty(YamlNode::Kind::Map);
  put(timeouts, "connect", word(duration_text(sync.timeouts.connect)));
  put(timeouts, "stall", word(duration_text(sync.timeouts.stall)));
  put(timeouts, "total", word(duration_text(sync.timeouts.total)));
  YamlNode map = empty(YamlNode::Kind::Map);
  put(map, "workers", plain(std::to_string(sync.workers)));
  put(map, "per_host", plain(std::to_string(sync.per_host)));
  put(map, "sync_dir", word(sync.sync_dir));
  put(map, "log_detail", flag(sync.log_detail));
  put(map, "timeouts", std::move(timeouts));
  return map;
}

YamlNode network_of(const Network& network) {
  std::vector<std::string> schemes;
  for (const auto scheme : network.allow_schemes) schemes.emplace_back(name_of(scheme));
  YamlNode map = empty(YamlNode::Kind::Map);
  put(map, "allow_schemes", words(schemes));
  put(map, "allow_cidrs", words(network.allow_cidrs));
  return map;
}

YamlNode credentials_of(const Config& config) {
  YamlNode list = empty(YamlNode::Kind::List);
  for (const auto& rule : config.credentials) {
    YamlNode map = empty(YamlNode::Kind::Map);
    put(map, "match", word(rule.match));
    put_if_set(map, "username", rule.username);
    if (rule.password) put_secret(map, "password", *rule.password);
    put_if_set(map, "key_file", rule.key_file);
    put_if_set(map, "known_hosts_file", rule.known_hosts_file);
    list.items.push_back(std::move(map));
  }
  return list;
}

YamlNode webhooks_of(const Config& config, const RepositoryBinding& binding) {
  YamlNode map = empty(YamlNode::Kind::Map);
  for (const Side side : {Side::Internal, Side::External}) {
    const auto& source = binding.webhook(side);
    if (!source) continue;
    YamlNode hook = empty(YamlNode::Kind::Map);
    put(hook, "provider", word(source->provider));
    put(hook, "scheme", word(source->scheme));
    const auto origin = config.webhook_sources.find({binding.name, side});
    if (origin != config.webhook_sources.end()) put_secret(hook, "secret", origin->second);
    put(map, std::string(name_of(side)), std::move(hook));
  }
  return map;
}

YamlNode repositories_of(const Config& config) {
  YamlNode list = empty(YamlNode::Kind::List);
  for (const auto& [name, binding] : config.bindings.repositories) {
    YamlNode map = empty(YamlNode::Kind::Map);
    put(map, "name", word(name));
    put(map, "enable", flag(binding.enabled));
    put(map, "internal", word(binding.internal.str()));
    put(map, "external", word(binding.external.str()));
    put(map, "granularity", word(std::string(name_of(binding.granularity))));
    put(map, "direction", word(std::string(name_of(binding.direction))));
    put(map, "policy", word(std::string(name_of(binding.policy))));
    YamlNode webhooks = webhooks_of(config, binding);
    if (!webhooks.members.empty()) put(map, "webhook", std::move(webhooks));
    YamlNode branches = empty(YamlNode::Kind::List);
    for (const auto& branch : binding.branches) {
      YamlNode pair = empty(YamlNode::Kind::Map);
      put(pair, "internal", word(branch.internal));
      put(pair, "external", word(branch.external));
      put(pair, "enable", flag(branch.enabled));
      branches.items.push_back(std::move(pair));
    }
    if (binding.granularity == Granularity::One) put(map, "branches", std::move(branches));
    list.items.push_back(std::move(map));
  }
  return list;
}

YamlNode tree_of(const Config& config) {
  YamlNode server = empty(YamlNode::Kind::Map);
  put(server, "listen", word(listen_text(config.server.listen_host, config.server.listen_port)));
  put(server, "behind_proxy", flag(config.server.behind_proxy));
  YamlNode storage = empty(YamlNode::Kind::Map);
  put(storage, "url", word("sqlite:" + config.database_path));
  YamlNode auth = empty(YamlNode::Kind::Map);
  put(auth, "tokens", tokens_of(config));
  YamlNode root = empty(YamlNode::Kind::Map);
  put(root, "version", plain("1"));
  put(root, "server", std::move(server));
  put(root, "storage", std::move(storage));
  put(root, "auth", std::move(auth));
  put(root, "sync", sync_of(config.sync));
  put(root, "network", network_of(config.network));
  put(root, "credentials", credentials_of(config));
  put(root, "repos", repositories_of(config));
  return root;
}

/// Without quotes only where no YAML reader could take it for anything but this text.
std::string yaml_scalar(const YamlNode& node) {
  constexpr std::string_view kHarmless =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-@+";
  const std::string& text = node.text;
  const bool begins_well =
      !text.empty() && (text.front() == '/' || text.front() == '.' ||
                        to_lower(text.substr(0, 1)).find_first_of("abcdefghijklmnopqrstuvwxyz") == 0);
  const bool is_harmless = begins_well && text.find_first_not_of(kHarmless) == std::string::npos;
  const bool is_special =
      parse_flag(text) || equals_ignoring_case(text, "null") || text == "." || text == "..";
  const bool is_number_like = text.size() > 1 && text.front() == '.' && text[1] != '/';
  if (!node.is_quoted || (is_harmless && !is_special && !is_number_like)) return text;
  return json_string(text);
}

void write_yaml(const YamlNode& node, std::size_t indent, std::string& out);

/// A value after its key: scalars and empty collections on the same line, the rest below.
void write_yaml_value(const YamlNode& node, std::size_t indent, std::string& out) {
  if (node.kind == YamlNode::Kind::Scalar) {
    out += " " + yaml_scalar(node) + "\n";
  } else if (node.members.empty() && node.items.empty()) {
    out += node.kind == YamlNode::Kind::List ? " []\n" : " {}\n";
  } else {
    out += "\n";
    write_yaml(node, indent, out);
  }
}

void write_yaml(const YamlNode& node, std::size_t indent, std::string& out) {
  const std::string margin(indent, ' ');
  for (const auto& member : node.members) {
    out += margin + member.key + ":";
    write_yaml_value(member.value, indent + 2, out);
  }
  for (const auto& item : node.items) {
    if (item.kind == YamlNode::Kind::Scalar) {
      out += margin + "- " + yaml_scalar(item) + "\n";
      continue;
    }
    std::string inner;
    write_yaml(item, indent + 2, inner);
    out += margin + "- " + inner.substr(indent + 2);
  }
}

void write_json(const YamlNode& node, std::string& out) {
  if (node.kind == YamlNode::Kind::Scalar) {
    out += node.is_quoted ? json_string(node.text) : node.text;
    return;
  }
  const bool is_map = node.kind == YamlNode::Kind::Map;
  out += is_map ? "{" : "[";
  bool is_first = true;
  for (const auto& member : node.members) {
    out += (std::exchange(is_first, false) ? "" : ",") + json_string(member.key) + ":";
    write_json(member.value, out);
  }
  for (const auto& item : node.items) {
    if (!std::exchange(is_first, false)) out += ",";
    write_json(item, out);
  }
  out += is_map ? "}" : "]";
}

}  // namespace

std::string to_yaml(const Config& config) {
  std::string out = "# The configuration in force, with defaults.\n";
  for (const auto& variable : config.overridden_by) out += "# A value comes from " + variable + ".\n";
  write_yaml(tree_of(config), 0, out);
  return out;
}

std::string to_json(const Config& config) {
  YamlNode root = tree_of(config);
  put(root, "overridden_by", words(config.overridden_by));
  std::string out;
  write_json(root, out);
  return out + "\n";
}

}  // namespace gitferry::config

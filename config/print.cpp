#include "config/print.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "config/scalars.h"
#include "config/tree_text.h"

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

enum class Form { Yaml, Json };

/// Kept to one line.
void put_comment(YamlNode& map, std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; },
      ' ');
  put(map, std::string(kComment), word(std::move(text)));
}

YamlNode words(const std::vector<std::string>& texts) {
  YamlNode list = empty(YamlNode::Kind::List);
  for (const auto& text : texts) list.items.push_back(word(text));
  return list;
}

YamlNode number(std::int64_t value) {
  return plain(std::to_string(value));
}

YamlNode ranges(const std::vector<AddressRange>& ranges) {
  std::vector<std::string> texts;
  texts.reserve(ranges.size());
  for (const auto& range : ranges) texts.push_back(to_string(range));
  return words(texts);
}

YamlNode rate_of(const RateLimit& rate) {
  YamlNode map = empty(YamlNode::Kind::Map);
  put(map, "per_second", number(rate.per_second));
  put(map, "burst", number(rate.burst));
  return map;
}

YamlNode log_of(const Log& log) {
  YamlNode map = empty(YamlNode::Kind::Map);
  put(map, "level", word(log.level));
  put(map, "format", word(log.format));
  return map;
}

YamlNode server_of(const Server& server) {
  YamlNode limits = empty(YamlNode::Kind::Map);
  put(limits, "connections", number(server.limits.connections));
  put(limits, "connections_per_address", number(server.limits.connections_per_address));
  put(limits, "requests", rate_of(server.limits.address));
  put(limits, "deliveries", rate_of(server.limits.hook));
  YamlNode map = empty(YamlNode::Kind::Map);
  put(map, "listen", word(listen_text(server.listen_host, server.listen_port)));
  put_if_set(map, "public_url", server.public_url);
  if (!server.certificate_file.empty()) {
    YamlNode tls = empty(YamlNode::Kind::Map);
    put(tls, "cert_file", word(server.certificate_file));
    put(tls, "key_file", word(server.key_file));
    put(map, "tls", std::move(tls));
  }
  put(map, "behind_proxy", flag(server.behind_proxy));
  put(map, "trusted_proxies", ranges(server.trusted_proxies));
  put(map, "limits", std::move(limits));
  put(map, "public_badges", words(server.public_badges));
  return map;
}

YamlNode retention_of(const Retention& retention) {
  YamlNode map = empty(YamlNode::Kind::Map);
  put(map, "count", number(retention.count));
  put(map, "age", word(duration_text(retention.age)));
  return map;
}

YamlNode storage_of(const Config& config) {
  YamlNode keep = empty(YamlNode::Kind::Map);
  put(keep, "deliveries", retention_of(config.history.deliveries));
  put(keep, "runs", retention_of(config.history.runs));
  put(keep, "audit", retention_of(config.history.audit));
  YamlNode map = empty(YamlNode::Kind::Map);
  const bool is_shared = !config.database_url.empty();
  put(map, "url", word(is_shared ? config.database_url : "sqlite:" + config.database_path));
  if (config.database_password) put_secret(map, "password", *config.database_password);
  if (is_shared) put(map, "lease", word(duration_text(config.database_lease)));
  put(map, "key_file", word(config.key_file));
  put(map, "keep", std::move(keep));
  return map;
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
  put(map, "workers", number(sync.workers));
  put(map, "per_host", number(sync.per_host));
  put(map, "sync_dir", word(sync.sync_dir));
  put(map, "delete_sync_dir", flag(sync.delete_sync_dir));
  put(map, "engine", word(sync.engine));
  put(map, "log_detail", flag(sync.log_detail));
  const bool reconciles = sync.reconcile_interval.count() > 0;
  put(map, "reconcile_interval", word(reconciles ? duration_text(sync.reconcile_interval) : "off"));
  put(map, "timeouts", std::move(timeouts));
  return map;
}

YamlNode network_of(const Network& network) {
  std::vector<std::string> schemes;
  for (const auto scheme : network.allow_schemes) schemes.emplace_back(name_of(scheme));
  YamlNode map = empty(YamlNode::Kind::Map);
  put(map, "allow_schemes", words(schemes));
  put(map, "allow_cidrs", words(network.allow_cidrs));
  put_if_set(map, "ca_file", network.ca_file);
  if (const auto* named = network.local_directories.named()) put(map, "local_directories", words(*named));
  put_if_set(map, "proxy", network.proxy);
  put_if_set(map, "proxy_username", network.proxy_username);
  if (network.proxy_password) put_secret(map, "proxy_password", *network.proxy_password);
  if (!network.no_proxy.empty()) put(map, "no_proxy", words(network.no_proxy));
  put(map, "ssh_reuse", word(network.ssh_reuse.count() > 0 ? duration_text(network.ssh_reuse) : "off"));
  return map;
}

/// Nobody keeps people from writing a token there.
std::vector<std::string> without_arguments(std::vector<std::string> helper) {
  std::fill(helper.begin() + 1, helper.end(), "***");
  return helper;
}

YamlNode credentials_of(const Config& config) {
  YamlNode list = empty(YamlNode::Kind::List);
  for (const auto& rule : config.credentials) {
    YamlNode map = empty(YamlNode::Kind::Map);
    put(map, "match", word(rule.match));
    put_if_set(map, "username", rule.username);
    if (rule.scheme != "basic") put(map, "scheme", word(rule.scheme));
    if (rule.password) put_secret(map, "password", *rule.password);
    put_if_set(map, "key_file", rule.key_file);
    put_if_set(map, "known_hosts_file", rule.known_hosts_file);
    put_if_set(map, "client_certificate_file", rule.client_certificate_file);
    put_if_set(map, "client_key_file", rule.client_key_file);
    if (!rule.helper.empty()) put(map, "helper", words(without_arguments(rule.helper)));
    if (rule.use_http_path) put(map, "use_http_path", flag(true));
    if (rule.api_token) put_secret(map, "api_token", *rule.api_token);
    put_if_set(map, "api_url", rule.api_url);
    list.items.push_back(std::move(map));
  }
  return list;
}

YamlNode channel_of(const NotificationChannel& channel) {
  YamlNode map = empty(YamlNode::Kind::Map);
  put(map, "name", word(channel.name));
  put(map, "kind", word(channel.kind));
  put_secret(map, "url", channel.url);
  if (channel.secret) put_secret(map, "secret", *channel.secret);
  if (channel.old_secret) put_secret(map, "old_secret", *channel.old_secret);
  if (!channel.smtp_host.empty()) {
    put(map, "smtp", word(listen_text(channel.smtp_host, channel.smtp_port)));
    put(map, "security", word(channel.security));
    put_if_set(map, "username", channel.username);
    if (channel.password) put_secret(map, "password", *channel.password);
    put(map, "from", word(channel.from));
    put(map, "to", words(channel.to));
  }
  put(map, "events", words(channel.events));
  if (!channel.repos.empty()) put(map, "repos", words(channel.repos));
  put(map, "language", word(channel.language));
  put(map, "digest", word(duration_text(channel.digest)));
  put_if_set(map, "text", channel.text);
  return map;
}

YamlNode notifications_of(const Notifications& notifications) {
  YamlNode channels = empty(YamlNode::Kind::List);
  for (const auto& channel : notifications.channels) channels.items.push_back(channel_of(channel));
  YamlNode map = empty(YamlNode::Kind::Map);
  put(map, "after_attempts", number(notifications.after_attempts));
  put(map, "after", word(duration_text(notifications.after)));
  put(map, "channels", std::move(channels));
  return map;
}

/// The short form where there is one secret without an end.
void put_hook_secrets(YamlNode& map, const WebhookSource& source, const WebhookOrigins& origins) {
  const bool is_short = origins.secrets.size() == 1 && !source.secrets.front().not_after;
  if (is_short) {
    put_secret(map, "secret", origins.secrets.front());
  } else if (!origins.secrets.empty()) {
    YamlNode list = empty(YamlNode::Kind::List);
    for (std::size_t i = 0; i < origins.secrets.size(); ++i) {
      YamlNode item = empty(YamlNode::Kind::Map);
      put_if_set(item, "file", origins.secrets[i].file);
      put_if_set(item, "env", origins.secrets[i].env);
      if (const auto end = source.secrets[i].not_after) put(item, "not_after", word(time_text(*end)));
      list.items.push_back(std::move(item));
    }
    put(map, "secrets", std::move(list));
  }
  if (origins.authorization) put_secret(map, "authorization", *origins.authorization);
}

void put_webhook(YamlNode& map, const WebhookSource& source, const WebhookOrigins* origins) {
  put(map, "provider", word(source.provider));
  put(map, "scheme", word(std::string(name_of(source.scheme))));
  if (origins != nullptr) put_hook_secrets(map, source, *origins);
  if (source.allow_sha1) put(map, "allow_sha1", flag(true));
  put_if_set(map, "username", source.username);
  if (source.tolerance) put(map, "tolerance", word(duration_text(*source.tolerance)));
  if (!source.allow_addresses.empty()) put(map, "allow_cidrs", ranges(source.allow_addresses));
}

template <typename Key>
const WebhookOrigins* origins_of(const std::map<Key, WebhookOrigins>& known, const Key& key) {
  const auto found = known.find(key);
  return found == known.end() ? nullptr : &found->second;
}

/// The hooks of organisations and instances.
YamlNode hooks_of(const Config& config, const BindingSnapshot& in_force) {
  YamlNode list = empty(YamlNode::Kind::List);
  for (const auto& hook : in_force.hooks) {
    YamlNode map = empty(YamlNode::Kind::Map);
    put(map, "name", word(hook.name));
    put(map, "instance", word(hook.instance.str()));
    put(map, "owners", words(hook.owners));
    put_webhook(map, hook.source, origins_of(config.hook_sources, hook.name));
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
    put_webhook(hook, *source, origins_of(config.webhook_sources, std::pair(binding.name, side)));
    put(map, std::string(name_of(side)), std::move(hook));
  }
  return map;
}

/// What the file says where an override says otherwise, under the file's keys.
YamlNode file_values_of(const FileValues& file) {
  YamlNode map = empty(YamlNode::Kind::Map);
  if (file.enabled) put(map, "enable", flag(*file.enabled));
  if (file.internal) put(map, "internal", word(file.internal->str()));
  if (file.external) put(map, "external", word(file.external->str()));
  if (file.granularity) put(map, "granularity", word(std::string(name_of(*file.granularity))));
  if (file.direction) put(map, "direction", word(std::string(name_of(*file.direction))));
  return map;
}

/// For YAML, which must stay a configuration, as a comment; for JSON as fields of their own.
void put_origin(YamlNode& map, Origin origin, YamlNode file_values, Form form) {
  if (form == Form::Json) {
    put(map, "origin", word(std::string(name_of(origin))));
    put(map, "file", file_values.members.empty() ? plain("null") : std::move(file_values));
    return;
  }
  std::string text = "origin: " + std::string(name_of(origin));
  for (const auto& member : file_values.members)
    text += (text.find(';') == std::string::npos ? "; the file says " : ", ") + member.key + ": " +
            member.value.text;
  put_comment(map, text);
}

YamlNode branches_of(const RepositoryBinding& binding, Form form) {
  YamlNode branches = empty(YamlNode::Kind::List);
  for (const auto& branch : binding.branches) {
    YamlNode pair = empty(YamlNode::Kind::Map);
    YamlNode file_values = empty(YamlNode::Kind::Map);
    if (branch.file_enabled) put(file_values, "enable", flag(*branch.file_enabled));
    put_origin(pair, branch.origin, std::move(file_values), form);
    put(pair, "internal", word(branch.internal));
    put(pair, "external", word(branch.external));
    put(pair, "enable", flag(branch.enabled));
    if (branch.policy) put(pair, "policy", word(std::string(name_of(*branch.policy))));
    if (branch.deletions) put(pair, "deletions", word(std::string(name_of(*branch.deletions))));
    branches.items.push_back(std::move(pair));
  }
  return branches;
}

YamlNode repository_of(const Config& config, const RepositoryBinding& binding, Form form) {
  YamlNode map = empty(YamlNode::Kind::Map);
  put_origin(map, binding.origin, file_values_of(binding.file), form);
  if (form == Form::Json) {
    put(map, "problem", binding.problem.empty() ? plain("null") : word(binding.problem));
  } else if (!binding.problem.empty()) {
    put_comment(map, std::string(kUnusable) + binding.problem);
  }
  put(map, "name", word(binding.name));
  put(map, "enable", flag(binding.enabled));
  put(map, "internal", word(binding.internal.str()));
  put(map, "external", word(binding.external.str()));
  put(map, "granularity", word(std::string(name_of(binding.granularity))));
  put(map, "direction", word(std::string(name_of(binding.direction))));
  put(map, "policy", word(std::string(name_of(binding.policy))));
  put(map, "deletions", word(std::string(name_of(binding.deletions))));
  put(map, "tags", word(std::string(name_of(binding.tags))));
  put(map, "backup_refs", flag(binding.backup_refs));
  YamlNode webhooks = webhooks_of(config, binding);
  if (!webhooks.members.empty()) put(map, "webhook", std::move(webhooks));
  if (binding.granularity == Granularity::One) put(map, "branches", branches_of(binding, form));
  return map;
}

/// Branches of the file's entry that the API unbound, and of a repository that is still bound.
std::vector<std::string> unbound_branches(const RepositoryBinding& in_file,
                                          const RepositoryBinding& in_force) {
  std::vector<std::string> pairs;
  for (const auto& branch : in_file.branches) {
    const bool is_bound =
        std::any_of(in_force.branches.begin(), in_force.branches.end(), [&](const BranchBinding& bound) {
          return bound.internal == branch.internal && bound.external == branch.external;
        });
    if (!is_bound) pairs.push_back(branch.internal + " -> " + branch.external);
  }
  return pairs;
}

YamlNode repositories_of(const Config& config, const BindingSnapshot& in_force, Form form) {
  YamlNode list = empty(YamlNode::Kind::List);
  for (const auto& [name, binding] : in_force.repositories) {
    YamlNode map = repository_of(config, binding, form);
    const auto* in_file = config.bindings.find(name);
    const auto unbound =
        in_file == nullptr ? std::vector<std::string>() : unbound_branches(*in_file, binding);
    if (form == Form::Json) put(map, "unbound_branches", words(unbound));
    for (const auto& pair : unbound)
      if (form == Form::Yaml) put_comment(map, "unbound through the API, though in the file: " + pair);
    list.items.push_back(std::move(map));
  }
  return list;
}

YamlNode tree_of(const Config& config, const BindingSnapshot& in_force, Form form) {
  YamlNode auth = empty(YamlNode::Kind::Map);
  put(auth, "tokens", tokens_of(config));
  YamlNode root = empty(YamlNode::Kind::Map);
  put(root, "version", plain("1"));
  put(root, "watch", flag(config.watch));
  put(root, "log", log_of(config.log));
  put(root, "server", server_of(config.server));
  put(root, "storage", storage_of(config));
  put(root, "auth", std::move(auth));
  put(root, "sync", sync_of(config.sync));
  put(root, "network", network_of(config.network));
  put(root, "credentials", credentials_of(config));
  put(root, "notifications", notifications_of(config.notifications));
  put(root, "webhooks", hooks_of(config, in_force));
  put(root, "repos", repositories_of(config, in_force, form));
  for (const auto& name : in_force.unbound)
    if (form == Form::Yaml) put_comment(root, "unbound through the API, though in the file: " + name);
  if (form == Form::Json) put(root, "unbound", words(in_force.unbound));
  return root;
}

}  // namespace

std::string to_yaml(const Config& config, const BindingSnapshot& in_force) {
  std::string out = "# The configuration in force, with defaults.\n";
  for (const auto& variable : config.overridden_by) out += "# A value comes from " + variable + ".\n";
  return out + yaml_text(tree_of(config, in_force, Form::Yaml));
}

std::string to_json(const Config& config, const BindingSnapshot& in_force) {
  YamlNode root = tree_of(config, in_force, Form::Json);
  put(root, "overridden_by", words(config.overridden_by));
  return json_text(root) + "\n";
}

}  // namespace gitferry::config

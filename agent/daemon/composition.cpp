#include "agent/daemon/composition.h"

#include <optional>
#include <stop_token>
#include <utility>

#include "agent/git/fallback.h"
#include "agent/git/mirror.h"
#include "agent/git/redacting_engine.h"
#include "agent/git/relay.h"
#include "agent/git/transports.h"
#include "config/secret_source.h"

namespace gitferry::daemon {
namespace {

// The relay, the mirror after it, and counting how far two branches went apart: each has the whole time.
constexpr int kTimesATransfer = 3;

/// Drops what a host's hooks said, for `log_detail: false`: it may hold more than the sync log should keep.
class TerseEngine final : public Engine {
 public:
  explicit TerseEngine(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}
  std::vector<RunReport> sync(const SyncRequest& request, std::stop_token stop) override {
    auto reports = engine_->sync(request, std::move(stop));
    for (auto& report : reports) report.remote_text.clear();
    return reports;
  }
  Result<std::vector<RefTip>> list_refs(const Remote& remote, RefScope scope, std::stop_token stop) override {
    return engine_->list_refs(remote, scope, std::move(stop));
  }

 private:
  std::unique_ptr<Engine> engine_;
};

std::unique_ptr<Engine> make_engine(const config::Sync& sync, const TransportOptions& options,
                                    const TransferLimits& limits, const Clock& clock) {
  const auto relay = [&] {
    return std::make_unique<RelayEngine>(make_transport(options), limits, sync.sync_dir, clock);
  };
  const auto mirror = [&] {
    return std::make_unique<MirrorEngine>(make_transport(options), limits,
                                          MirrorOptions{sync.sync_dir, sync.delete_sync_dir}, clock);
  };
  if (sync.engine == "relay") return relay();
  if (sync.engine == "mirror") return mirror();
  return std::make_unique<FallbackEngine>(relay(), mirror(),
                                          DivergenceCount(make_transport(options), limits, clock));
}

Retention retention(const config::Retention& keep) {
  return {keep.count, keep.age};
}

api::Rate rate(const config::RateLimit& limit) {
  return {static_cast<double>(limit.per_second), static_cast<double>(limit.burst)};
}

Result<HttpProxy> proxy_of(const config::Network& network) {
  const auto password = network.proxy_password.value_or(config::SecretSource{});
  return HttpProxy::from(
      {network.proxy, network.proxy_username, {password.file, password.env}, network.no_proxy});
}

}  // namespace

StoreOptions store_options(const config::Config& config, Secret sealing_key) {
  StoreOptions options;
  options.path = config.database_path;
  options.deliveries = retention(config.history.deliveries);
  options.runs = retention(config.history.runs);
  options.audit = retention(config.history.audit);
  options.sealing_key = std::move(sealing_key);
  return options;
}

Result<SharedStoreOptions> shared_store_options(const config::Config& config, Secret sealing_key) {
  SharedStoreOptions options;
  options.common = store_options(config, std::move(sealing_key));
  options.url = config.database_url;
  options.lease = config.database_lease;
  if (!config.database_password) return options;
  auto password = config::read_secret(*config.database_password, config::process_environment());
  if (!password) return fail(std::move(password.error()));
  options.password = std::move(*password);
  return options;
}

SyncOptions sync_options(const config::Config& config) {
  SyncOptions options;
  options.workers = config.sync.workers;
  options.per_host = config.sync.per_host;
  options.reconcile_interval = config.sync.reconcile_interval;
  options.longest_run = kTimesATransfer * config.sync.timeouts.total;
  return options;
}

api::RateLimits rate_limits(const config::Limits& limits) {
  api::RateLimits rates;
  rates.address = rate(limits.address);
  rates.hook = rate(limits.hook);
  return rates;
}

Result<api::ServerOptions> listener_options(const config::Server& server) {
  api::ServerOptions options;
  options.host = server.listen_host;
  options.port = server.listen_port;
  options.connections = static_cast<std::size_t>(server.limits.connections);
  options.connections_per_address = static_cast<std::size_t>(server.limits.connections_per_address);
  options.trusted_proxies = server.trusted_proxies;
  if (server.certificate_file.empty()) return options;
  auto tls = api::ServerTls::load(server.certificate_file, server.key_file);
  if (!tls) return fail(std::move(tls.error()));
  options.tls = std::move(*tls);
  return options;
}

Result<HttpOptions> http_options(const config::Network& network) {
  auto proxy = proxy_of(network);
  if (!proxy) return fail(std::move(proxy.error()));
  return HttpOptions{network.allowed().networks, network.ca_file, std::move(*proxy)};
}

Result<EngineFactory> engine_factory(const config::Config& config, const Clock& clock) {
  auto http = http_options(config.network);
  if (!http) return fail(std::move(http.error()));
  TransportOptions options;
  options.addresses = std::move(http->addresses);
  options.ca_file = std::move(http->ca_file);
  options.proxy = std::move(http->proxy);
  options.directories = config.network.local_directories;
  if (config.network.ssh_reuse.count() > 0)
    options.ssh_masters = std::make_shared<SshMasters>(SshMasters::Options{config.network.ssh_reuse, ""});
  TransferLimits limits;
  limits.connect = config.sync.timeouts.connect;
  limits.stall = config.sync.timeouts.stall;
  limits.total = config.sync.timeouts.total;
  return [options, limits, sync = config.sync, &clock]() -> std::unique_ptr<Engine> {
    auto engine = std::make_unique<RedactingEngine>(make_engine(sync, options, limits, clock));
    if (sync.log_detail) return engine;
    return std::make_unique<TerseEngine>(std::move(engine));
  };
}

Result<Credentials> credentials_of(const config::Config& config, std::shared_ptr<HelperMemory> helpers) {
  std::vector<CredentialRule> rules;
  for (const auto& rule : config.credentials) {
    const config::SecretSource password = rule.password.value_or(config::SecretSource{});
    const config::SecretSource api_token = rule.api_token.value_or(config::SecretSource{});
    rules.push_back({rule.match, rule.username, password.file, password.env, rule.key_file,
                     rule.known_hosts_file, rule.scheme == "bearer" ? HttpScheme::Bearer : HttpScheme::Basic,
                     rule.client_certificate_file, rule.client_key_file, rule.helper, rule.use_http_path,
                     api_token.file, api_token.env, rule.api_url});
  }
  return Credentials::from(rules, {std::move(helpers), config.sync.timeouts.connect});
}

CredentialLookup credential_lookup(LiveConfig& live, const Clock& clock) {
  auto helpers = std::make_shared<HelperMemory>(clock);
  return [&live, helpers](const RemoteUrl& url) -> Result<std::optional<Credential>> {
    const auto credentials = credentials_of(*live.get(), helpers);
    if (!credentials) return fail(credentials.error());
    return credentials->find(url);
  };
}

}  // namespace gitferry::daemon

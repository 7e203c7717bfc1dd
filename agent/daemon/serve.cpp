#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <thread>
#include <utility>

#include <malloc.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/base/log.h"
#include "agent/daemon/command_line.h"
#include "agent/daemon/commands.h"
#include "agent/daemon/composition.h"
#include "agent/daemon/private_files.h"
#include "agent/daemon/process.h"
#include "agent/store/store.h"
#include "agent/sync/sync_service.h"
#include "api/api_server.h"
#include "config/loader.h"
#include "config/scalars.h"

namespace gitferry::daemon {
namespace {

Snapshot snapshot_of(const config::Config& config) {
  return std::make_shared<const BindingSnapshot>(config.bindings);
}

/// What only a restart takes up.
bool needs_restart(const config::Config& before, const config::Config& after) {
  return before.server != after.server || before.database_path != after.database_path ||
         before.tokens != after.tokens || before.sync != after.sync || before.network != after.network;
}

/// The running agent: its parts in the order in which they need each other.
class Agent {
 public:
  explicit Agent(std::string config_path, SharedConfig config)
      : config_path_(std::move(config_path)), started_with_(config), live_(std::move(config)) {}

  Status start() {
    const config::Config& config = *started_with_;
    if (auto made = ensure_private_directory(config.sync.sync_dir); !made) return made;
    StoreOptions store_options;
    store_options.path = config.database_path;
    auto store = Store::open(store_options, clock_);
    if (!store) return fail(std::move(store.error()));
    store_ = std::move(*store);
    auto tokens = management_tokens(config);
    if (!tokens) return fail(std::move(tokens.error()));

    auto engines = engine_factory(config, clock_);
    if (!engines) return fail(std::move(engines.error()));
    if (auto credentials = credentials_of(config); !credentials) return fail(std::move(credentials.error()));

    SyncOptions sync_options;
    sync_options.workers = config.sync.workers;
    sync_options.per_host = config.sync.per_host;
    sync_ = SyncService::make(sync_options, *store_, clock_, std::move(*engines), credential_lookup(live_),
                              snapshot_of(config));
    auto bindings =
        BindingRegistry::open({*store_, clock_, config.network.allow_schemes,
                               [this](const Snapshot& snapshot) { sync_->replace_snapshot(snapshot); }},
                              config.bindings);
    if (!bindings) return fail(std::move(bindings.error()));
    bindings_ = std::move(*bindings);
    context_ = std::make_unique<api::ApiContext>(api::ApiContext{
        *sync_, *store_, clock_, *bindings_,
        [known = std::make_shared<const std::vector<api::TokenHash>>(std::move(*tokens))] { return known; },
        [] { return api::ConfigurationState{}; }});

    api::ServerOptions server_options;
    server_options.host = config.server.listen_host;
    server_options.port = config.server.listen_port;
    auto server = api::ApiServer::start(server_options, *context_);
    if (!server) return fail(std::move(server.error()));
    server_ = std::move(*server);
    sync_->start();
    return {};
  }

  void announce() const {
    const config::Config& config = *started_with_;
    log::info("gitferry is ready",
              {{"version", GITFERRY_VERSION},
               {"listen",
                config::listen_text(config.server.listen_host, static_cast<std::uint16_t>(server_->port()))},
               {"repositories", config.bindings.repositories.size()},
               {"database", config.database_path},
               {"config", config_path_}});
    for (const auto& [name, binding] : config.bindings.repositories)
      log::info("repository bound", {{"repo", name},
                                     {"internal", binding.internal.str()},
                                     {"external", binding.external.str()},
                                     {"direction", name_of(binding.direction)},
                                     {"granularity", name_of(binding.granularity)},
                                     {"branches", binding.branches.size()},
                                     {"enabled", binding.enabled}});
  }

  /// A bad file changes nothing.
  void reload() {
    auto loaded = config::load_file(config_path_, config::process_environment());
    if (!loaded) {
      for (const auto& found : loaded.error()) log::error("configuration refused", {{"reason", found.str()}});
      log::error("the configuration stays as it was", {{"config", config_path_}});
      return;
    }
    if (const auto credentials = credentials_of(*loaded); !credentials) {
      log::error("the configuration stays as it was", {{"reason", credentials.error().text()}});
      return;
    }
    auto config = std::make_shared<const config::Config>(std::move(*loaded));
    if (needs_restart(*started_with_, *config))
      log::warn("changes of server, storage, auth, sync and network need a restart",
                {{"config", config_path_}});
    // Credentials first: a run of a new binding must not ask with the old ones, which a host would refuse.
    live_.replace(config);
    sync_->replace_snapshot(snapshot_of(*config));
    log::info("configuration reloaded", {{"repositories", config->bindings.repositories.size()}});
  }

  /// Stops listening and the workers at the same time: a request may be waiting for a run, and it is the
  /// service's stop that answers it.
  void drain() {
    std::jthread listener([this] { server_->stop(); });
    sync_->stop();
  }

 private:
  SystemClock clock_;
  std::string config_path_;
  SharedConfig started_with_;
  LiveConfig live_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<SyncService> sync_;
  std::unique_ptr<BindingRegistry> bindings_;
  std::unique_ptr<api::ApiContext> context_;
  std::unique_ptr<api::ApiServer> server_;
};

void drain_unless_hurried(Agent& agent, SignalReceiver& signals) {
  const UniqueFd done(::eventfd(0, EFD_CLOEXEC));
  std::jthread draining([&] {
    try {
      agent.drain();
    } catch (const std::exception& error) {
      log::error("draining failed", {{"reason", error.what()}});
    }
    ::eventfd_write(done.get(), 1);
  });
  while (const int signal = signals.wait(done.get())) {
    if (signal == SIGHUP) continue;
    log::warn("second signal: leaving at once; unfinished lanes stay pending", {{"signal", signal}});
    ::_exit(128 + signal);
  }
}

int run(const std::string& config_path) {
  harden_process();
  // Bodies and packs come in megabytes: they go back to the system when they are freed, instead of staying
  // with the thread that had them.
  ::mallopt(M_MMAP_THRESHOLD, 1024 * 1024);  // NOLINT(concurrency-mt-unsafe): no other thread runs yet
  SignalReceiver signals;
  auto config = load_or_explain(config_path);
  if (!config) return kBadConfiguration;
  Agent agent(config_path, std::make_shared<const config::Config>(std::move(*config)));
  if (const auto started = agent.start(); !started) {
    log::error("cannot start", {{"reason", started.error().text()}});
    return info(started.error().code).exit_code;
  }
  agent.announce();
  while (true) {
    const int signal = signals.wait();
    if (signal == SIGHUP) {
      agent.reload();
      continue;
    }
    log::info("draining: no new runs, running ones finish", {{"signal", signal}});
    drain_unless_hurried(agent, signals);
    log::info("stopped");
    return kDone;
  }
}

}  // namespace

int serve(const std::string& config_path) {
  try {
    return run(config_path);
  } catch (const std::exception& error) {
    log::error("cannot go on", {{"reason", error.what()}});
    return kFailed;
  }
}

}  // namespace gitferry::daemon

#include "agent/daemon/agent.h"

#include <cstdint>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <malloc.h>

#include "agent/base/crash_point.h"
#include "agent/base/crypto.h"
#include "agent/base/log.h"
#include "agent/daemon/effective_bindings.h"
#include "agent/daemon/notify_options.h"
#include "agent/daemon/private_files.h"
#include "agent/store/shared_store.h"
#include "config/loader.h"
#include "config/scalars.h"

namespace gitferry::daemon {
namespace {

constexpr std::size_t kAnnouncedRepositories = 20;

/// What only a restart takes up. Of the server a reload takes up what the certificate's files hold, but not
/// that they are others.
bool needs_restart(const config::Config& before, const config::Config& after) {
  return before.server != after.server || before.database_path != after.database_path ||
         before.database_url != after.database_url || before.database_password != after.database_password ||
         before.database_lease != after.database_lease || before.key_file != after.key_file ||
         before.history != after.history || before.sync != after.sync || before.network != after.network;
}

/// The bindings leave the configuration: the registry keeps them, and ten thousand of them need not be in
/// memory twice.
BindingSnapshot take_bindings(config::Config& config) {
  config.webhook_sources.clear();
  config.hook_sources.clear();
  return std::exchange(config.bindings, {});
}

void announce_bindings(const BindingSnapshot& bindings) {
  if (bindings.repositories.size() > kAnnouncedRepositories) {
    std::size_t branches = 0;
    std::size_t enabled = 0;
    for (const auto& [name, binding] : bindings.repositories) {
      branches += binding.branches.size();
      if (binding.enabled) ++enabled;
    }
    log::info("repositories bound", {{"repositories", bindings.repositories.size()},
                                     {"enabled", enabled},
                                     {"branches", branches},
                                     {"organisation_webhooks", bindings.hooks.size()}});
    return;
  }
  for (const auto& hook : bindings.hooks)
    log::info("webhook of an organisation",
              {{"hook", hook.name}, {"provider", hook.source.provider}, {"instance", hook.instance.str()}});
  for (const auto& [name, binding] : bindings.repositories)
    log::info("repository bound", {{"repo", name},
                                   {"origin", name_of(binding.origin)},
                                   {"internal", binding.internal.str()},
                                   {"external", binding.external.str()},
                                   {"direction", name_of(binding.direction)},
                                   {"granularity", name_of(binding.granularity)},
                                   {"branches", binding.branches.size()},
                                   {"enabled", binding.enabled}});
}

void log_warnings(const config::Config& config) {
  for (const auto& found : config.warnings)
    log::warn("the configuration is probably not meant so", {{"reason", found.str()}});
}

/// By which agents that go by different files can be told apart.
std::string digest_of_file(const std::string& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  constexpr std::size_t shown = 12;
  return to_hex(sha256(bytes.str())).substr(0, shown);
}

/// What reading a large file took in small pieces would stay with the process otherwise.
void give_memory_back() {
  ::malloc_trim(0);
}

}  // namespace

Agent::Agent(std::string config_path, config::Config config, LogSettings log)
    : config_path_(std::move(config_path)),
      log_(std::move(log)),
      file_bindings_(take_bindings(config)),
      started_with_(std::make_shared<const config::Config>(std::move(config))),
      live_(started_with_),
      tokens_(config::process_environment()) {}

Agent::~Agent() {
  *woken_.lock() = nullptr;
}

Status Agent::start() {
  const config::Config& config = *started_with_;
  if (auto made = ensure_private_directory(config.sync.sync_dir); !made) return made;
  if (auto opened = open_store(config); !opened) return opened;
  crash_point(CrashPoint::StoreOpened);
  if (auto read = tokens_.replace(config.tokens, data_directory(config)); !read) return read;
  if (auto wired = start_sync(config); !wired) return wired;
  if (auto wired = start_notifier(config); !wired) return wired;
  state_.lock()->loaded_at_ms = to_epoch_ms(clock_.now());
  return listen(config);
}

void Agent::announce() const {
  const config::Config& config = *started_with_;
  const auto bindings = bindings_->snapshot();
  log::info("gitferry is ready",
            {{"version", GITFERRY_VERSION},
             {"listen",
              config::listen_text(config.server.listen_host, static_cast<std::uint16_t>(server_->port()))},
             {"tls", tls_ != nullptr},
             {"repositories", bindings->repositories.size()},
             {"database",
              config.database_url.empty() ? config.database_path : shown_store_url(config.database_url)},
             {"config", config_path_}});
  announce_bindings(*bindings);
  log_warnings(config);
  give_memory_back();
}

std::string Agent::summary() const {
  return fmt::format(
      "listening on {}, {} repositories",
      config::listen_text(started_with_->server.listen_host, static_cast<std::uint16_t>(server_->port())),
      bindings_->snapshot()->repositories.size());
}

void Agent::look_at_files() {
  tokens_.look();
  if (tls_ && tls_->has_changed()) reload_certificate();
  if (!overrides_changed_.exchange(false)) return;
  if (const auto taken = bindings_->take_up_overrides(); !taken) {
    overrides_changed_ = true;
    log::error("cannot take up what another agent changed", {{"reason", taken.error().text()}});
  }
}

void Agent::hear(StoreNews news) {
  if (news == StoreNews::OverridesChanged) overrides_changed_ = true;
  if (news != StoreNews::LanesMarked) return;
  if (auto woken = woken_.lock(); *woken != nullptr) (*woken)->look_for_work();
}

void Agent::reload_certificate() {
  const auto& file = started_with_->server.certificate_file;
  if (const auto reloaded = tls_->reload(); !reloaded)
    log::error("the certificate stays as it was", {{"file", file}, {"reason", reloaded.error().text()}});
  else
    log::info("certificate reloaded", {{"file", file}});
}

void Agent::reload() {
  if (tls_) reload_certificate();
  auto loaded = config::load_file(config_path_, config::process_environment());
  crash_point(CrashPoint::ReloadRead);
  if (!loaded) {
    for (const auto& found : loaded.error()) log::error("configuration refused", {{"reason", found.str()}});
    refuse({});
  } else if (auto taken = take_up(std::move(*loaded)); !taken) {
    refuse(taken.error().text());
  }
  give_memory_back();
}

void Agent::drain() {
  crash_point(CrashPoint::StopBegun);
  *woken_.lock() = nullptr;
  std::jthread listener([this] { server_->stop(); });
  sync_->stop();
  notifier_->stop();
}

Status Agent::open_store(const config::Config& config) {
  auto key = sealing_key_of(config);
  if (!key) return fail(std::move(key.error()));
  auto opened = config.database_url.empty()
                    ? open_store_with_notices(store_options(config, std::move(*key)), clock_)
                    : open_shared(config, std::move(*key));
  if (!opened) return fail(std::move(opened.error()));
  store_ = std::move(opened->store);
  notices_ = opened->notices;
  return {};
}

Result<StoreWithNotices> Agent::open_shared(const config::Config& config, Secret key) {
  auto options = shared_store_options(config, std::move(key));
  if (!options) return fail(std::move(options.error()));
  options->configuration = digest_of_file(config_path_);
  options->on_news = [this](StoreNews news) { hear(news); };
  return open_shared_store(*options, clock_);
}

Status Agent::start_sync(const config::Config& config) {
  auto engines = engine_factory(config, clock_);
  if (!engines) return fail(std::move(engines.error()));
  if (auto credentials = credentials_of(config); !credentials) return fail(std::move(credentials.error()));
  // Told of changes only: none comes before there is a service.
  auto bindings = BindingRegistry::open({*store_, clock_, config.network.allowed(),
                                         [this](const Snapshot& snapshot) {
                                           sync_->replace_snapshot(snapshot);
                                           give_memory_back();  // the snapshot before this one took as much
                                         }},
                                        std::move(file_bindings_));
  if (!bindings) {
    Error error = std::move(bindings.error());
    error.message += " (the key file is '" + config.key_file + "')";
    return fail(std::move(error));
  }
  bindings_ = std::move(*bindings);
  sync_ = SyncService::make(sync_options(config), *store_, clock_, std::move(*engines),
                            credential_lookup(live_, clock_), bindings_->snapshot());
  return {};
}

Status Agent::start_notifier(const config::Config& config) {
  auto options = notify_options(config);
  if (!options) return fail(std::move(options.error()));
  notifier_ =
      std::make_unique<Notifier>(Notifier::Parts{*notices_, clock_, [this] { return sync_->snapshot(); },
                                                 [this] { return sync_->resting_hosts(); }},
                                 std::move(*options));
  return {};
}

Status Agent::listen(const config::Config& config) {
  context_ = std::make_unique<api::ApiContext>(
      api::ApiContext{*sync_, *store_, clock_, *bindings_, [this] { return tokens_.get(); },
                      [this] { return *state_.lock(); }, rate_limits(config.server.limits)});
  auto options = listener_options(config.server);
  if (!options) return fail(std::move(options.error()));
  tls_ = options->tls;
  auto server = api::ApiServer::start(*options, *context_,
                                      {[this] { return notifier_->state(); }, config.server.public_badges});
  if (!server) return fail(std::move(server.error()));
  server_ = std::move(*server);
  crash_point(CrashPoint::Listening);
  sync_->start();
  *woken_.lock() = sync_.get();
  notifier_->start();
  crash_point(CrashPoint::Started);
  return {};
}

Status Agent::take_up(config::Config loaded) {
  if (auto credentials = credentials_of(loaded); !credentials) return fail(std::move(credentials.error()));
  auto notify = notify_options(loaded);
  if (!notify) return fail(std::move(notify.error()));
  auto bindings = take_bindings(loaded);
  const auto config = std::make_shared<const config::Config>(std::move(loaded));
  if (auto read = tokens_.replace(config->tokens, data_directory(*started_with_)); !read) return read;
  // Credentials first: a run of a new binding must not ask with the old ones, which a host would refuse.
  const auto before = live_.get();
  live_.replace(config);
  if (auto reloaded = bindings_->reload(std::move(bindings), {"", "reload", ""}); !reloaded) {
    live_.replace(before);
    static_cast<void>(tokens_.replace(before->tokens, data_directory(*started_with_)));
    return reloaded;
  }
  log_.apply(config->log);
  notifier_->replace(std::move(*notify));
  log_warnings(*config);
  if (needs_restart(*started_with_, *config))
    log::warn("changes of server, storage, sync and network need a restart", {{"config", config_path_}});
  *state_.lock() = {to_epoch_ms(clock_.now()), 0};
  crash_point(CrashPoint::ReloadTaken);
  log::info("configuration reloaded", {{"repositories", bindings_->snapshot()->repositories.size()}});
  return {};
}

void Agent::refuse(const std::string& reason) {
  state_.lock()->refused_at_ms = to_epoch_ms(clock_.now());
  if (reason.empty())
    log::error("the configuration stays as it was", {{"config", config_path_}});
  else
    log::error("the configuration stays as it was", {{"config", config_path_}, {"reason", reason}});
}

}  // namespace gitferry::daemon

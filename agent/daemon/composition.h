#pragma once

#include <memory>
#include <utility>

#include "agent/base/clock.h"
#include "agent/base/guarded.h"
#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/git/credentials.h"
#include "agent/git/engine.h"
#include "agent/git/http_session.h"
#include "agent/store/shared_store.h"
#include "agent/store/store.h"
#include "agent/sync/sync_service.h"
#include "api/api_server.h"
#include "api/rate_limiter.h"
#include "config/config.h"

namespace gitferry::daemon {

/// How the parts are put together: the one place that turns the configuration into the options of the layers.

using SharedConfig = std::shared_ptr<const config::Config>;

/// The configuration in force, exchanged whole by a reload.
///
/// Threading: both calls from any thread.
class LiveConfig {
 public:
  explicit LiveConfig(SharedConfig config) : config_(std::move(config)) {}
  [[nodiscard]] SharedConfig get() { return *config_.lock(); }
  void replace(SharedConfig config) { *config_.lock() = std::move(config); }

 private:
  Guarded<SharedConfig> config_;
};

/// Engines with the limits, the address policy and the proxy of `config`, which they keep for their lives;
/// what its files hold is read anew. They share ssh connections, which end with the last of them. `clock`
/// must outlive them. ConfigurationInvalid for an entry of no_proxy that is none.
Result<EngineFactory> engine_factory(const config::Config& config, const Clock& clock);

StoreOptions store_options(const config::Config& config, Secret sealing_key);
/// Of a database that agents share: with its password, and without what is of a running agent alone. Errors:
/// those of config::read_secret().
Result<SharedStoreOptions> shared_store_options(const config::Config& config, Secret sealing_key);
SyncOptions sync_options(const config::Config& config);
api::RateLimits rate_limits(const config::Limits& limits);
/// With the certificate loaded, where there is one. Errors: those of ServerTls::load().
Result<api::ServerOptions> listener_options(const config::Server& server);

/// How http is spoken to git hosts. ConfigurationInvalid for an entry of no_proxy that is none.
Result<HttpOptions> http_options(const config::Network& network);

/// ConfigurationInvalid where a rule's `match` is no address prefix.
/// Without `helpers` none of them is asked: for a check.
Result<Credentials> credentials_of(const config::Config& config,
                                   std::shared_ptr<HelperMemory> helpers = nullptr);

/// Finds the rule that fits in the configuration of the moment, and reads its secret, at each call; what
/// helpers answered is kept with the lookup. `live` and `clock` must outlive it.
CredentialLookup credential_lookup(LiveConfig& live, const Clock& clock);

}  // namespace gitferry::daemon

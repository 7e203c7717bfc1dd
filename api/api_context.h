#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/clock.h"
#include "agent/store/store.h"
#include "agent/sync/binding_registry.h"
#include "agent/sync/sync_service.h"
#include "api/rate_limiter.h"
#include "api/request_guard.h"

namespace gitferry::api {

enum class Role { Read, Operate, Admin };
std::string_view name_of(Role role);

/// A management token as it is kept: never the token itself.
struct TokenHash {
  std::string name;
  Role role = Role::Read;
  std::string sha256;  ///< raw 32 bytes
};

using TokenHashes = std::shared_ptr<const std::vector<TokenHash>>;

/// Who a request proved to come from.
struct Identity {
  std::string name;  ///< of the token; empty on public routes
  Role role = Role::Read;
};

/// What became of the latest configuration.
struct ConfigurationState {
  std::int64_t loaded_at_ms = 0;   ///< the one in force
  std::int64_t refused_at_ms = 0;  ///< a later one that was not taken; 0: none
};

/// What the routes work on. Owned by the daemon, outlives the server.
struct ApiContext {
  SyncService& sync;
  Store& store;
  const Clock& clock;
  BindingRegistry& bindings;
  /// The tokens of the moment, never null: asked at each request, so that a rotated one is taken up. Must not
  /// wait for anything: the thread that receives asks it.
  std::function<TokenHashes()> tokens;
  std::function<ConfigurationState()> configuration;
  RateLimits rates = {};
  /// Made from `rates`: these are given when the context is made. Never null.
  std::shared_ptr<RequestGuard> guard = std::make_shared<RequestGuard>(rates, clock);
};

}  // namespace gitferry::api

#pragma once

#include <string>
#include <vector>

#include "agent/base/clock.h"
#include "agent/store/store.h"
#include "agent/sync/sync_service.h"

namespace gitferry::api {

enum class Role { Read, Operate, Admin };

/// A management token as it is kept: never the token itself.
struct TokenHash {
  std::string name;
  Role role = Role::Read;
  std::string sha256;  ///< raw 32 bytes
};

/// What the routes work on. Owned by the daemon, outlives the server.
struct ApiContext {
  SyncService& sync;
  Store& store;
  const Clock& clock;
  std::vector<TokenHash> tokens;
};

}  // namespace gitferry::api

#include "agent/daemon/effective_bindings.h"

#include <utility>

#include "agent/daemon/composition.h"
#include "agent/daemon/private_files.h"
#include "agent/store/store.h"
#include "agent/sync/overlay.h"

namespace gitferry::daemon {
namespace {

Result<OverrideRows> read_overrides(const config::Config& config, const Secret& key) {
  const auto read = [&]() -> Result<OverrideRows> {
    if (config.database_url.empty()) return Store::peek_overrides(store_options(config, key));
    const auto options = shared_store_options(config, key);
    if (!options) return fail(options.error());
    return peek_shared_overrides(*options);
  };
  auto rows = read();
  if (rows || !key.empty()) return rows;
  Error error = std::move(rows.error());
  error.message = "the key file '" + config.key_file + "' is missing: " + error.message;
  return fail(std::move(error));
}

}  // namespace

Result<BindingSnapshot> effective_bindings(const config::Config& config) {
  const auto key = read_sealing_key(config.key_file);
  if (!key) return fail(key.error());
  const auto rows = read_overrides(config, *key);
  if (!rows) return fail(rows.error());
  return overlay(config.bindings, *rows, config.network.allowed());
}

Result<Secret> sealing_key_of(const config::Config& config) {
  auto key = read_sealing_key(config.key_file);
  if (!key || !key->empty()) return key;
  if (!config.database_url.empty()) {
    // Made by each agent for itself, it would be another one on every machine.
    return fail(ErrorCode::ConfigurationInvalid,
                "the key file '" + config.key_file + "' is missing, which has to be the same for all agents",
                "make it once and give it to every agent: openssl rand -hex 32 > FILE; chmod 600 FILE");
  }
  if (const auto rows = read_overrides(config, *key); !rows) return fail(rows.error());
  return ensure_sealing_key(config.key_file);
}

}  // namespace gitferry::daemon

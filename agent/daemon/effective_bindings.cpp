#include "agent/daemon/effective_bindings.h"

#include <utility>

#include "agent/daemon/private_files.h"
#include "agent/store/store.h"
#include "agent/sync/overlay.h"

namespace gitferry::daemon {
namespace {

Result<OverrideRows> read_overrides(const config::Config& config, const Secret& key) {
  StoreOptions options;
  options.path = config.database_path;
  options.sealing_key = key;
  auto rows = Store::peek_overrides(options);
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
  if (const auto rows = read_overrides(config, *key); !rows) return fail(rows.error());
  return ensure_sealing_key(config.key_file);
}

}  // namespace gitferry::daemon

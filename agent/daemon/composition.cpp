#include "agent/daemon/composition.h"

#include <filesystem>
#include <utility>

#include "agent/base/crypto.h"
#include "agent/base/log.h"
#include "agent/daemon/private_files.h"
#include "config/secret_source.h"

namespace gitferry::daemon {
namespace {

api::Role role_from(std::string_view name) {
  if (name == "admin") return api::Role::Admin;
  return name == "operate" ? api::Role::Operate : api::Role::Read;
}

}  // namespace

Result<std::vector<api::TokenHash>> management_tokens(const config::Config& config) {
  std::vector<api::TokenHash> hashes;
  for (const auto& token : config.tokens) {
    const auto secret = config::read_secret(token.source, config::process_environment());
    if (!secret) return fail(secret.error());
    hashes.push_back({token.name, role_from(token.role), sha256(secret->reveal())});
  }
  if (!hashes.empty()) return hashes;
  const auto made = ensure_admin_token(data_directory(config));
  if (!made) return fail(made.error());
  log::info(
      made->is_new ? "no token is configured: made one" : "no token is configured: using the one made before",
      {{"file", made->path}, {"role", "admin"}});
  hashes.push_back({"admin-token", api::Role::Admin, sha256(made->secret.reveal())});
  return hashes;
}

std::string data_directory(const config::Config& config) {
  const auto directory = std::filesystem::path(config.database_path).parent_path();
  return directory.empty() ? "." : directory.string();
}

}  // namespace gitferry::daemon

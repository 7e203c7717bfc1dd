#include <cstdio>

#include "agent/daemon/command_line.h"
#include "agent/daemon/commands.h"
#include "agent/daemon/composition.h"
#include "agent/daemon/process.h"
#include "config/loader.h"

namespace gitferry::daemon {

std::optional<config::Config> load_or_explain(const std::string& path) {
  auto loaded = config::load_file(path, config::process_environment());
  if (loaded) return std::move(*loaded);
  for (const auto& found : loaded.error()) std::fprintf(stderr, "%s\n", found.str().c_str());
  return std::nullopt;
}

int check_config(const std::string& config_path) {
  harden_process();
  const auto config = load_or_explain(config_path);
  if (!config) return kBadConfiguration;
  for (const auto& found : config->warnings) std::fprintf(stderr, "%s\n", found.str().c_str());
  if (const auto options = listener_options(config->server); !options) {
    std::fprintf(stderr, "gitferry: %s\n", options.error().text().c_str());
    return kBadConfiguration;
  }
  std::size_t branches = 0;
  for (const auto& [name, binding] : config->bindings.repositories) branches += binding.branches.size();
  std::printf("ok: %zu repositories, %zu branches", config->bindings.repositories.size(), branches);
  if (!config->bindings.hooks.empty())
    std::printf(", %zu webhooks of organisations", config->bindings.hooks.size());
  std::printf("\n");
  return kDone;
}

}  // namespace gitferry::daemon

#include <cstdio>
#include <vector>

#include "agent/daemon/command_line.h"
#include "agent/daemon/commands.h"
#include "agent/daemon/composition.h"
#include "agent/daemon/process.h"
#include "config/loader.h"

namespace gitferry::daemon {

namespace {

void explain_errors(const std::vector<config::Diagnostic>& errors) {
  for (const auto& found : errors) std::fprintf(stderr, "%s\n", found.str().c_str());
}

}  // namespace

std::optional<config::Config> load_or_explain(const std::string& path) {
  auto loaded = config::load_file(path, config::process_environment());
  if (loaded) return std::move(*loaded);
  explain_errors(loaded.error());
  return std::nullopt;
}

int explain_configuration(const config::Loaded& loaded, std::FILE* out) {
  explain_errors(loaded ? loaded->warnings : loaded.error());
  if (!loaded) return kBadConfiguration;
  if (const auto options = listener_options(loaded->server); !options) {
    std::fprintf(stderr, "gitferry: %s\n", options.error().text().c_str());
    return kBadConfiguration;
  }
  std::size_t branches = 0;
  for (const auto& [name, binding] : loaded->bindings.repositories) branches += binding.branches.size();
  std::fprintf(out, "ok: %zu repositories, %zu branches", loaded->bindings.repositories.size(), branches);
  if (!loaded->bindings.hooks.empty())
    std::fprintf(out, ", %zu webhooks of organisations", loaded->bindings.hooks.size());
  std::fprintf(out, "\n");
  return kDone;
}

int check_config(const std::string& config_path) {
  harden_process();
  return explain_configuration(config::load_file(config_path, config::process_environment()), stdout);
}

}  // namespace gitferry::daemon

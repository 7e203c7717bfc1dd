#include <cstdio>

#include "agent/daemon/command_line.h"
#include "agent/daemon/commands.h"
#include "agent/daemon/effective_bindings.h"
#include "agent/daemon/process.h"
#include "config/print.h"

namespace gitferry::daemon {

int print_config(const PrintConfigOptions& options) {
  harden_process();
  const auto config = load_or_explain(options.config_path);
  if (!config) return kBadConfiguration;
  const auto in_force = effective_bindings(*config);
  if (!in_force) {
    std::fprintf(stderr, "gitferry: %s\n", in_force.error().text().c_str());
    return info(in_force.error().code).exit_code;
  }
  const std::string text =
      options.json ? config::to_json(*config, *in_force) : config::to_yaml(*config, *in_force);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kDone;
}

}  // namespace gitferry::daemon

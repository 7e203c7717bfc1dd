#include <cstdio>

#include "agent/daemon/command_line.h"
#include "agent/daemon/commands.h"
#include "config/print.h"

namespace gitferry::daemon {

int print_config(const PrintConfigOptions& options) {
  const auto config = load_or_explain(options.config_path);
  if (!config) return kBadConfiguration;
  const std::string text = options.json ? config::to_json(*config) : config::to_yaml(*config);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kDone;
}

}  // namespace gitferry::daemon

#include <cstdio>
#include <string>
#include <utility>

#include "agent/daemon/command_line.h"
#include "agent/daemon/commands.h"
#include "agent/daemon/process.h"
#include "agent/daemon/server_client.h"
#include "agent/daemon/text_table.h"
#include "api/client.h"
#include "config/loader.h"
#include "config/secret_source.h"

namespace gitferry::daemon {
namespace {

/// By what the environment alone says, where the file says nothing: a running agent keeps the listener that
/// it was started with.
AgentAddress listener_of(const std::string& config_path) {
  const auto environment = config::process_environment();
  if (const auto config = config::load_file(config_path, environment)) return own_address(config->server);
  const auto config = config::load_text("version: 1\n", "the defaults", environment);
  return own_address(config ? config->server : config::Server{});
}

}  // namespace

int health_check(const HealthCheckOptions& options) {
  harden_process();
  const auto address = options.url.empty() ? listener_of(options.config_path) : AgentAddress{options.url, {}};
  const auto question = options.live ? api::HealthQuestion::Live : api::HealthQuestion::Ready;
  const auto health = api::ask_health(address.url, address.certificate_file, question);
  if (!health) return explain(health.error());
  if (!health->is_well) {
    std::fprintf(stderr, "gitferry: %s: %s\n", options.live ? "not live" : "not ready",
                 printable(health->text).c_str());
    return kFailed;
  }
  std::puts("ok");
  return kDone;
}

}  // namespace gitferry::daemon

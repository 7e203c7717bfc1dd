#include <cstdio>
#include <string>

#include "agent/daemon/command_line.h"
#include "agent/daemon/commands.h"
#include "agent/daemon/process.h"

namespace gitferry::daemon {

int log_level_command(const LogLevelCommandOptions& options) {
  harden_process();
  const auto needed = options.level.empty() ? api::Role::Read : api::Role::Admin;
  const auto client = reach_server_or_explain(options.server, needed);
  if (!client) return client.error();
  const auto answer = client->log_level(options.level);
  if (!answer) return explain(answer.error());
  if (answer->code_status != 0) return explain_refusal(*answer);
  for (const auto& level : answer->rows) std::puts(level.c_str());
  return kDone;
}

}  // namespace gitferry::daemon

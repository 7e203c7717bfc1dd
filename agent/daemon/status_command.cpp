#include <cstdio>
#include <string>
#include <vector>

#include "agent/base/clock.h"
#include "agent/daemon/command_line.h"
#include "agent/daemon/commands.h"
#include "agent/daemon/process.h"
#include "agent/daemon/server_tables.h"

namespace gitferry::daemon {

int status_command(const StatusCommandOptions& options) {
  harden_process();
  const auto client = reach_server_or_explain(options.server, api::Role::Read);
  if (!client) return client.error();
  const auto answer = client->status(options.repository);
  if (!answer) return explain(answer.error());
  if (answer->code_status != 0) return explain_refusal(*answer);
  if (options.json) {
    std::puts(answer->json.c_str());
  } else if (answer->rows.empty()) {
    std::puts("no branch is bound");
  } else {
    std::fputs(status_table(answer->rows, to_epoch_ms(SystemClock().now())).c_str(), stdout);
  }
  return kDone;
}

}  // namespace gitferry::daemon

#include <chrono>
#include <cstdio>
#include <optional>
#include <string>

#include "agent/daemon/command_line.h"
#include "agent/daemon/commands.h"
#include "agent/daemon/process.h"
#include "agent/daemon/server_tables.h"

namespace gitferry::daemon {
namespace {

int show(const SyncCommandOptions& options, const api::ApiAnswer<api::RunLine>& answer) {
  if (options.json && answer.json != "null") {
    std::puts(answer.json.c_str());
  } else {
    for (const auto& line : answer.rows) {
      std::fputs(result_line(result_of(options.repository, line)).c_str(), stdout);
    }
  }
  const bool is_pending = answer.code_status == info(ErrorCode::RunPending).code_status;
  // Who does not want to wait has what they asked for.
  if (answer.code_status == 0 || (is_pending && options.wait_s == 0)) {
    if (!options.json && answer.rows.empty()) {
      std::puts(is_pending ? "goes on; see gitferry status" : "nothing to sync: no branch is enabled");
    }
    return kDone;
  }
  return answer.rows.empty() ? explain_refusal(answer) : kFailed;
}

}  // namespace

int sync_command(const SyncCommandOptions& options) {
  harden_process();
  std::optional<config::Config> config;
  if (!is_complete(options.server)) {
    config = load_or_explain(options.server.config_path);
    if (!config) return kBadConfiguration;
  }
  const auto role = options.force ? api::Role::Admin : api::Role::Operate;
  const auto client = reach_server(options.server, config ? &*config : nullptr, role);
  if (!client) {
    const bool is_alone =
        client.error().code == ErrorCode::ConnectionFailed && options.server.url.empty() && config;
    if (!is_alone) {
      explain(client.error());
      return info(client.error().code).exit_code;
    }
    std::fprintf(stderr, "gitferry: no agent listens at %s: syncing without one\n",
                 own_address(config->server).url.c_str());
    return sync_once(options, std::move(*config));
  }
  const auto answer = client->sync({options.repository, options.branch, options.direction,
                                    std::chrono::seconds{options.wait_s}, options.dry_run, options.force});
  if (!answer) return explain(answer.error());
  return show(options, *answer);
}

}  // namespace gitferry::daemon

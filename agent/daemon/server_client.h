#pragma once

#include <string>

#include <tl/expected.hpp>

#include "agent/base/result.h"
#include "api/api_context.h"
#include "api/client.h"
#include "config/config.h"

namespace gitferry::daemon {

/// Which agent a command speaks to, and with what: as the command line says.
struct ServerOptions {
  std::string config_path;
  std::string url;         ///< empty: the configured listener
  std::string token_file;  ///< empty: the first configured token whose role suffices, or the one `serve` made
};

struct AgentAddress {
  std::string url;
  /// The certificate that the agent must show, since its name is not that of this machine's loopback. Empty:
  /// one that the system trusts.
  std::string certificate_file;
};

/// Where the agent of this configuration is asked: one that listens everywhere, on this machine.
AgentAddress own_address(const config::Server& server);

/// A client of the agent that answers at the address. It is greeted first, so that no other program gets to
/// see the token. `config` may be null where address and token file are given.
///
/// Errors: those of find_agent(), ConnectionFailed for "no server"; those of reading the token; Forbidden
/// where no configured token has the role.
Result<api::ApiClient> reach_server(const ServerOptions& options, const config::Config* config,
                                    api::Role needed);

/// The same for a command that cannot do without: otherwise the reason is on stderr, and what is returned is
/// the exit code.
tl::expected<api::ApiClient, int> reach_server_or_explain(const ServerOptions& options, api::Role needed);

/// The configuration is not needed, so it is not read: the file may be on another machine.
inline bool is_complete(const ServerOptions& options) {
  return !options.url.empty() && !options.token_file.empty();
}

/// The error's text on stderr; kFailed.
int explain(const Error& error);

/// What an agent refused, on stderr; kFailed.
template <typename Row>
int explain_refusal(const api::ApiAnswer<Row>& answer) {
  return explain(
      {ErrorCode::Internal,
       (answer.detail.empty() ? answer.msg : answer.detail) + " (" + std::to_string(answer.code_status) + ")",
       {},
       {}});
}

}  // namespace gitferry::daemon

#include "agent/git/local_transport.h"

#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "agent/git/child_process.h"
#include "agent/git/local_repository.h"
#include "agent/git/pipe_connection.h"
#include "agent/git/service_exit.h"

namespace gitferry {
namespace {

/// Nobody's configuration but the repository's own, no prompt, and no transport of git's (a partial clone
/// would otherwise fetch what it lacks from wherever its configuration says).
std::vector<std::string> sealed_environment(bool asks_for_v2) {
  auto environment = basic_child_environment();
  for (const auto* variable : {"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
                               "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=/bin/false", "GIT_ALLOW_PROTOCOL=",
                               "GIT_PROTOCOL_FROM_USER=0", "GIT_NO_LAZY_FETCH=1", "HOME=/nonexistent"}) {
    environment.emplace_back(variable);
  }
  if (asks_for_v2) environment.emplace_back("GIT_PROTOCOL=version=2");
  return environment;
}

}  // namespace

Result<std::unique_ptr<Connection>> LocalTransport::connect(const Remote& remote, GitService service,
                                                            int protocol_version, const Waiting& waiting) {
  const bool asks_for_v2 = protocol_version == 2 && service == GitService::UploadPack;
  ChildCommand command;
  command.argv = {"git", service == GitService::UploadPack ? "upload-pack" : "receive-pack", "--",
                  remote.url.path};
  if (directories_.named() != nullptr) {
    auto repository = open_local_repository(remote.url.path, directories_);
    if (!repository) return fail(std::move(repository.error()));
    command.argv.back() = ".";
    command.directory = std::make_shared<const UniqueFd>(std::move(*repository));
  }
  command.environment = sealed_environment(asks_for_v2);
  command.what = fmt::format("{} of '{}'", name_of(service), remote.url.str());
  auto explain = [what = command.what](const ChildExit& exit) { return explain_service_exit(what, exit); };
  return std::make_unique<PipeConnection>(std::move(command), std::move(explain), waiting);
}

}  // namespace gitferry

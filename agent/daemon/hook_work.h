#pragma once

#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/daemon/commands.h"
#include "agent/git/credentials.h"
#include "agent/git/http_session.h"
#include "agent/git/web_client.h"
#include "agent/model/binding.h"
#include "api/hosting/hook_client.h"
#include "api/hosting/hook_host.h"
#include "config/config.h"

namespace gitferry::daemon {

/// What `gitferry hooks` works on.

/// What all webhooks have in common.
struct HookWork {
  config::Config config;
  BindingSnapshot bindings;
  std::string public_url;
  Credentials credentials;
  HttpOptions http;
};
/// Errors: those of the configuration and of the database; InvalidArgument for --url.
Result<HookWork> hook_work_of(const HooksOptions& options, config::Config config);

/// One webhook of the configuration at one host: of a side of a binding, or of one of an organisation's
/// owners. Points into the work.
struct HookTarget {
  const WebhookSource* source = nullptr;
  const RepositoryBinding* binding = nullptr;  ///< null: an organisation's
  Side side = Side::Internal;
  const OrganisationHook* organisation = nullptr;  ///< null: a binding's
  std::string owner = {};                          ///< of the organisation; empty: it names none

  /// As the commands are told: `robot --side internal`, `--organisation group-a`.
  [[nodiscard]] std::string arguments() const;
};
/// Those that the options name; none: all. Errors: RepositoryUnknown; ConfigurationInvalid where what is
/// named has no webhook.
Result<std::vector<HookTarget>> hook_targets(const HooksOptions& options, const HookWork& work);

/// The address that the host is to have.
std::string hook_url(const HookWork& work, const HookTarget& target);
/// Errors: ConfigurationInvalid where no secret is in force.
Result<api::hosting::WantedHook> wanted_hook(const HookWork& work, const HookTarget& target);
/// Errors: ConfigurationInvalid where the host has no API for it that is known, or there is no token.
Result<api::hosting::HookClient> hook_client_of(const HookWork& work, const HookTarget& target,
                                                WebClient& web);

}  // namespace gitferry::daemon

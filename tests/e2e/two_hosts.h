#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/agent_process.h"
#include "tests/support/git_host.h"
#include "tests/support/git_repository.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::test {

/// What a test's configuration may vary.
struct BindingYaml {
  std::string provider = "gitea";
  std::string scheme = "hmac";
  std::string policy = "ff_only";
  std::string internal_url;  ///< empty: the repository on the internal host
  std::string external_url;  ///< empty: the repository on the external host
  std::string timeouts = "{connect: 5s, stall: 20s, total: 5m}";
  std::string reconcile = "off";           ///< the interval; off: what runs was asked for by the test
  std::string more_sync;                   ///< `, key: value` after the other keys of `sync`
  std::string granularity = "one";         ///< `all` binds no branches
  std::string password;                    ///< shown to the hosts; empty: the right one
  std::string external_credential;         ///< YAML of its keys; empty: the user and the password
  std::vector<std::string> more_branches;  ///< bound under the same name on both sides
};

/// Two real git hosts with basic authentication and the repository `robot` on both, and one agent between
/// them whose binding has the branches main→main, feature/login→from-inside, and a disabled one.
class TwoHosts {
 public:
  explicit TwoHosts(bool external_is_read_only = false);

  /// Writes the configuration, for a test that runs no agent.
  void write_config(const BindingYaml& binding = {});
  /// Writes the configuration and starts the agent; call once.
  AgentProcess& start_agent(const BindingYaml& binding = {});
  [[nodiscard]] AgentProcess& agent() { return *agent_; }

  /// A push as the internal host would announce it, correctly signed for the binding's provider.
  HttpAnswer deliver(const std::string& branch, std::string_view secret = kHookSecret);
  /// The same to an agent that the test started itself.
  HttpAnswer deliver_to(std::uint16_t port, const std::string& branch, std::string_view secret = kHookSecret);
  /// `git` tells both tips; true once they are equal and set.
  [[nodiscard]] bool tips_are_equal(const std::string& internal_branch,
                                    const std::string& external_branch) const;

  /// The ports of the hosts, for a proxy in front of them; and the address of the repository through it.
  [[nodiscard]] std::uint16_t internal_port() const;
  [[nodiscard]] std::uint16_t external_port() const;
  [[nodiscard]] static std::string url_at(std::uint16_t port);
  /// Writes the password that the agent shows to both hosts.
  void set_password(std::string_view password) const;
  [[nodiscard]] std::string config_path() const { return directory / "gitferry.yaml"; }

  static constexpr std::string_view kHookSecret = "S3CR3T-webhook-of-the-end-to-end-tests";
  static constexpr std::string_view kPassword = "S3CR3T-password-of-the-git-hosts";

  TemporaryDirectory directory;
  GitHost internal_host;
  GitHost external_host;
  GitRepository internal;
  GitRepository external;

 private:
  BindingYaml binding_;
  std::string repository_url_;  ///< of the source, as its payloads name it
  std::unique_ptr<AgentProcess> agent_;
};

}  // namespace gitferry::test

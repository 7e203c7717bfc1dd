#include "tests/e2e/two_hosts.h"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "agent/model/remote_url.h"
#include "api/webhook/webhook_sender.h"

namespace gitferry::test {
namespace {

constexpr std::string_view kBoundBranches = R"(    branches:
      - {internal: main, external: main}
      - {internal: feature/login, external: from-inside}
      - {internal: frozen, external: frozen, enable: false}
)";

GitHostOptions with_password(bool is_read_only = false) {
  return {.user = "sync", .password = std::string(TwoHosts::kPassword), .read_only = is_read_only};
}

std::string base_of(const std::string& url) {
  return url.substr(0, url.rfind('/'));
}

std::uint16_t port_of(const GitHost& host) {
  return parse_remote_url(host.url("robot"), any_scheme())->url.port;
}

void write_private(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path) << text << "\n";
  std::filesystem::permissions(path,
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

}  // namespace

TwoHosts::TwoHosts(bool external_is_read_only)
    : internal_host(with_password()),
      external_host(with_password(external_is_read_only)),
      internal(GitRepository::init(internal_host.path("robot"))),
      external(GitRepository::init(external_host.path("robot"))) {}

AgentProcess& TwoHosts::start_agent(const BindingYaml& binding) {
  write_config(binding);
  agent_ = std::make_unique<AgentProcess>(directory.path());
  return *agent_;
}

void TwoHosts::write_config(const BindingYaml& binding) {
  binding_ = binding;
  set_password(binding.password.empty() ? kPassword : binding.password);
  write_private(directory / "hook", kHookSecret);
  const auto source = binding.internal_url.empty() ? internal_host.url("robot") : binding.internal_url;
  const auto target = binding.external_url.empty() ? external_host.url("robot") : binding.external_url;
  const auto user_and_password =
      fmt::format("username: sync, password_file: {}/password", directory.path().string());
  std::string branches;
  if (binding.granularity == "one") branches = kBoundBranches;
  for (const auto& branch : binding.more_branches)
    branches += fmt::format("      - {{internal: {0}, external: {0}}}\n", branch);
  const auto yaml = fmt::format(
      R"(sync: {{sync_dir: {dir}/spool, timeouts: {timeouts}, reconcile_interval: {reconcile}{more_sync}}}
network: {{allow_schemes: [http, ssh], allow_cidrs: [127.0.0.0/8]}}
credentials:
  - {{match: "{internal_base}", {internal_credential}}}
  - {{match: "{external_base}", {external_credential}}}
repos:
  - name: robot
    enable: true
    internal: {internal}
    external: {external}
    granularity: {granularity}
    direction: to_outer
    policy: {policy}
    webhook:
      internal: {{provider: {provider}, scheme: {scheme}, secret_file: {dir}/hook}}
{branches})",
      fmt::arg("dir", directory.path().string()), fmt::arg("timeouts", binding.timeouts),
      fmt::arg("internal", source), fmt::arg("internal_base", base_of(source)),
      fmt::arg("internal_credential", user_and_password), fmt::arg("external", target),
      fmt::arg("external_base", base_of(target)),
      fmt::arg("external_credential",
               binding.external_credential.empty() ? user_and_password : binding.external_credential),
      fmt::arg("branches", branches), fmt::arg("granularity", binding.granularity),
      fmt::arg("reconcile", binding.reconcile), fmt::arg("more_sync", binding.more_sync),
      fmt::arg("policy", binding.policy), fmt::arg("provider", binding.provider),
      fmt::arg("scheme", binding.scheme));
  repository_url_ = source;
  write_agent_config(directory.path(), yaml);
}

HttpAnswer TwoHosts::deliver(const std::string& branch, std::string_view secret) {
  return deliver_to(agent_->port(), branch, secret);
}

HttpAnswer TwoHosts::deliver_to(std::uint16_t port, const std::string& branch, std::string_view secret) {
  const auto tip = internal.tip("refs/heads/" + branch);
  const std::string zeros(40, '0');
  const auto sent = api::send_webhook({
      .base_url = fmt::format("http://127.0.0.1:{}", port),
      .provider = binding_.provider,
      .scheme = webhook_scheme_from(binding_.scheme),
      .repo_name = "robot",
      .secret = Secret(std::string(secret)),
      .repository_url = repository_url_,
      .full_name = "git/robot",
      .ref = "refs/heads/" + branch,
      .before = zeros,
      .after = tip ? tip->hex() : std::string(40, '1'),
  });
  return sent ? HttpAnswer{sent->status, sent->body} : HttpAnswer{0, sent.error().text()};
}

bool TwoHosts::tips_are_equal(const std::string& internal_branch, const std::string& external_branch) const {
  const auto source = internal.tip("refs/heads/" + internal_branch);
  return source && source == external.tip("refs/heads/" + external_branch);
}

std::uint16_t TwoHosts::internal_port() const {
  return port_of(internal_host);
}

std::uint16_t TwoHosts::external_port() const {
  return port_of(external_host);
}

std::string TwoHosts::url_at(std::uint16_t port) {
  return fmt::format("http://127.0.0.1:{}/git/robot.git", port);
}

void TwoHosts::set_password(std::string_view password) const {
  write_private(directory / "password", password);
}

}  // namespace gitferry::test

#include "tests/e2e/two_hosts.h"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "agent/model/remote_url.h"
#include "api/webhook/webhook_sender.h"

namespace gitferry::test {
namespace {

GitHostOptions with_password() {
  return {.user = "sync", .password = std::string(TwoHosts::kPassword)};
}

void write_private(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path) << text << "\n";
  std::filesystem::permissions(path,
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

}  // namespace

TwoHosts::TwoHosts()
    : internal_host(with_password()),
      external_host(with_password()),
      internal(GitRepository::init(internal_host.path("robot"))),
      external(GitRepository::init(external_host.path("robot"))) {}

AgentProcess& TwoHosts::start_agent(const BindingYaml& binding) {
  binding_ = binding;
  write_private(directory / "password", kPassword);
  write_private(directory / "hook", kHookSecret);
  const auto target = binding.external_url.empty() ? external_host.url("robot") : binding.external_url;
  const auto yaml = fmt::format(
      R"(sync: {{sync_dir: {dir}/spool, timeouts: {timeouts}}}
network: {{allow_schemes: [http], allow_cidrs: [127.0.0.0/8]}}
credentials:
  - {{match: "{internal_base}", username: sync, password_file: {dir}/password}}
  - {{match: "{external_base}", username: sync, password_file: {dir}/password}}
repos:
  - name: robot
    enable: true
    internal: {internal}
    external: {external}
    granularity: one
    direction: to_outer
    policy: {policy}
    webhook:
      internal: {{provider: {provider}, scheme: {scheme}, secret_file: {dir}/hook}}
    branches:
      - {{internal: main, external: main}}
      - {{internal: feature/login, external: from-inside}}
      - {{internal: frozen, external: frozen, enable: false}}
)",
      fmt::arg("dir", directory.path().string()), fmt::arg("timeouts", binding.timeouts),
      fmt::arg("internal", internal_host.url("robot")), fmt::arg("internal_base", internal_host.base_url()),
      fmt::arg("external", target), fmt::arg("external_base", target.substr(0, target.rfind('/'))),
      fmt::arg("policy", binding.policy), fmt::arg("provider", binding.provider),
      fmt::arg("scheme", binding.scheme));
  agent_ = std::make_unique<AgentProcess>(directory.path(), yaml);
  return *agent_;
}

HttpAnswer TwoHosts::deliver(const std::string& branch, std::string_view secret) {
  const auto tip = internal.tip("refs/heads/" + branch);
  const std::string zeros(40, '0');
  const auto sent = api::send_webhook({
      .base_url = fmt::format("http://127.0.0.1:{}", agent_->port()),
      .provider = binding_.provider,
      .scheme = binding_.scheme,
      .repo_name = "robot",
      .secret = Secret(std::string(secret)),
      .repository_url = internal_host.url("robot"),
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

std::uint16_t TwoHosts::external_port() const {
  const auto url = parse_remote_url(external_host.url("robot"), any_scheme());
  return url->url.port;
}

}  // namespace gitferry::test

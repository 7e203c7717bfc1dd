// What stands between the agent and the network: TLS on its listener, and a proxy in front of it.

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/webhook/webhook_sender.h"
#include "tests/support/agent_process.h"
#include "tests/support/certificate.h"
#include "tests/support/process.h"
#include "tests/support/reverse_proxy.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kHookSecret = "S3CR3T-webhook-of-the-end-to-end-tests";

/// An agent with one binding that no delivery of these tests makes run.
class Edge : public ::testing::Test {
 protected:
  void start(const std::string& server) {
    replace_file(directory / "hook", kHookSecret);
    write(server);
    agent = std::make_unique<AgentProcess>(directory.path());
    ASSERT_TRUE(agent->wait_until_listening()) << agent->log();
  }
  void write(const std::string& server) const {
    const auto yaml = fmt::format(R"(sync: {{sync_dir: {0}/spool, reconcile_interval: off}}
repos:
  - name: robot
    internal: https://git.corp.example/acme/robot.git
    external: https://mirror.example/acme/robot.git
    granularity: one
    direction: to_outer
    webhook:
      internal: {{provider: github, secret_file: {0}/hook}}
)",
                                  directory.path().string());
    write_agent_config(directory.path(), yaml, server);
  }
  [[nodiscard]] bool log_says(const std::string& text) const {
    return eventually([&] { return agent->log().find(text) != std::string::npos; });
  }
  /// What curl prints; the status of the answer is its last line.
  [[nodiscard]] ProcessOutcome curl(std::vector<std::string> arguments) const {
    std::vector<std::string> argv{"/usr/bin/curl", "--silent",      "--show-error", "--max-time", "30",
                                  "--write-out",   "\n%{http_code}"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return run_process({argv, {}, {}, {"PATH=/usr/bin:/bin"}});
  }
  [[nodiscard]] CommandResult gitferry(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--config", directory / "gitferry.yaml"});
    return run_gitferry(arguments);
  }

  TemporaryDirectory directory;
  std::unique_ptr<AgentProcess> agent;
};

class TlsEdge : public Edge {
 protected:
  void SetUp() override {
    renew();
    start(server_line("127.0.0.1:0"));
    // The commands look the port up in the file.
    write(server_line("127.0.0.1:" + std::to_string(agent->port())));
  }
  [[nodiscard]] std::string server_line(const std::string& listen) const {
    return fmt::format("{{listen: \"{}\", tls: {{cert_file: {}, key_file: {}}}}}", listen, certificate, key);
  }
  void renew() const {
    const auto pems = make_certificate();
    replace_file(key, pems.key);
    replace_file(certificate, pems.certificate, 0644);
  }
  /// /livez by the certificate's name, trusting that certificate alone.
  [[nodiscard]] ProcessOutcome livez(const std::string& trusted) const {
    return curl({"--cacert", trusted, "--resolve",
                 fmt::format("gitferry.example:{}:127.0.0.1", agent->port()),
                 fmt::format("https://gitferry.example:{}/livez", agent->port())});
  }

  std::string certificate = directory / "tls.pem";
  std::string key = directory / "tls.key";
};

TEST_F(TlsEdge, AnswersWhoTrustsTheCertificate) {
  EXPECT_EQ(livez(certificate).output, "{\"status\":\"ok\"}\n200");
  const auto anyone = curl({"--insecure", fmt::format("https://127.0.0.1:{}/livez", agent->port())});
  EXPECT_EQ(anyone.output, "{\"status\":\"ok\"}\n200");
  const auto plain = curl({fmt::format("http://127.0.0.1:{}/livez", agent->port())});
  EXPECT_EQ(plain.output, "\n000") << "nothing is said in the clear";
}

TEST_F(TlsEdge, TheCommandsReachTheirAgent) {
  const auto status = gitferry({"status"});
  EXPECT_EQ(status.exit_code, 0) << status.output;
  const auto sent = gitferry(
      {"send-webhook", "--provider", "github", "--repo", "robot", "--side", "internal", "--ref", "none"});
  EXPECT_EQ(sent.exit_code, 0) << sent.output;
  EXPECT_THAT(sent.output, StartsWith("HTTP 200"));
  const auto deliveries = gitferry({"deliveries"});
  EXPECT_EQ(deliveries.exit_code, 0) << deliveries.output;
  EXPECT_THAT(deliveries.output, HasSubstr("robot"));
}

TEST_F(TlsEdge, S26_TheCommandsShowTheirTokenToNoOtherCertificate) {
  const auto taken_up = directory / "taken-up.pem";
  std::filesystem::copy_file(certificate, taken_up);
  replace_file(certificate, make_certificate().certificate, 0644);  // not of the key: the agent keeps the old
  ASSERT_TRUE(log_says("the certificate stays as it was")) << agent->log();
  const auto status = gitferry({"status"});
  EXPECT_EQ(status.exit_code, 1);
  EXPECT_THAT(status.output, HasSubstr("its certificate is not the one in '" + certificate + "'"));
  EXPECT_EQ(livez(taken_up).output, "{\"status\":\"ok\"}\n200");
}

TEST_F(TlsEdge, ARenewedCertificateIsTakenUpOnSighup) {
  const auto old = directory / "old.pem";
  std::filesystem::copy_file(certificate, old);
  renew();
  agent->kill(SIGHUP);
  ASSERT_TRUE(log_says("certificate reloaded")) << agent->log();
  EXPECT_EQ(livez(certificate).output, "{\"status\":\"ok\"}\n200");
  EXPECT_NE(livez(old).status, 0);
  EXPECT_EQ(gitferry({"status"}).exit_code, 0);
}

TEST_F(TlsEdge, ARenewedCertificateIsTakenUpWithoutBeingTold) {
  renew();
  ASSERT_TRUE(log_says("certificate reloaded")) << agent->log();
  EXPECT_EQ(livez(certificate).output, "{\"status\":\"ok\"}\n200");
}

TEST_F(Edge, S26_AnAgentWithoutAUsableCertificateDoesNotStart) {
  replace_file(directory / "tls.pem", make_certificate().certificate, 0644);
  replace_file(directory / "tls.key", make_certificate().key);
  replace_file(directory / "hook", kHookSecret);
  write(fmt::format("{{listen: \"127.0.0.1:0\", tls: {{cert_file: {0}/tls.pem, key_file: {0}/tls.key}}}}",
                    directory.path().string()));
  const auto served = gitferry({"serve"});
  EXPECT_EQ(served.exit_code, 78);
  EXPECT_THAT(served.output, HasSubstr("do not belong together"));
}

/// Clients come from 127.0.0.5, nginx from 127.0.0.1.
class ProxyEdge : public Edge {
 protected:
  void start_behind(const std::string& trusted_proxies) {
    start("{listen: \"127.0.0.1:0\", behind_proxy: true" + trusted_proxies + "}");
    proxy = std::make_unique<ReverseProxy>(agent->port());
    ASSERT_NE(proxy->port(), 0);
  }
  /// The address that is recorded of a delivery from 127.0.0.5 to this port, with these headers besides.
  [[nodiscard]] std::string recorded_of(std::uint16_t port,
                                        const std::vector<std::string>& headers = {}) const {
    const auto composed = api::compose_webhook({.base_url = {},
                                                .provider = "github",
                                                .scheme = std::nullopt,
                                                .repo_name = "robot",
                                                .secret = Secret(kHookSecret),
                                                .repository_url = "https://git.corp.example/acme/robot.git",
                                                .full_name = "acme/robot",
                                                .ref = "refs/heads/not-bound",
                                                .before = std::string(40, '0'),
                                                .after = std::string(40, '1')});
    if (!composed) return composed.error().text();
    std::vector<std::string> arguments{"--interface",  "127.0.0.5", "--data-binary",
                                       composed->body, "--header",  "Content-Type: application/json"};
    for (const auto& [name, value] : composed->headers) {
      arguments.insert(arguments.end(), {"--header", fmt::format("{}: {}", name, value)});
    }
    for (const auto& header : headers) arguments.insert(arguments.end(), {"--header", header});
    arguments.push_back(fmt::format("http://127.0.0.1:{}/webhooks/github/robot", port));
    const auto sent = curl(arguments);
    if (!sent.output.ends_with("\n200")) return sent.output + sent.errors;
    const auto rows = json_of(agent->api("GET", "/cerobot/sync/deliveries?page_size=1"));
    return rows["data"][0]["source_address"].asString();
  }

  std::unique_ptr<ReverseProxy> proxy;
};

TEST_F(ProxyEdge, S37_BehindATrustedProxyTheClientsAddressIsRecorded) {
  start_behind(", trusted_proxies: [127.0.0.1]");
  EXPECT_EQ(recorded_of(proxy->port()), "127.0.0.5");
  EXPECT_EQ(recorded_of(proxy->port(), {"X-Forwarded-For: 203.0.113.9"}), "127.0.0.5")
      << "what the client wrote itself does not count";
  EXPECT_EQ(recorded_of(proxy->port(), {"X-Real-IP: 203.0.113.9", "Forwarded: for=203.0.113.9"}),
            "127.0.0.5");
}

TEST_F(ProxyEdge, S37_BehindAnotherProxyItsOwnAddressIsRecorded) {
  start_behind(", trusted_proxies: [192.0.2.1]");
  EXPECT_EQ(recorded_of(proxy->port(), {"X-Forwarded-For: 203.0.113.9"}), "127.0.0.1");
}

TEST_F(ProxyEdge, S37_WhoGoesPastTheProxyCannotForgeHisAddress) {
  start_behind(", trusted_proxies: [127.0.0.1]");
  EXPECT_EQ(recorded_of(agent->port(), {"X-Forwarded-For: 203.0.113.9"}), "127.0.0.5");
}

TEST_F(ProxyEdge, WithoutANamedProxyThisMachinesOwnAddressesAreTrusted) {
  start_behind("");
  EXPECT_EQ(recorded_of(proxy->port(), {"X-Forwarded-For: 203.0.113.9"}), "203.0.113.9");
}

}  // namespace
}  // namespace gitferry::test

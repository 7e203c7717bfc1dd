// The proxies of examples/proxy, in front of an agent: their own files, with names, ports and certificate of
// the test.

#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/packaging/packaging.h"
#include "tests/support/agent_process.h"
#include "tests/support/certificate.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::test {
namespace {

using ::testing::EndsWith;

class Proxy : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto pems = make_certificate({.name = "gitferry.example.org"});
    replace_file(directory / "tls.pem", pems.certificate);
    replace_file(directory / "tls.key", pems.key);
    write_agent_config(directory.path(),
                       fmt::format("sync: {{sync_dir: {}/spool}}\n", directory.path().string()),
                       "{listen: \"127.0.0.1:0\", behind_proxy: true}");
    agent = std::make_unique<AgentProcess>(directory.path());
    ASSERT_TRUE(agent->wait_until_ready()) << agent->log();
  }
  /// The example with each of these texts replaced, which must be there.
  static std::string example(const std::string& name,
                             const std::vector<std::pair<std::string, std::string>>& changes) {
    auto text = source_text("examples/proxy/" + name);
    for (const auto& [from, to] : changes) {
      const auto at = text.find(from);
      EXPECT_NE(at, std::string::npos) << from;
      if (at != std::string::npos) text.replace(at, from.size(), to);
    }
    return text;
  }
  /// What curl prints; the status of the answer is its last line.
  [[nodiscard]] std::string curl(const std::string& path, std::vector<std::string> more = {}) const {
    std::vector<std::string> argv{"curl",       "-sS",
                                  "--max-time", "100",
                                  "-w",         "\n%{http_code}",
                                  "--cacert",   directory / "tls.pem",
                                  "--resolve",  fmt::format("gitferry.example.org:{}:127.0.0.1", port)};
    argv.insert(argv.end(), more.begin(), more.end());
    argv.push_back(fmt::format("https://gitferry.example.org:{}{}", port, path));
    return run_tool(std::move(argv)).output;
  }
  void expect_in_front() {
    ASSERT_TRUE(eventually([&] { return curl("/livez") == "{\"status\":\"ok\"}\n200"; }))
        << curl("/livez") << text_of_file(directory / "proxy.log");
    std::ofstream(directory / "large") << std::string(25 * 1024 * 1024, ' ');
    std::ofstream(directory / "too-large") << std::string(27 * 1024 * 1024, ' ');
    const auto sent = [&](const std::string& body) {
      return curl("/webhooks/github/none",
                  {"--data-binary", "@" + (directory / body), "-H", "Content-Type: application/json"});
    };
    EXPECT_THAT(sent("large"), EndsWith("\n401")) << "the agent itself says that there is no such hook";
    EXPECT_THAT(sent("too-large"), EndsWith("\n413"));
  }

  TemporaryDirectory directory;
  std::unique_ptr<AgentProcess> agent;
  const std::uint16_t port = free_port();
};

TEST_F(Proxy, NginxPassesWebhooksOn) {
  const auto site =
      example("nginx.conf", {{"listen 443 ssl;", fmt::format("listen 127.0.0.1:{} ssl;", port)},
                             {"listen [::]:443 ssl;", ""},
                             {"/etc/ssl/gitferry/fullchain.pem", directory / "tls.pem"},
                             {"/etc/ssl/gitferry/privkey.pem", directory / "tls.key"},
                             {"http://127.0.0.1:8080", fmt::format("http://127.0.0.1:{}", agent->port())}});
  const auto root = directory.path().string();
  std::ofstream(directory / "nginx.conf")
      << "user root;\ndaemon off;\npid " << root
      << "/nginx.pid;\nevents {}\nhttp {\naccess_log off;\nclient_body_temp_path " << root
      << "/body;\nproxy_temp_path " << root << "/proxied;\nfastcgi_temp_path " << root
      << "/fastcgi;\nuwsgi_temp_path " << root << "/uwsgi;\nscgi_temp_path " << root << "/scgi;\n"
      << site << "}\n";
  const std::vector<std::string> argv{
      "nginx", "-p", root, "-e", directory / "proxy.log", "-c", directory / "nginx.conf"};
  auto test = argv;
  test.emplace_back("-t");
  const auto tested = run_tool(test);
  ASSERT_EQ(tested.status, 0) << tested.errors;
  const Background nginx(argv, {}, directory / "proxy.log");
  expect_in_front();
}

TEST_F(Proxy, CaddyPassesWebhooksOn) {
  const std::vector<std::string> home{"HOME=" + directory.path().string()};
  const auto valid = run_tool({"caddy", "validate", "--adapter", "caddyfile", "--config",
                               std::string(GITFERRY_SOURCE_DIR) + "/examples/proxy/Caddyfile"},
                              home);
  EXPECT_EQ(valid.status, 0) << valid.errors;
  const auto site =
      example("Caddyfile",
              {{"gitferry.example.org {", fmt::format("https://gitferry.example.org:{} {{\n\ttls {} {}", port,
                                                      directory / "tls.pem", directory / "tls.key")},
               {"reverse_proxy 127.0.0.1:8080", fmt::format("reverse_proxy 127.0.0.1:{}", agent->port())}});
  std::ofstream(directory / "Caddyfile") << "{\n\tadmin off\n\tauto_https disable_redirects\n}\n" << site;
  const Background caddy({"caddy", "run", "--adapter", "caddyfile", "--config", directory / "Caddyfile"},
                         home, directory / "proxy.log");
  expect_in_front();
}

}  // namespace
}  // namespace gitferry::test

#include "config/server.h"

#include <string>
#include <utility>

#include "tests/config/support.h"

namespace gitferry::config {
namespace {

Loaded load(const std::string& server) {
  return load_text("version: 1\nserver: {" + server + "}\n", "f.yaml", environment_of({}));
}

class ServerSettings : public testing::Test {
 protected:
  [[nodiscard]] std::string tls() const {
    return "tls: {cert_file: " + certificate + ", key_file: " + key + "}";
  }

  const TempDir dir;
  const std::string certificate = dir.write("tls.pem", "PEM", 0644);
  const std::string key = dir.write("tls.key", "PEM");
};

TEST_F(ServerSettings, AreReadWithTheirDefaults) {
  const auto config = load("listen: \"127.0.0.1:1\"");
  ASSERT_TRUE(config) << text_of(config);
  EXPECT_EQ(config->server.certificate_file, "");
  EXPECT_TRUE(config->server.trusted_proxies.empty());
  EXPECT_EQ(config->server.limits, Limits{});
}

TEST_F(ServerSettings, TakeACertificateInPlaceOfAProxy) {
  const auto config = load("listen: \"0.0.0.0:8443\", " + tls());
  ASSERT_TRUE(config) << text_of(config);
  EXPECT_EQ(config->server.certificate_file, certificate);
  EXPECT_EQ(config->server.key_file, key);
}

TEST_F(ServerSettings, SayHowOthersReachTheAgent) {
  EXPECT_EQ(load("listen: \"127.0.0.1:1\"")->server.public_url, "");
  for (const auto& [written, meant] :
       {std::pair{"https://Ferry.example.org", "https://ferry.example.org"},
        std::pair{"https://ferry.example.org:443/", "https://ferry.example.org"},
        std::pair{"http://[::1]:8080/Git/ferry//", "http://[::1]:8080/Git/ferry"}}) {
    const auto config = load("public_url: \"" + std::string(written) + "\"");
    ASSERT_TRUE(config) << text_of(config);
    EXPECT_EQ(config->server.public_url, meant);
  }
  for (const auto* wrong :
       {"ferry.example.org", "https://", "https:///x", "ssh://ferry.example.org", "file:///x", "https://a b/",
        "https://me:S3CRET@ferry.example.org", "https://@ferry.example.org", "https://a/?x=1", "https://a/#x",
        "https://a/..", "https://a:99999"}) {
    const auto config = load("public_url: \"" + std::string(wrong) + "\"");
    ASSERT_FALSE(config) << wrong;
    EXPECT_NE(text_of(config).find("server.public_url must be"), std::string::npos) << text_of(config);
    EXPECT_EQ(text_of(config).find("S3CRET"), std::string::npos) << text_of(config);
  }
}

TEST_F(ServerSettings, S31_NothingListensBeyondThisMachineUnprotected) {
  for (const auto* address : {"0.0.0.0:1", "[::]:1", "192.0.2.1:1", "example.org:1"}) {
    const auto listen = "listen: \"" + std::string(address) + "\"";
    EXPECT_FALSE(load(listen)) << address;
    EXPECT_FALSE(load(listen + ", behind_proxy: false")) << address;
    EXPECT_TRUE(load(listen + ", behind_proxy: true")) << address;
    EXPECT_TRUE(load(listen + ", " + tls())) << address;
  }
}

TEST_F(ServerSettings, BelieveThisMachinesProxyWhereNoneIsNamed) {
  for (const auto* none : {"behind_proxy: true", "behind_proxy: true, trusted_proxies: []"}) {
    const auto config = load(none);
    ASSERT_TRUE(config) << text_of(config);
    ASSERT_EQ(config->server.trusted_proxies.size(), 2U);
    EXPECT_TRUE(config->server.trusted_proxies[0].contains(*parse_ip_address("127.8.9.1")));
    EXPECT_TRUE(config->server.trusted_proxies[1].contains(*parse_ip_address("::1")));
    EXPECT_FALSE(config->server.trusted_proxies[1].contains(*parse_ip_address("::2")));
  }
  const auto named = load("behind_proxy: true, trusted_proxies: [10.0.0.0/8]");
  ASSERT_TRUE(named) << text_of(named);
  ASSERT_EQ(named->server.trusted_proxies.size(), 1U);
  EXPECT_TRUE(named->server.trusted_proxies[0].contains(*parse_ip_address("10.1.2.3")));
}

TEST_F(ServerSettings, S37_WarnOfAProxyElsewhereThatIsNotNamed) {
  const auto remote = load("listen: \"0.0.0.0:1\", behind_proxy: true");
  ASSERT_TRUE(remote) << text_of(remote);
  ASSERT_EQ(remote->warnings.size(), 1U);
  EXPECT_EQ(remote->warnings[0].str().find("f.yaml:2:45: warning: no trusted_proxies: "), 0U)
      << remote->warnings[0].str();
  for (const auto* good : {"listen: \"0.0.0.0:1\", behind_proxy: true, trusted_proxies: [192.0.2.1]",
                           "listen: \"127.0.0.1:1\", behind_proxy: true"}) {
    const auto config = load(good);
    ASSERT_TRUE(config) << text_of(config);
    EXPECT_TRUE(config->warnings.empty()) << good;
  }
}

TEST_F(ServerSettings, S37_WarnOfProxiesThatCouldBeAnybody) {
  for (const auto* range : {"0.0.0.0/0", "\"::/0\""}) {
    const auto config = load("behind_proxy: true, trusted_proxies: [" + std::string(range) + "]");
    ASSERT_TRUE(config) << text_of(config);
    ASSERT_EQ(config->warnings.size(), 1U) << range;
    EXPECT_NE(config->warnings[0].str().find("everybody is trusted to say who he is"), std::string::npos)
        << config->warnings[0].str();
  }
}

TEST_F(ServerSettings, S37_LimitsAreTaken) {
  const auto config = load(
      "limits: {connections: 10, connections_per_address: 2, requests: {per_second: 0}, deliveries: "
      "{per_second: 5, burst: 7}}");
  ASSERT_TRUE(config) << text_of(config);
  const Limits& limits = config->server.limits;
  EXPECT_EQ(limits.connections, 10);
  EXPECT_EQ(limits.connections_per_address, 2);
  EXPECT_EQ(limits.address, (RateLimit{0, 2'000}));
  EXPECT_EQ(limits.hook, (RateLimit{5, 7}));
}

TEST_F(ServerSettings, WrongOnesAreRefusedAtTheirPlace) {
  for (const auto& [server, expected] : std::map<std::string, std::string>{
           {"tls: {}",
            "2:15: error: server.tls.cert_file is missing (for example: cert_file: /etc/gitferry/tls.pem)"},
           {"tls: yes", "2:15: error: server.tls must be a mapping of keys, not a single value"},
           {"tls: {cert_file: " + certificate + "}", "2:15: error: server.tls.key_file is missing"},
           {"tls: {key_file: " + key + "}", "2:15: error: server.tls.cert_file is missing"},
           {"tls: {cert_fle: x}",
            "2:16: error: unknown key 'cert_fle' in server.tls (did you mean 'cert_file'?)"},
           {"tls: {key: x}", "2:16: error: secrets are never written into the configuration (use key_file)"},
           {"trusted_proxies: [10.0.0.0/8]",
            "2:27: error: server.trusted_proxies without behind_proxy: nobody's X-Forwarded-For is read (say "
            "behind_proxy: true, or remove it)"},
           {"behind_proxy: true, trusted_proxies: [proxy.example.org]",
            "2:48: error: server.trusted_proxies takes address ranges (for example: 10.0.0.0/8 or fd00::/8)"},
           {"behind_proxy: true, trusted_proxies: [10.0.0.1/8]",
            "2:48: error: server.trusted_proxies takes address"},
           {"behind_proxy: true, trusted_proxies: 10.0.0.0/8",
            "2:47: error: server.trusted_proxies must be a list"},
           {"limits: {connections: 0}",
            "2:32: error: server.limits.connections must be a whole number from 1 to"},
           {"limits: {connections_per_address: many}",
            "2:44: error: server.limits.connections_per_address must be a whole number from 1 to 100000, not "
            "'many'"},
           {"limits: {requests: 5}", "2:29: error: server.limits.requests must be a mapping of keys"},
           {"limits: {requests: {per_second: -1}}",
            "2:42: error: server.limits.requests.per_second must be a whole number from 0 to 1000000"},
           {"limits: {deliveries: {burst: 0}}",
            "2:39: error: server.limits.deliveries.burst must be a whole number from 1 to 10000000"},
           {"limits: {request: {}}",
            "2:19: error: unknown key 'request' in server.limits (did you mean 'requests'?)"},
       }) {
    const auto loaded = load(server);
    ASSERT_FALSE(loaded) << server;
    EXPECT_NE(("\n" + text_of(loaded)).find("\nf.yaml:" + expected), std::string::npos)
        << "expected f.yaml:" << expected << "\ngot " << text_of(loaded);
  }
}

TEST_F(ServerSettings, ComeFromTheEnvironmentToo) {
  const auto config = load_text("version: 1\n", "f.yaml",
                                environment_of({{"GITFERRY_SERVER_LISTEN", "0.0.0.0:8443"},
                                                {"GITFERRY_SERVER_TLS_CERT_FILE", certificate},
                                                {"GITFERRY_SERVER_TLS_KEY_FILE", key},
                                                {"GITFERRY_SERVER_LIMITS_CONNECTIONS", "9"},
                                                {"GITFERRY_SERVER_LIMITS_REQUESTS_PER_SECOND", "8"}}));
  ASSERT_TRUE(config) << text_of(config);
  EXPECT_EQ(config->server.certificate_file, certificate);
  EXPECT_EQ(config->server.limits.connections, 9);
  EXPECT_EQ(config->server.limits.address, (RateLimit{8, 2'000}));
  EXPECT_EQ(config->overridden_by.size(), 5U);
}

}  // namespace
}  // namespace gitferry::config

#include "tests/config/support.h"

namespace gitferry::config {
namespace {

constexpr const char* kCanary = "S3CR3T-canary";

Loaded load(const std::string& rest) {
  return load_text("version: 1\n" + rest, "f", environment_of({{"PASS", kCanary}}));
}

struct Bad {
  std::string text;
  std::string said;
};

void expect_refused(const Bad& bad) {
  const auto loaded = load(bad.text);
  ASSERT_FALSE(loaded) << bad.text;
  EXPECT_NE(text_of(loaded).find(bad.said), std::string::npos) << bad.text << "\n" << text_of(loaded);
  EXPECT_EQ(text_of(loaded).find(kCanary), std::string::npos) << bad.text;
}

TEST(Network, TakesAProxyInEveryForm) {
  for (const auto& [written, meant] : std::map<std::string, std::string>{
           {"http://proxy.corp:3128", "http://proxy.corp:3128"},
           {"HTTPS://Proxy.Corp:443/", "https://proxy.corp:443"},
           {"socks5h://10.0.0.1:1080", "socks5h://10.0.0.1:1080"},
           {"http://[fd00::1]:3128", "http://[fd00::1]:3128"},
       }) {
    const auto config = load("network: {proxy: \"" + written + "\"}");
    ASSERT_TRUE(config) << text_of(config);
    EXPECT_EQ(config->network.proxy, meant);
  }
}

TEST(Network, S12_RefusesWrongProxiesAndShowsNoPassword) {
  const std::string canary = kCanary;
  for (const Bad& bad : {
           Bad{"network: {proxy: proxy.corp}", "must begin with http://, https:// or socks5h://"},
           Bad{"network: {proxy: \"ftp://proxy.corp:1\"}", "must begin with http://, https:// or socks5h://"},
           Bad{"network: {proxy: \"socks5://proxy.corp:1080\"}", "use socks5h://"},
           Bad{"network: {proxy: \"http://proxy.corp\"}", "a scheme, a host and a port"},
           Bad{"network: {proxy: \"http://:3128\"}", "a scheme, a host and a port"},
           Bad{"network: {proxy: \"http://proxy.corp:99999\"}", "a scheme, a host and a port"},
           Bad{"network: {proxy: \"http://proxy.corp:3128/path\"}", "a scheme, a host and a port"},
           Bad{"network: {proxy: \"http://us:" + canary + "@proxy.corp:3128\"}",
               "holds a user name or password"},
           Bad{"network: {proxy: \"http://p:1\", proxy_password: " + canary + "}",
               "secrets are never written into the configuration"},
           Bad{"network: {proxy: \"http://p:1\", proxy_username: us}", "a user name and no password"},
           Bad{"network: {proxy: \"http://p:1\", proxy_password_env: PASS}", "a password and no user name"},
           Bad{"network: {proxy: \"http://p:1\", proxy_username: \"a:b\", proxy_password_env: PASS}",
               "no ':'"},
           Bad{"network: {proxy: \"http://p:1\", proxy_username: us, proxy_password_env: NONE}",
               "NONE is not set"},
           Bad{"network: {no_proxy: [git.corp]}", "network.no_proxy without network.proxy"},
           Bad{"network: {proxy_username: us}", "network.proxy_username without network.proxy"},
           Bad{"network: {proxy: \"http://p:1\", no_proxy: [\"*\"]}", "network.no_proxy takes hosts"},
           Bad{"network: {proxy: \"http://p:1\", no_proxy: [\"10.0.0.0/99\"]}",
               "network.no_proxy takes hosts"},
           Bad{"network: {ca_file: /nonexistent/ca.pem}", "cannot read '/nonexistent/ca.pem'"},
       }) {
    expect_refused(bad);
  }
}

TEST(Network, TakesClientCertificatesAndBearerTokens) {
  const TempDir dir;
  const auto certificate = dir.write("c.pem", "x", 0644);
  const auto key = dir.write("k.pem", "x");
  const auto config = load(
      "credentials:\n  - {match: \"https://a/\", client_certificate_file: " + certificate +
      ", client_key_file: " + key + "}\n  - {match: \"https://b/\", scheme: bearer, password_env: PASS}\n");
  ASSERT_TRUE(config) << text_of(config);
  EXPECT_EQ(config->credentials.at(0).client_certificate_file, certificate);
  EXPECT_EQ(config->credentials.at(0).client_key_file, key);
  EXPECT_EQ(config->credentials.at(1).scheme, "bearer");
}

TEST(Network, S34_RefusesWrongClientCertificatesAndBearerTokens) {
  const TempDir dir;
  const auto file = dir.write("c.pem", "x");
  const auto open = dir.write("open.pem", "x", 0644);
  const auto both = ", client_certificate_file: " + file + ", client_key_file: ";
  for (const Bad& bad : {
           Bad{"credentials: [{match: \"https://a/\", client_certificate_file: " + file + "}]",
               "client_key_file is missing"},
           Bad{"credentials: [{match: \"https://a/\", client_key_file: " + file + "}]",
               "client_certificate_file is missing"},
           Bad{"credentials: [{match: \"https://a/\"" + both + open + "}]", "can be read by others"},
           Bad{"credentials: [{match: \"https://a/\"" + both + "/nonexistent/key}]", "cannot read"},
           Bad{"credentials: [{match: \"http://a/\"" + both + file + "}]", "are for https:// only"},
           Bad{"credentials: [{match: \"ssh://a/\"" + both + file + "}]", "are for https:// only"},
           Bad{"credentials: [{match: \"https://a/\", scheme: digest, password_env: PASS}]", "basic, bearer"},
           Bad{"credentials: [{match: \"https://a/\", scheme: bearer" + both + file + "}]",
               "has no password"},
           Bad{"credentials: [{match: \"https://a/\", scheme: bearer, username: x, password_env: PASS}]",
               "without a user name"},
           Bad{"credentials: [{match: \"ssh://a/\", scheme: bearer}]", "ssh takes a key"},
       }) {
    expect_refused(bad);
  }
}

TEST(Network, S08_NamesWhereRepositoriesOnThisMachineMayBe) {
  const std::string repository =
      "repos: [{name: x, internal: /srv/git/x.git, external: \"https://b/x\", branches: []}]\n";
  const auto below = [&](const std::string& list) {
    return load("network: {allow_schemes: [https, file], local_directories: " + list + "}\n" + repository);
  };
  for (const auto* good : {"[/srv/git]", "[/var/x, /srv/git/x.git]", "[/]"}) {
    const auto loaded = below(good);
    ASSERT_TRUE(loaded) << good << text_of(loaded);
    EXPECT_TRUE(loaded->warnings.empty()) << good;
  }
  for (const auto* elsewhere : {"[/srv/gi]", "[/srv/git/x]", "[/srv/git/x.git/objects]", "[]"}) {
    const auto refused = below(elsewhere);
    ASSERT_FALSE(refused) << elsewhere;
    EXPECT_NE(text_of(refused).find("network.local_directories"), std::string::npos) << text_of(refused);
  }
}

TEST(Network, S08_WarnsWhereAnyPathOfThisMachineIsTaken) {
  const auto anywhere = load("network: {allow_schemes: [https, file]}");
  ASSERT_TRUE(anywhere) << text_of(anywhere);
  ASSERT_EQ(anywhere->warnings.size(), 1U);
  EXPECT_EQ(anywhere->warnings[0].str().find("f:2:26: warning: file without local_directories"), 0U)
      << anywhere->warnings[0].str();
  EXPECT_TRUE(load("network: {allow_schemes: [https]}")->warnings.empty());
}

TEST(Network, S08_RefusesWhatIsNoDirectoryToNameAndSaysWhere) {
  for (const Bad& bad : {
           Bad{"network: {allow_schemes: [file], local_directories: [srv/git]}", "f:2:54: error: "},
           Bad{"network: {allow_schemes: [file], local_directories: [/srv/../etc]}", "without '..'"},
           Bad{"network: {allow_schemes: [file], local_directories: [\"~/git\"]}", "absolute paths"},
           Bad{"network: {local_directories: [/srv/git]}", "without 'file' in network.allow_schemes"},
       }) {
    expect_refused(bad);
  }
}

}  // namespace
}  // namespace gitferry::config

#include "agent/git/http_proxy.h"

#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "agent/git/http_transport.h"
#include "tests/agent/git/proxy_host.h"
#include "tests/support/git_host.h"
#include "tests/support/scripted_server.h"

namespace gitferry::test {
namespace {

constexpr const char* kHostSecret = "S3CR3T-of-the-host";
constexpr const char* kProxySecret = "S3CR3T-of-the-proxy";

GitHost& host() {
  static GitHost shared({.user = "bot", .password = kHostSecret});
  return shared;
}

HttpProxy proxy_with(const ProxyRule& rule) {
  return HttpProxy::from(rule).value();
}

Result<std::string> advertised(const HttpOptions& options, const std::string& url) {
  HttpTransport transport(options);
  auto connection =
      transport.connect(remote_of(url, password("bot", kHostSecret)), GitService::UploadPack, 2, patient());
  if (!connection) return fail(connection.error());
  const auto reader = (*connection)->advertisement();
  if (!reader) return fail(reader.error());
  return read_all(**reader);
}

void expect_failure(const Result<std::string>& read, ErrorCode code, const std::string& reason) {
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, code) << read.error().text();
  EXPECT_NE(read.error().text().find(reason), std::string::npos) << read.error().text();
  EXPECT_FALSE(read.error().hint.empty());
  EXPECT_EQ((read.error().text() + read.error().hint).find("S3CR3T"), std::string::npos);
}

std::string url_of(const ScriptedServer& server) {
  return "http://127.0.0.1:" + std::to_string(server.port());
}

class RealProxy : public testing::TestWithParam<ProxyHost::Kind> {
 protected:
  TemporaryDirectory directory;
  std::string secret_file = directory.write("proxy", std::string(kProxySecret) + "\n");

  [[nodiscard]] HttpOptions through(const ProxyHost& proxy, bool with_login) const {
    ProxyRule rule{proxy.url(), "", {}, {}};
    if (with_login) {
      rule.username = "us";
      rule.password.file = secret_file;
    }
    return {loopback_allowed(), {}, proxy_with(rule)};
  }
};

INSTANTIATE_TEST_SUITE_P(Kinds, RealProxy, testing::Values(ProxyHost::Kind::Http, ProxyHost::Kind::Socks),
                         [](const auto& each) {
                           return each.param == ProxyHost::Kind::Http ? "Http" : "Socks5";
                         });

TEST_P(RealProxy, LeadsToTheHostWithAndWithoutALogin) {
  make_repository(host().path("a"));
  for (const bool with_login : {false, true}) {
    const ProxyHost proxy(GetParam(), with_login ? "us" : "", kProxySecret);
    const auto read = advertised(through(proxy, with_login), host().url("a"));
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_TRUE(read->starts_with("000eversion 2\n"));
    const bool is_http = GetParam() == ProxyHost::Kind::Http;
    EXPECT_EQ(proxy.log().find("CONNECT") != std::string::npos, is_http);
  }
}

TEST_P(RealProxy, S12_AWrongLoginIsToldAndNotShown) {
  const ProxyHost proxy(GetParam(), "us", "another-secret");
  expect_failure(advertised(through(proxy, true), host().url("a")), ErrorCode::AuthenticationFailed,
                 "refused the");
  expect_failure(advertised(through(proxy, false), host().url("a")), ErrorCode::AuthenticationFailed,
                 "demands");
}

TEST_P(RealProxy, ARotatedPasswordIsTakenUp) {
  const ProxyHost proxy(GetParam(), "us", "fresh-secret");
  make_repository(host().path("a"));
  const auto options = through(proxy, true);
  ASSERT_FALSE(advertised(options, host().url("a")));
  static_cast<void>(directory.write("proxy", "fresh-secret"));
  EXPECT_TRUE(advertised(options, host().url("a")));
}

TEST_P(RealProxy, AHostThatIsDownIsToldFromTheProxy) {
  const ProxyHost proxy(GetParam());
  expect_failure(advertised(through(proxy, false), "http://127.0.0.1:" + std::to_string(free_port()) + "/x"),
                 ErrorCode::ConnectionFailed, "could not reach the host");
}

TEST_P(RealProxy, S04_TheHostSeesNothingOfTheProxysLogin) {
  const ProxyHost proxy(GetParam(), "us", kProxySecret);
  ScriptedServer target({{http_answer("404 Not Found", "", "")}});
  ASSERT_FALSE(advertised(through(proxy, true), target.url("/x.git")));
  ASSERT_EQ(target.requests().size(), 1U);
  EXPECT_EQ(target.requests().front().find("Proxy-"), std::string::npos);
  EXPECT_NE(target.requests().front().find("Authorization: Basic"), std::string::npos);
}

TEST_P(RealProxy, ReachesAnIpv6Host) {
  if (::system(
          "ip -6 addr show lo 2>/dev/null | grep -q ::1 || grep -q '0000000000000001 ' /proc/net/if_inet6") !=
      0)
    GTEST_SKIP() << "this machine has no [::1]";
  const GitHost six({.listens_on_ipv6 = true});
  make_repository(six.path("a"));
  auto url = six.url("a");
  url.replace(url.find("127.0.0.1"), 9, "[::1]");
  const auto direct = advertised({loopback_allowed(), {}}, url);
  EXPECT_TRUE(direct) << direct.error().text();
  const ProxyHost proxy(GetParam());
  const auto proxied = advertised(through(proxy, false), url);
  EXPECT_TRUE(proxied) << proxied.error().text();
}

TEST(HttpProxy, S04_TheProxySeesNothingOfTheHostsCredential) {
  // It is on a private address, which is trusted as configured, and it resolves the name.
  ScriptedServer proxy({{http_answer("502 Bad Gateway", "", "")}, {http_answer("502 Bad Gateway", "", "")}});
  const TemporaryDirectory directory;
  const ProxyRule rule{url_of(proxy), "us", {directory.write("p", kProxySecret), ""}, {}};
  for (const auto* url : {"http://git.example.com/x.git", "https://git.example.com/x.git"}) {
    expect_failure(advertised({{}, {}, proxy_with(rule)}, url), ErrorCode::ConnectionFailed,
                   "could not reach the host (502)");
  }
  const auto heads = proxy.requests();
  ASSERT_EQ(heads.size(), 2U);
  EXPECT_TRUE(heads[0].starts_with("CONNECT git.example.com:80 ")) << heads[0];
  EXPECT_TRUE(heads[1].starts_with("CONNECT git.example.com:443 ")) << heads[1];
  for (const auto& head : heads) {
    EXPECT_NE(head.find("Proxy-Authorization: Basic "), std::string::npos);
    EXPECT_EQ(head.find("\nAuthorization:"), std::string::npos);
  }
}

TEST(HttpProxy, WhatAProxyRefusesIsTold) {
  struct Case {
    const char* status;
    ErrorCode code;
    const char* reason;
  };
  for (const auto& each :
       {Case{"403 Forbidden", ErrorCode::AccessDenied, "refused to connect to the host (403)"},
        Case{"407 Proxy Authentication Required", ErrorCode::AuthenticationFailed, "407"},
        Case{"504 Gateway Timeout", ErrorCode::Timeout, "in time"}}) {
    ScriptedServer proxy({{http_answer(each.status, "", "")}});
    expect_failure(advertised({{}, {}, proxy_with({url_of(proxy), "", {}, {}})}, "https://git.example.com/x"),
                   each.code, each.reason);
  }
}

TEST(HttpProxy, S02_AHostWrittenAsARefusedAddressIsRefusedByText) {
  ScriptedServer proxy({});
  ScriptedServer canary({});
  const auto port = ":" + std::to_string(canary.port()) + "/x.git";
  for (const std::string name : {"127.0.0.1", "[::ffff:127.0.0.1]", "[::1]", "2130706433", "0x7f.1",
                                 "localhost", "localhost.", "169.254.169.254", "[fd00::1]", "100.64.0.1"}) {
    const auto url = "http://" + name + port;
    if (!parse_remote_url(url, any_scheme())) continue;  // refused at the door already
    expect_failure(advertised({{}, {}, proxy_with({url_of(proxy), "", {}, {}})}, url),
                   ErrorCode::AddressRefused, "private or reserved");
  }
  EXPECT_EQ(proxy.connections(), 0U);
  EXPECT_EQ(canary.connections(), 0U);
}

TEST(HttpProxy, S02_AHostOfNoProxyIsReachedDirectlyUnderThePolicy) {
  ScriptedServer proxy({});
  ScriptedServer target({{http_answer("404 Not Found", "", "")}});
  const auto rule = ProxyRule{url_of(proxy), "", {}, {"127.0.0.0/8"}};
  EXPECT_FALSE(advertised({loopback_allowed(), {}, proxy_with(rule)}, target.url("/x")));
  EXPECT_EQ(target.connections(), 1U);
  expect_failure(advertised({{}, {}, proxy_with(rule)}, target.url("/x")), ErrorCode::AddressRefused,
                 "private or reserved");
  EXPECT_EQ(target.connections(), 1U);
  EXPECT_EQ(proxy.connections(), 0U);
}

TEST(HttpProxy, AProxyThatIsDownOrUnknownIsNamed) {
  const auto down = "http://127.0.0.1:" + std::to_string(free_port());
  expect_failure(advertised({{}, {}, proxy_with({down, "", {}, {}})}, "https://git.example.com/x"),
                 ErrorCode::ConnectionFailed, "no connection to the proxy '" + down + "'");
  expect_failure(advertised({{}, {}, proxy_with({"http://proxy.invalid:3128", "", {}, {}})},
                            "https://git.example.com/x"),
                 ErrorCode::HostUnresolved, "the proxy's name");
}

TEST(HttpProxy, APasswordThatCannotBeReadIsNamed) {
  const ProxyRule rule{"http://127.0.0.1:1", "us", {"/nonexistent/proxy", ""}, {}};
  expect_failure(advertised({{}, {}, proxy_with(rule)}, "https://git.example.com/x"),
                 ErrorCode::AuthenticationFailed, "network.proxy: the password file '/nonexistent/proxy'");
}

TEST(HttpProxy, AWrongExceptionIsRefused) {
  const auto made = HttpProxy::from({"http://p:1", "", {}, {"*"}});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::ConfigurationInvalid);
}

/// A variable of the environment for one test.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

TEST(HttpProxy, TheEnvironmentIsNotAsked) {
  ScriptedServer other({});
  ScriptedServer proxy({{http_answer("502 Bad Gateway", "", "")}});
  ScriptedServer target({{http_answer("404 Not Found", "", "")}});
  const Variable http("http_proxy", url_of(other));
  const Variable all("ALL_PROXY", url_of(other));
  const Variable none("no_proxy", "*");
  EXPECT_FALSE(advertised({loopback_allowed(), {}}, target.url("/x")));
  EXPECT_EQ(target.connections(), 1U);
  EXPECT_FALSE(advertised({{}, {}, proxy_with({url_of(proxy), "", {}, {}})}, "http://git.example.com/x"));
  EXPECT_EQ(proxy.connections(), 1U);
  EXPECT_EQ(other.connections(), 0U);
}

TEST(HttpCredential, ABearerTokenIsShownAsSuch) {
  ScriptedServer target({{http_answer("404 Not Found", "", "")}});
  auto credential = password("", kHostSecret);
  credential.scheme = HttpScheme::Bearer;
  HttpTransport transport({loopback_allowed(), {}});
  auto connection =
      transport.connect(remote_of(target.url("/x"), credential), GitService::UploadPack, 2, patient());
  ASSERT_TRUE(connection);
  EXPECT_FALSE((*connection)->advertisement());
  ASSERT_EQ(target.requests().size(), 1U);
  EXPECT_NE(target.requests().front().find("Authorization: Bearer " + std::string(kHostSecret)),
            std::string::npos);
}

}  // namespace
}  // namespace gitferry::test

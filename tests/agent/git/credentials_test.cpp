#include "agent/git/credentials.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/agent/git/transport_fixture.h"

namespace gitferry::test {
namespace {

constexpr const char* kCanary = "S3CR3T-canary";

CredentialRule rule(const std::string& match, const std::string& username) {
  CredentialRule made;
  made.match = match;
  made.username = username;
  return made;
}

TEST(Credentials, S04_TheLongestPrefixAtASlashWins) {
  const auto credentials =
      Credentials::from({rule("https://github.com", "host"), rule("https://github.com/acme/", "owner"),
                         rule("https://github.com/acme/robot.git", "repository"),
                         rule("https://git.corp:8443/", "port"), rule("http://git.corp/", "plain"),
                         rule("ssh://git@gitlab.corp/", "ssh"), rule("ssh://gitlab.corp/x", "any")});
  ASSERT_TRUE(credentials) << credentials.error().text();
  struct Case {
    const char* address;
    const char* username;  ///< empty: none
  };
  for (const auto& one : {
           Case{"https://github.com/other/x.git", "host"},
           Case{"https://github.com/acme/x.git", "owner"},
           Case{"https://GitHub.com:443/acme/x", "owner"},
           Case{"https://github.com/acme/robot.git", "repository"},
           Case{"https://github.com/acme/robot.github", "owner"},
           Case{"https://github.com/acmeevil/x.git", "host"},
           Case{"https://github.com.evil.org/acme/x.git", ""},
           Case{"http://github.com/acme/x.git", ""},
           Case{"https://github.com:8443/acme/x.git", ""},
           Case{"ssh://git@github.com/acme/x.git", ""},
           Case{"https://git.corp:8443/x", "port"},
           Case{"https://git.corp/x", ""},
           Case{"http://git.corp/x", "plain"},
           Case{"git@gitlab.corp:acme/x.git", "ssh"},
           Case{"ssh://git@gitlab.corp/acme/x", "ssh"},
           Case{"ssh://root@gitlab.corp/acme/x", ""},
           Case{"ssh://root@gitlab.corp/x/y", "any"},
           Case{"/srv/x.git", ""},
       }) {
    const auto found = credentials->find(remote_of(one.address).url);
    ASSERT_TRUE(found) << one.address;
    EXPECT_EQ(found->has_value() ? (*found)->username : "", one.username) << one.address;
  }
}

CredentialRule api_rule(const std::string& match, const std::string& variable) {
  auto made = rule(match, "");
  made.api_token_env = variable;
  return made;
}

TEST(Credentials, TokensOfWebApisHaveRulesOfTheirOwn) {
  for (const auto* name : {"HOST", "OWNER", "SSH", "PLAIN"})
    ::setenv((std::string("GITFERRY_TEST_") + name).c_str(), name, 1);  // NOLINT(concurrency-mt-unsafe)
  auto ssh = api_rule("ssh://git@git.corp/acme/", "GITFERRY_TEST_SSH");
  ssh.key_file = "/k";
  ssh.api_url = "https://web.corp/api/v4";
  const auto credentials = Credentials::from({rule("https://git.corp/acme/", "git"),
                                              api_rule("https://git.corp/", "GITFERRY_TEST_HOST"),
                                              api_rule("https://git.corp/acme/", "GITFERRY_TEST_OWNER"), ssh,
                                              api_rule("http://git.lan/", "GITFERRY_TEST_PLAIN"),
                                              api_rule("https://github.com/", "GITFERRY_TEST_HOST")});
  ASSERT_TRUE(credentials) << credentials.error().text();
  struct Case {
    const char* address;
    const char* token;  ///< empty: none
  };
  for (const auto& one : {
           Case{"https://git.corp/other/x.git", "HOST"},
           Case{"https://git.corp/acme/x.git", "OWNER"},
           Case{"git@git.corp:acme/x.git", "SSH"},
           Case{"ssh://git@git.corp:2222/acme/x.git", "OWNER"},
           Case{"git@git.corp:other/x.git", "HOST"},
           Case{"ssh://git@ssh.github.com:443/acme/x.git", "HOST"},
           Case{"http://git.corp/acme/x.git", ""},
           Case{"http://git.lan/x", "PLAIN"},
           Case{"https://git.lan/x", ""},
           Case{"git@git.lan:x", ""},
           Case{"https://git.corp.evil.org/acme/x", ""},
           Case{"/srv/x.git", ""},
       }) {
    const auto found = credentials->find_api(remote_of(one.address).url);
    ASSERT_TRUE(found) << one.address;
    EXPECT_EQ(found->has_value() ? (*found)->token.reveal() : "", one.token) << one.address;
  }
  EXPECT_EQ((*credentials->find_api(remote_of("git@git.corp:acme/x").url))->url, "https://web.corp/api/v4");
  // A rule for the API alone hides no shorter one from git, and its token is never shown to git.
  const auto for_git = credentials->find(remote_of("https://git.corp/acme/x.git").url);
  ASSERT_TRUE(for_git && *for_git);
  EXPECT_EQ((*for_git)->username, "git");
  EXPECT_TRUE((*for_git)->password.empty());
  EXPECT_FALSE(*credentials->find(remote_of("https://git.corp/other/x.git").url));
  EXPECT_TRUE(*credentials->find(remote_of("git@git.corp:acme/x.git").url));
}

TEST(Credentials, ReadTheSecretAnewAtEachLookup) {
  const TemporaryDirectory directory;
  auto with_file = rule("https://host/", "bot");
  with_file.password_file = directory.write("token", "first\n");
  const auto credentials = Credentials::from({with_file});
  const auto url = remote_of("https://host/x.git").url;
  EXPECT_EQ((*credentials->find(url).value()).password.reveal(), "first");
  (void)directory.write("token", "second");
  EXPECT_EQ((*credentials->find(url).value()).password.reveal(), "second");
}

TEST(Credentials, S34_RefuseFilesThatAreNotFitForASecret) {
  const TemporaryDirectory directory;
  ASSERT_EQ(::mkfifo((directory.path() + "/fifo").c_str(), 0600), 0);
  struct Case {
    std::string file;
    const char* why;
  };
  for (const auto& one : {
           Case{directory.write("group", kCanary, 0640), "other users"},
           Case{directory.write("world", kCanary, 0604), "other users"},
           Case{directory.write("lines", std::string(kCanary) + "\nmore\n"), "more than one line"},
           Case{directory.write("empty", "\n"), "empty"},
           Case{directory.write("huge", kCanary + std::string(70'000, 'x')), "64 KiB"},
           Case{directory.path() + "/none", "No such file"},
           Case{directory.path() + "/fifo", "no regular file"},
           Case{directory.path(), "no regular file"},
       }) {
    auto with_file = rule("https://host/", "bot");
    with_file.password_file = one.file;
    const auto found = Credentials::from({with_file})->find(remote_of("https://host/x.git").url);
    ASSERT_FALSE(found) << one.file;
    EXPECT_EQ(found.error().code, ErrorCode::AuthenticationFailed);
    EXPECT_NE(found.error().message.find(one.why), std::string::npos) << found.error().text();
    EXPECT_NE(found.error().message.find(one.file), std::string::npos);
    EXPECT_EQ(found.error().text().find(kCanary), std::string::npos);
  }
}

TEST(Credentials, AClientCertificateGoesToTheHostsOfItsRuleOnly) {
  const TemporaryDirectory directory;
  auto with_certificate = rule("https://host/", "");
  with_certificate.client_certificate_file = directory.write("us.pem", "x", 0644);
  with_certificate.client_key_file = directory.write("us.key", "x");
  with_certificate.scheme = HttpScheme::Bearer;
  const auto credentials = Credentials::from({with_certificate});
  const auto found = credentials->find(remote_of("https://host/x.git").url);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->client_certificate_file, with_certificate.client_certificate_file);
  EXPECT_EQ((*found)->client_key_file, with_certificate.client_key_file);
  EXPECT_EQ((*found)->scheme, HttpScheme::Bearer);
  const auto other = credentials->find(remote_of("https://other/x.git").url);
  ASSERT_TRUE(other);
  EXPECT_FALSE(*other);
}

TEST(Credentials, S34_AClientCertificateThatCannotBeUsedIsNamed) {
  const TemporaryDirectory directory;
  const auto certificate = directory.write("us.pem", "x", 0644);
  struct Case {
    std::string certificate;
    std::string key;
    const char* why;
  };
  for (const auto& one :
       {Case{directory.path() + "/none", directory.write("us.key", "x"), "/none' was not used: No such file"},
        Case{certificate, directory.path() + "/gone", "/gone' was not used: No such file"},
        Case{certificate, directory.write("open.key", "x", 0644), "other users"}}) {
    auto with_certificate = rule("https://host/", "");
    with_certificate.client_certificate_file = one.certificate;
    with_certificate.client_key_file = one.key;
    const auto found = Credentials::from({with_certificate})->find(remote_of("https://host/x.git").url);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, ErrorCode::AuthenticationFailed);
    EXPECT_NE(found.error().message.find(one.why), std::string::npos) << found.error().text();
  }
}

TEST(Credentials, ReadAVariable) {
  auto with_variable = rule("https://host/", "bot");
  with_variable.password_env = "GITFERRY_TEST_TOKEN";
  const auto credentials = Credentials::from({with_variable});
  const auto url = remote_of("https://host/x.git").url;
  ::unsetenv("GITFERRY_TEST_TOKEN");  // NOLINT(concurrency-mt-unsafe)
  EXPECT_FALSE(credentials->find(url));
  ::setenv("GITFERRY_TEST_TOKEN", kCanary, 1);  // NOLINT(concurrency-mt-unsafe)
  EXPECT_EQ((*credentials->find(url).value()).password.reveal(), kCanary);
}

TEST(Credentials, RefuseAMatchThatIsNoAddress) {
  for (const auto* match :
       {"", "github.com", "https://", "https://bot:S3CR3T-canary@host/", "gopher://host/"}) {
    const auto credentials = Credentials::from({rule(match, "x")});
    ASSERT_FALSE(credentials) << match;
    EXPECT_EQ(credentials.error().code, ErrorCode::ConfigurationInvalid);
    EXPECT_EQ(credentials.error().text().find(kCanary), std::string::npos);
  }
}

}  // namespace
}  // namespace gitferry::test

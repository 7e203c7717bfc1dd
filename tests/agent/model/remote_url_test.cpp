#include "agent/model/remote_url.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace gitferry {
namespace {

struct Good {
  const char* text;
  const char* shown;
  const char* identity;
};

TEST(RemoteUrl, ParsesEveryFormThatPeopleWrite) {
  for (const auto& good : {
           Good{"https://GitHub.com/acme/Robot.git", "https://github.com/acme/Robot.git",
                "github.com/acme/robot"},
           Good{"https://github.com:443/acme/robot/", "https://github.com/acme/robot/",
                "github.com/acme/robot"},
           Good{"http://127.0.0.1:8080/git/x.git", "http://127.0.0.1:8080/git/x.git", "127.0.0.1:8080/git/x"},
           Good{"git@github.com:acme/robot.git", "git@github.com:acme/robot.git", "github.com/acme/robot"},
           Good{"ssh://git@gitlab.corp:2222/a/b.git", "ssh://git@gitlab.corp:2222/a/b.git",
                "gitlab.corp:2222/a/b"},
           Good{"ssh://git@host/~user/x", "ssh://git@host/~user/x", "host/~user/x"},
           Good{"https://[::1]:8443/x.git", "https://[::1]:8443/x.git", "[::1]:8443/x"},
           Good{"/srv/git/x.git", "/srv/git/x.git", "local/srv/git/x"},
           Good{"file:///srv/git/x.git", "/srv/git/x.git", "local/srv/git/x"},
       }) {
    const auto parsed = parse_remote_url(good.text, any_scheme());
    ASSERT_TRUE(parsed) << good.text << ": " << parsed.error().text();
    EXPECT_EQ(parsed->url.str(), good.shown);
    EXPECT_EQ(parsed->url.identity(), good.identity);
  }
}

TEST(RemoteUrl, NamesTheSameRepositoryAlikeThroughEveryDoor) {
  struct Same {
    const char* text;
    const char* identity;
    const char* full_name;
  };
  for (const auto& same : {
           Same{"ssh://git@ssh.github.com:443/Acme/robot.git", "github.com/acme/robot", "acme/robot"},
           Same{"git@ssh.github.com:acme/robot.git", "github.com/acme/robot", "acme/robot"},
           Same{"https://ssh.github.com/acme/robot", "ssh.github.com/acme/robot", "acme/robot"},
           Same{"ssh://git@altssh.bitbucket.org:443/acme/robot.git", "bitbucket.org/acme/robot",
                "acme/robot"},
           Same{"git@altssh.bitbucket.org:acme/robot.git", "bitbucket.org/acme/robot", "acme/robot"},
           Same{"ssh://git@altssh.gitlab.com:443/a/b/robot.git", "gitlab.com/a/b/robot", "a/b/robot"},
           Same{"git@ssh.dev.azure.com:v3/Acme/Tools/Robot", "dev.azure.com/acme/tools/_git/robot",
                "acme/tools/_git/robot"},
           Same{"https://acme@dev.azure.com/acme/tools/_git/robot", "dev.azure.com/acme/tools/_git/robot",
                "acme/tools/_git/robot"},
           Same{"https://acme.visualstudio.com/DefaultCollection/tools/_git/robot",
                "dev.azure.com/acme/tools/_git/robot", "acme/tools/_git/robot"},
           Same{"acme@vs-ssh.visualstudio.com:v3/acme/tools/robot", "dev.azure.com/acme/tools/_git/robot",
                "acme/tools/_git/robot"},
           Same{"git@ssh.dev.azure.com:v3/acme/tools", "ssh.dev.azure.com/v3/acme/tools", "v3/acme/tools"},
           Same{"https://bitbucket.corp/scm/KEY/robot.git", "bitbucket.corp/key/robot", "key/robot"},
           Same{"https://corp:8443/bitbucket/scm/~me/robot.git", "corp:8443/~me/robot", "~me/robot"},
           Same{"ssh://git@bitbucket.corp:7999/KEY/robot.git", "bitbucket.corp:7999/key/robot", "key/robot"},
           Same{"ssh://git@gitlab.corp/scm/key/robot.git", "gitlab.corp/scm/key/robot", "scm/key/robot"},
           Same{"https://gitlab.corp/scm/robot.git", "gitlab.corp/scm/robot", "scm/robot"},
           Same{"https://gitlab.corp/team-scm/key/robot.git", "gitlab.corp/team-scm/key/robot",
                "team-scm/key/robot"},
       }) {
    const auto parsed = parse_remote_url(same.text, any_scheme());
    ASSERT_TRUE(parsed) << same.text << ": " << parsed.error().text();
    EXPECT_EQ(parsed->url.identity(), same.identity) << same.text;
    EXPECT_EQ(parsed->url.full_name(), same.full_name) << same.text;
  }
}

TEST(RemoteUrl, SplitsUserInfoOff) {
  const auto parsed = parse_remote_url("https://bot:p%40ss@host/x.git", any_scheme());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->username, "bot");
  EXPECT_EQ(parsed->password.reveal(), "p@ss");
  EXPECT_EQ(parsed->url.str(), "https://host/x.git");
}

void expect_refused(const std::vector<std::string>& addresses) {
  for (const auto& text : addresses) EXPECT_FALSE(parse_remote_url(text, any_scheme())) << text;
}

TEST(RemoteUrl, S05_RefusesWhiteSpaceAndControlCharactersRawAndEscaped) {
  using namespace std::string_literals;
  expect_refused({"https://host/a b", "https://host/a%0d%0ab", "https://host/a%00b", "https://ho%0ast/x",
                  "https://a%0a:b@host/x", "https://a:b%0d@host/x", "https://host/a\nb", "https://host/a\rb",
                  "https://host/a\tb", "https://host/a\0b"s, "https://host/a%7fb",
                  "git@host:x.git\n-c\ncore.x=y", "https://host/x.git -c core.sshCommand=touch",
                  "ssh://git@host/x.git%20-c", "ssh://a%85@host/x",
                  "git@github.com:acme/x.git -c core.sshCommand=touch"});
}

TEST(RemoteUrl, S06_RefusesWhatAProgramWouldTakeForAnOption) {
  expect_refused({"https://-oProxyCommand=x/y", "ssh://-oProxyCommand=touch/x", "ssh://-lroot@host/x",
                  "-oProxyCommand=x@host:y", "git@host:-x", "git@-host:x", "--upload-pack=touch", "-u",
                  "-c core.sshCommand=touch", "--receive-pack=x", "--config=core.hooksPath=x"});
}

TEST(RemoteUrl, S07_RefusesTransportsThatRunPrograms) {
  expect_refused({"ext::sh -c touch% PWN", "ext::sh", "fd::0", "transport::address", "git://host/x",
                  "javascript://x/y", "git+ssh://host/x", "ext://host/x"});
}

TEST(RemoteUrl, S08_RefusesWhatIsAPathButNotFromTheRoot) {
  expect_refused(
      {"x", "../../x", "~/x", "./x", "C:\\x", "file://host/x", "file://x", "/srv/../etc", "file:///a/../b"});
}

TEST(RemoteUrl, RefusesWhatIsNoAddress) {
  expect_refused({"", "https://", "https://host", "https://host/", "https:///x", "https://host:0/x",
                  "https://host:99999/x", "https://host:/x", "https://host/../x", "https://host/%2e%2e/x",
                  "https://host/x?y", "https://host/x#y", "ssh://git:pw@host/x", "oauth2:pw@host:acme/x.git",
                  "ssh://a%3Apw@host/x", "ssh://a%2Fb@host/x",
                  // As str() writes them, they would be read as something else.
                  "git@host:/x#y", "git@host:/x?y", "a%41@host:/x", "ssh://a%2541@host/x", "@host:a@b",
                  "https://host/\xff", std::string(3000, 'a')});
}

TEST(RemoteUrl, S08_RefusesSchemesThatAreNotAllowedAndNamesTheSetting) {
  const auto refused = parse_remote_url("http://host/x", {Scheme::Https});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::RepositoryAddressInvalid);
  EXPECT_NE(refused.error().hint.find("network.allow_schemes"), std::string::npos);
  EXPECT_FALSE(parse_remote_url("/srv/x", {Scheme::Https, Scheme::Ssh}));
}

TEST(RemoteUrl, S12_ErrorsNeverQuoteTheAddress) {
  for (const auto* text :
       {"https://bot:S3CR3T@host/../x", "gopher://bot:S3CR3T@host/x", "https://bot:S3CR3T@"}) {
    const auto refused = parse_remote_url(text, any_scheme());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().text().find("S3CR3T"), std::string::npos);
  }
}

}  // namespace
}  // namespace gitferry

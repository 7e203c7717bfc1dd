#include "agent/git/credential_helper.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "agent/git/credentials.h"
#include "tests/agent/git/transport_fixture.h"
#include "tests/support/fake_clock.h"

namespace gitferry::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kCanary = "S3CR3T-canary";

class CredentialHelper : public ::testing::Test {
 protected:
  /// A helper that notes each verb and question in `asked`, and then does `body`.
  [[nodiscard]] std::vector<std::string> script(const std::string& body) const {
    const auto path = directory.write("helper",
                                      "#!/bin/sh\ncd '" + directory.path() +
                                          "'\nlast() { while [ $# -gt 1 ]; do shift; done; echo \"$1\"; }\n"
                                          "verb=$(last \"$@\")\necho \"== $verb\" >> asked\ncat >> asked\n" +
                                          body + "\n",
                                      0700);
    return {path};
  }
  [[nodiscard]] std::string asked() const {
    std::ifstream file(directory.path() + "/asked");
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static CredentialRule rule(std::vector<std::string> helper, const std::string& match = "https://host/") {
    CredentialRule made;
    made.match = match;
    made.helper = std::move(helper);
    return made;
  }
  [[nodiscard]] Result<std::optional<Credential>> find(const CredentialRule& rule, const std::string& address,
                                                       milliseconds limit = seconds(30)) const {
    return Credentials::from({rule}, {memory, limit})->find(remote_of(address).url);
  }
  [[nodiscard]] Error refusal(const std::string& body, milliseconds limit = seconds(30)) const {
    const auto found = find(rule(script(body)), "https://host/a.git", limit);
    EXPECT_FALSE(found) << body;
    return found ? Error{} : found.error();
  }

  const TemporaryDirectory directory;
  FakeClock clock;
  std::shared_ptr<HelperMemory> memory = std::make_shared<HelperMemory>(clock);
};

TEST_F(CredentialHelper, GitsOwnStoreIsAskedAndForgets) {
  const auto store = directory.write("store", "https://bot:" + std::string(kCanary) + "@host%3a8443\n");
  const auto helper = rule({"/usr/bin/git", "credential-store", "--file", store}, "https://host:8443/");
  const auto found = find(helper, "https://host:8443/acme/x.git");
  ASSERT_TRUE(found) << found.error().text();
  ASSERT_TRUE(*found);
  EXPECT_EQ((*found)->username, "bot");
  EXPECT_EQ((*found)->password.reveal(), kCanary);
  (*found)->origin->refused();
  EXPECT_FALSE(find(helper, "https://host:8443/acme/x.git")) << "it was erased";
  std::ifstream left(store);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(left), {}), "");
}

TEST_F(CredentialHelper, IsToldWhatGitTells) {
  auto with_path = rule(script("echo password=x"), "https://host:8443/acme/");
  ASSERT_TRUE(find(with_path, "https://host:8443/acme/x.git"));
  EXPECT_EQ(asked(), "== get\nprotocol=https\nhost=host:8443\n");
  with_path.use_http_path = true;
  with_path.username = "bot";
  ASSERT_TRUE(find(with_path, "https://host:8443/acme/x.git"));
  EXPECT_TRUE(asked().ends_with("== get\nprotocol=https\nhost=host:8443\npath=acme/x.git\nusername=bot\n"));
}

TEST_F(CredentialHelper, S04_ServesOnlyWhatItsMatchCovers) {
  const auto helper = rule(script("echo password=x"), "https://host/acme/");
  for (const auto* address : {"https://host/other/x.git", "http://host/acme/x.git",
                              "https://host:444/acme/x.git", "https://host.evil.org/acme/x.git"}) {
    const auto found = find(helper, address);
    ASSERT_TRUE(found);
    EXPECT_FALSE(*found) << address;
  }
  EXPECT_EQ(asked(), "");
}

TEST_F(CredentialHelper, IsAskedOnceUntilItsAnswerExpires) {
  const auto expiry = std::to_string(to_epoch_ms(clock.now()) / 1000 + 3600);
  const auto helper = rule(script("echo username=bot; echo password=x; echo password_expiry_utc=" + expiry));
  for (int run = 0; run < 3; ++run) ASSERT_TRUE(find(helper, "https://host/a.git"));
  EXPECT_EQ(asked(), "== get\nprotocol=https\nhost=host\n");
  clock.advance(std::chrono::minutes(59) + seconds(45));
  EXPECT_TRUE(find(helper, "https://host/a.git"));
  EXPECT_EQ(asked(), "== get\nprotocol=https\nhost=host\n== get\nprotocol=https\nhost=host\n");
  clock.advance(std::chrono::hours(1));
  const auto expired = find(helper, "https://host/a.git");
  ASSERT_FALSE(expired);
  EXPECT_NE(expired.error().message.find("has expired"), std::string::npos);
}

TEST_F(CredentialHelper, ARefusedAnswerIsErasedAndAskedForOnceMore) {
  const auto helper =
      rule(script("[ $verb = get ] && echo username=bot && echo password=" + std::string(kCanary)));
  const auto first = find(helper, "https://host/a.git");
  ASSERT_TRUE(first);
  (*first)->origin->refused();
  (*first)->origin->refused();
  ASSERT_TRUE(find(helper, "https://host/a.git"));
  ASSERT_TRUE(find(helper, "https://host/a.git"));
  EXPECT_EQ(asked(),
            "== get\nprotocol=https\nhost=host\n"
            "== erase\nprotocol=https\nhost=host\nusername=bot\npassword=" +
                std::string(kCanary) + "\n== get\nprotocol=https\nhost=host\n");
}

TEST_F(CredentialHelper, S12_BadAnswersAreRefusedAndSaidWithoutTheSecret) {
  const auto secret = std::string("echo password=") + kCanary + "; ";
  struct Case {
    std::string body;
    const char* reason;
  };
  for (const auto& one : {
           Case{"exit 0", "has no password"},
           Case{"echo quit=1", "has no password"},
           Case{secret + "echo quit=true", "has no password"},
           Case{"echo username=bot", "has no password"},
           Case{secret + "echo no equals sign", "malformed"},
           Case{secret + "printf 'username=a\\rb\\n'", "malformed"},
           Case{secret + "printf 'username=a\\0b\\n'", "malformed"},
           Case{secret + "echo password_expiry_utc=soon", "malformed"},
           Case{secret + "echo password_expiry_utc=1000", "has expired"},
           Case{secret + "head -c 70000 /dev/zero | tr '\\0' x", "64 KiB"},
           Case{"while :; do echo x=y; done", "64 KiB"},
           Case{secret + "echo cannot open: " + kCanary + " >&2; exit 3",
                "failed with status 3: cannot open: ***"},
       }) {
    memory = std::make_shared<HelperMemory>(clock);
    const auto error = refusal(one.body);
    EXPECT_EQ(error.code, ErrorCode::AuthenticationFailed) << one.body;
    EXPECT_NE(error.message.find(one.reason), std::string::npos) << error.text();
    EXPECT_NE(error.message.find(directory.path() + "/helper"), std::string::npos) << error.text();
    EXPECT_EQ(error.text().find(kCanary), std::string::npos) << error.text();
  }
}

TEST_F(CredentialHelper, IgnoresWhatItDoesNotKnowAndReadsWithoutAnEnd) {
  const auto found = find(rule(script("echo capability[]=authtype; echo host=evil; echo; printf password=x")),
                          "https://host/a.git");
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ((*found)->password.reveal(), "x");
}

TEST_F(CredentialHelper, OneThatHangsEndsAtTheLimit) {
  EXPECT_EQ(refusal("sleep 600", milliseconds(300)).code, ErrorCode::Timeout);
  const auto missing = find(rule({"/nowhere/helper"}), "https://host/a.git");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::AuthenticationFailed);
}

TEST_F(CredentialHelper, S05_NothingBeginsALineOfItsOwnInTheQuestion) {
  auto injected = rule(script("echo password=x"));
  injected.username = "bot\nhost=evil";
  const auto found = find(injected, "https://host/a.git");
  ASSERT_FALSE(found);
  EXPECT_EQ(asked(), "");
}

TEST_F(CredentialHelper, S39_SeesACleanEnvironmentAndNoShell) {
  ::setenv("GITFERRY_CANARY", kCanary, 1);  // NOLINT(concurrency-mt-unsafe): no other thread yet
  auto helper = script("env > seen; echo \"$1\" >> seen; echo password=x");
  helper.emplace_back("$(touch PWN); a b");
  ASSERT_TRUE(find(rule(helper), "https://host/a.git"));
  ::unsetenv("GITFERRY_CANARY");  // NOLINT(concurrency-mt-unsafe)
  std::ifstream file(directory.path() + "/seen");
  const std::string seen{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(seen.find(kCanary), std::string::npos);
  EXPECT_NE(seen.find("GIT_TERMINAL_PROMPT=0"), std::string::npos);
  EXPECT_TRUE(seen.ends_with("$(touch PWN); a b\n")) << seen;
  EXPECT_FALSE(std::filesystem::exists(directory.path() + "/PWN"));
}

}  // namespace
}  // namespace gitferry::test

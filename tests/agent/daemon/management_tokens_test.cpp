#include "agent/daemon/management_tokens.h"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/base/crypto.h"
#include "tests/config/support.h"

namespace gitferry::daemon {
namespace {

using config::TempDir;
using ::testing::HasSubstr;
using ::testing::Not;

class Tokens : public testing::Test {
 protected:
  Tokens() {
    static_cast<void>(dir.write("ops", "first\n"));
    static_cast<void>(dir.write("ci", "other\n"));
  }

  [[nodiscard]] std::vector<config::Token> both() const {
    return {{"ops", "admin", {dir.path("ops"), ""}}, {"ci", "operate", {dir.path("ci"), ""}}};
  }
  /// Name of the token that this is, by the book of the moment; empty: none.
  std::string who(const std::string& token) {
    for (const auto& known : *tokens.get())
      if (known.sha256 == sha256(token)) return known.name;
    return "";
  }
  TempDir dir;
  ManagementTokens tokens{config::environment_of({{"TOKEN", "from a variable"}})};
};

TEST_F(Tokens, AreThoseOfTheConfigurationWithTheirRoles) {
  auto wanted = both();
  wanted.push_back({"env", "read", {"", "TOKEN"}});
  ASSERT_TRUE(tokens.replace(wanted, dir.path("data")));
  const auto known = tokens.get();
  ASSERT_EQ(known->size(), 3U);
  EXPECT_EQ(known->at(0).role, api::Role::Admin);
  EXPECT_EQ(known->at(1).role, api::Role::Operate);
  EXPECT_EQ(known->at(2).role, api::Role::Read);
  EXPECT_EQ(who("first"), "ops");
  EXPECT_EQ(who("from a variable"), "env");
  EXPECT_EQ(who("nobody's"), "");
  EXPECT_FALSE(std::filesystem::exists(dir.path("data"))) << "none was to be made";
}

TEST_F(Tokens, ARotatedFileIsTakenUpByALookAndTheOldTokenIsRefused) {
  ASSERT_TRUE(tokens.replace(both(), dir.path("data")));
  static_cast<void>(dir.write("ops", "second\n"));
  EXPECT_EQ(who("second"), "") << "a request waits for no file";
  EXPECT_EQ(who("first"), "ops");
  tokens.look();
  EXPECT_EQ(who("second"), "ops");
  EXPECT_EQ(who("first"), "");
  EXPECT_EQ(who("other"), "ci");
}

TEST_F(Tokens, AFileThatCannotBeReadKeepsItsLastValueAndIsLoggedOnce) {
  ASSERT_TRUE(tokens.replace(both(), dir.path("data")));
  std::filesystem::remove(dir.path("ops"));
  testing::internal::CaptureStderr();
  for (int i = 0; i < 3; ++i) {
    tokens.look();
    EXPECT_EQ(who("first"), "ops");
  }
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr(dir.path("ops")));
  EXPECT_EQ(log.find("last value"), log.rfind("last value")) << log;
  EXPECT_THAT(log, Not(HasSubstr("first")));

  static_cast<void>(dir.write("ops", "second\n"));
  tokens.look();
  EXPECT_EQ(who("second"), "ops");
  std::filesystem::remove(dir.path("ops"));
  testing::internal::CaptureStderr();
  tokens.look();
  EXPECT_EQ(who("second"), "ops");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr(dir.path("ops"))) << "a new failure is news";
}

TEST_F(Tokens, AFileThatOthersMayReadNowIsNotTakenUp) {
  ASSERT_TRUE(tokens.replace(both(), dir.path("data")));
  static_cast<void>(dir.write("ops", "second\n", 0644));
  tokens.look();
  EXPECT_EQ(who("first"), "ops");
  EXPECT_EQ(who("second"), "");
}

TEST_F(Tokens, OnesThatAreNotConfiguredAnyMoreStopWorkingAtOnce) {
  ASSERT_TRUE(tokens.replace(both(), dir.path("data")));
  ASSERT_TRUE(tokens.replace({both()[1]}, dir.path("data")));
  EXPECT_EQ(who("first"), "");
  EXPECT_EQ(who("other"), "ci");
}

TEST_F(Tokens, AReplacementReadsTheFilesAnew) {
  ASSERT_TRUE(tokens.replace(both(), dir.path("data")));
  static_cast<void>(dir.write("ops", "second\n"));
  ASSERT_TRUE(tokens.replace(both(), dir.path("data")));
  EXPECT_EQ(who("second"), "ops");
  EXPECT_EQ(who("first"), "");
}

TEST_F(Tokens, ANewOneThatCannotBeReadLeavesAllAsItWas) {
  ASSERT_TRUE(tokens.replace(both(), dir.path("data")));
  const auto failed =
      tokens.replace({both()[0], {"ci", "admin", {dir.path("missing"), ""}}}, dir.path("data"));
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().text(), HasSubstr(dir.path("missing")));
  EXPECT_EQ(who("other"), "ci");
}

TEST_F(Tokens, WithoutAnyOneIsMadeInTheDataDirectory) {
  ASSERT_TRUE(tokens.replace({}, dir.path("data")));
  const auto known = tokens.get();
  ASSERT_EQ(known->size(), 1U);
  EXPECT_EQ(known->front().role, api::Role::Admin);
  const auto made = config::read_secret({dir.path("data/admin-token"), ""}, config::environment_of({}));
  ASSERT_TRUE(made);
  EXPECT_EQ(who(std::string(made->reveal())), "admin-token");
  static_cast<void>(dir.write("data/admin-token", "chosen by hand\n"));
  tokens.look();
  EXPECT_EQ(who("chosen by hand"), "admin-token");
}

}  // namespace
}  // namespace gitferry::daemon

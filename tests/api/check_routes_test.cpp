#include <string>

#include <gtest/gtest.h>

#include "tests/api/binding_fixture.h"

namespace gitferry::api {
namespace {

using testing::Answer;

class CheckRoutesTest : public testing::BindingTest {
 protected:
  [[nodiscard]] Answer check(const Json::Value& body) const { return submit("POST", "/check", body); }
};

TEST_F(CheckRoutesTest, AnAddressThatAnswersTellsItsBranches) {
  hosts.set_branches("git.corp.example",
                     {{"refs/heads/main", 'a'}, {"refs/heads/topic/x", 'b'}, {"refs/tags/v1", 'c'}});
  const auto before = everything();
  const auto answer = check(testing::repository_body("robot"));
  EXPECT_EQ(answer.code(), 0) << answer.text;
  EXPECT_EQ(answer.data()["repo_name"]["code_status"].asInt(), 0);
  const auto& internal = answer.data()["internal"];
  EXPECT_EQ(internal["code_status"].asInt(), 0);
  EXPECT_TRUE(internal["error"].isNull());
  EXPECT_EQ(internal["branch_count"].asInt(), 2);
  EXPECT_EQ(internal["branches"][1].asString(), "topic/x");
  EXPECT_EQ(answer.data()["external"]["branch_count"].asInt(), 0);
  EXPECT_EQ(everything(), before) << "nothing is bound, nothing is noted";
}

TEST_F(CheckRoutesTest, OnlyWhatIsGivenIsChecked) {
  Json::Value body(Json::objectValue);
  EXPECT_EQ(check(body).status, 400);
  body["repo_name"] = "robot";
  const auto named = check(body).data();
  EXPECT_EQ(named["repo_name"]["code_status"].asInt(), 0);
  EXPECT_TRUE(named["internal"].isNull());
  EXPECT_TRUE(named["external"].isNull());
  EXPECT_TRUE(hosts.listed().empty()) << "no host is asked for a name";
  bind("robot");
  EXPECT_EQ(check(body).data()["repo_name"]["code_status"].asInt(), 10002);
}

TEST_F(CheckRoutesTest, WhatIsWrongIsToldOfEachSideAndOnlyGoodAddressesAreAsked) {
  hosts.fail_listing(
      "git.corp.example",
      Error{ErrorCode::AuthenticationFailed, "the host wants to know who asks", "give a token", {}});
  auto body = testing::repository_body("robot");
  body["external_repo_address"] = "gopher://mirror.example/robot";
  const auto data = check(body).data();
  EXPECT_EQ(data["internal"]["error"].asString(), "authentication_failed");
  EXPECT_NE(data["internal"]["detail"].asString().find("give a token"), std::string::npos);
  EXPECT_EQ(data["internal"]["branches"].size(), 0U);
  EXPECT_EQ(data["external"]["code_status"].asInt(), 10001);
  EXPECT_EQ(hosts.listed(), std::vector<std::string>{"git.corp.example"});
}

TEST_F(CheckRoutesTest, TokensAreInNoAnswer) {
  auto body = testing::repository_body("robot");
  body["inter_token"] = "a-very-secret-token";
  body["external_repo_address"] = "https://bot:another-secret@mirror.example/x/../y";
  const auto answer = check(body);
  EXPECT_EQ(answer.text.find("secret"), std::string::npos) << answer.text;
  body["inter_token"] = "line\nbreak";
  EXPECT_EQ(check(body).data()["internal"]["code_status"].asInt(), 10020);
}

TEST_F(CheckRoutesTest, NeedsTheRoleThatBinds) {
  const auto body = to_text(testing::repository_body("robot"));
  for (const auto* token : {testing::kReadToken, testing::kOperateToken})
    EXPECT_EQ(api("POST", "/check", body, token).status, 403) << token;
  EXPECT_TRUE(hosts.listed().empty());
}

}  // namespace
}  // namespace gitferry::api

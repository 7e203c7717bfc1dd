#include <initializer_list>
#include <map>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/api/binding_fixture.h"

namespace gitferry::api {
namespace {

using testing::Answer;
using testing::branch_body;
using testing::repository_body;

using CodesTest = testing::BindingTest;

/// Nothing here ever has these causes; the numbers stay for clients that know the document.
constexpr int kReserved[] = {10005, 10009};

TEST_F(CodesTest, EachNumberOfTheDocumentComesFromItsCauseOrIsReserved) {
  bind("robot");
  bind_branch("robot", "main", "main");
  bind_branch("robot", "off", "off");
  ASSERT_EQ(api("PUT", "/robot/branch/off?enable=0").code(), 0);
  bind("empty");
  bind_whole("whole");
  const auto with = [](const char* name, const Json::Value& value) {
    auto body = repository_body("new");
    body[name] = value;
    return body;
  };
  const std::initializer_list<std::pair<int, Answer>> causes{
      {10001, submit("POST", "/repo", with("external_repo_address", "nowhere"))},
      {10002, submit("POST", "/repo", repository_body("robot"))},
      {10003, submit("POST", "/robot/branch", branch_body("main", "main"))},
      {10004, submit("POST", "/whole/branch", branch_body("main", "main"))},
      {10006, api("POST", "/robot/branch/off")},
      {10007, submit("POST", "/repo", with("sync_granularity", 3))},
      {10008, submit("POST", "/repo", with("sync_direction", "sideways"))},
      {10010, api("DELETE", "/repo/nobody")},
      {10011, api("DELETE", "/whole/branch/main")},
      {10012, api("DELETE", "/robot/branch/gone")},
      {10013, api("GET", "/empty/branch")},
      {10014, api("GET", "/whole/branch")},
      {10015, api("GET", "/repo/robot/logs?branch_id=999")},
  };
  std::map<int, const ErrorInfo*> expected;
  for (const auto& row : all_errors()) {
    if (row.code_status >= 10001 && row.code_status <= 10015) expected[row.code_status] = &row;
  }
  for (const auto code : kReserved) EXPECT_EQ(expected.erase(code), 1U) << code;
  for (const auto& [code, answer] : causes) {
    SCOPED_TRACE(code);
    EXPECT_EQ(answer.status, 200) << "a domain outcome";
    EXPECT_EQ(answer.code(), code) << answer.text;
    ASSERT_EQ(expected.count(code), 1U);
    EXPECT_EQ(answer.body["msg"].asString(), expected[code]->text_zh);
    EXPECT_FALSE(answer.detail().empty());
    EXPECT_TRUE(answer.body.isMember("data"));
    EXPECT_EQ(answer.data().isNull(), code != 10015);
    expected.erase(code);
  }
  EXPECT_TRUE(expected.empty()) << "a number without a cause: " << expected.begin()->first;
}

TEST_F(CodesTest, NotEnabledTellsItsThreeCausesApart) {
  bind("robot");
  bind_branch("robot", "off", "off");
  ASSERT_EQ(api("PUT", "/robot/branch/off?enable=0").code(), 0);
  bind("idle");
  ASSERT_EQ(api("PUT", "/repo/idle?enable=0").code(), 0);
  for (const auto& [path, cause] : std::initializer_list<std::pair<const char*, const char*>>{
           {"/robot/branch/off", "the branch is disabled"},
           {"/robot/branch/gone", "no branch of that name is bound"},
           {"/idle/branch/main", "the repository is disabled"},
           {"/repo/idle", "the repository is disabled"}}) {
    for (const auto* query : {"", "?dry_run=true"}) {
      const auto answer = api("POST", std::string(path) + query);
      EXPECT_EQ(answer.code(), 10006) << path;
      EXPECT_NE(answer.detail().find(cause), std::string::npos) << answer.detail();
    }
  }
}

TEST_F(CodesTest, ErrorsAreInEnglishWhereThatIsPreferred) {
  testing::Sent sent{"DELETE", "/cerobot/sync/repo/nobody", {}, {}};
  sent.headers = {{"Authorization", std::string("Bearer ") + testing::kAdminToken},
                  {"Accept-Language", "en"}};
  EXPECT_EQ(ask(sent).body["msg"].asString(), "No repository of that name is bound");
}

TEST_F(CodesTest, NoAnswerOfAnyRouteHoldsATokenOrUserInfo) {
  const std::string canary = "canary-of-a-secret";
  auto body = repository_body("robot");
  body["inter_token"] = canary + "-1";
  body["external_repo_address"] = "https://somebody:" + canary + "-2@mirror.example/public/robot.git";
  std::string all = submit("POST", "/repo", body).text;
  ASSERT_NE(all.find("\"code_status\":0"), std::string::npos) << all;
  all += submit("POST", "/repo", body).text;
  Json::Value change(Json::objectValue);
  change["internal_repo_address"] = "https://" + canary + "-3@git.corp.example/acme/robot.git";
  change["exter_token"] = canary + "-4";
  all += submit("PUT", "/repo/robot/repo_addr", change).text;
  bind_branch("robot", "main", "main");
  start_sync();
  hosts.answer_with({Error{ErrorCode::AuthenticationFailed, "log in to git.corp.example", {}, {}}});
  all += api("POST", "/repo/robot").text;
  int lists = 0;
  for (const auto& route : all_routes(*context)) {
    if (route.method != "GET") continue;
    auto path = route.pattern;
    if (const auto at = path.find("{repo_name}"); at != std::string::npos) path.replace(at, 11, "robot");
    if (const auto at = path.find("{id}"); at != std::string::npos) path.replace(at, 4, "1");
    if (const auto at = path.find("{name}"); at != std::string::npos) path.replace(at, 6, "main.js");
    const auto answer =
        ask({"GET", path, {{"Authorization", std::string("Bearer ") + testing::kAdminToken}}, {}});
    EXPECT_EQ(answer.status, 200) << path;
    all += answer.text;
    ++lists;
  }
  EXPECT_GE(lists, 11);
  EXPECT_EQ(all.find(canary), std::string::npos) << all.substr(all.find(canary), 200);
  EXPECT_EQ(all.find("somebody"), std::string::npos);
  const auto row = api("GET", "/repo").data()[0];
  EXPECT_TRUE(row["token_present"]["internal"].asBool());
  EXPECT_TRUE(row["token_present"]["external"].asBool()) << "user info became a token";
  EXPECT_EQ(row["external_repo_address"].asString(), testing::external_address("robot"));
}

}  // namespace
}  // namespace gitferry::api

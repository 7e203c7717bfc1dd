#include <initializer_list>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/api/api_fixture.h"

namespace gitferry::api {
namespace {

using namespace std::string_literals;
using testing::ApiTest;
using testing::body_of;
using testing::json_of;
using testing::status_of;

using RoutesTest = ApiTest;

struct Guarded {
  const char* method;
  const char* pattern;
  Role needed;
};

/// What each route of the management API needs. A route that is not here fails the test below.
const std::vector<Guarded>& guarded_routes() {
  static const std::vector<Guarded> routes{
      {"POST", "/cerobot/sync/repo", Role::Admin},
      {"GET", "/cerobot/sync/repo", Role::Read},
      {"PUT", "/cerobot/sync/repo/{repo_name}", Role::Admin},
      {"DELETE", "/cerobot/sync/repo/{repo_name}", Role::Admin},
      {"PUT", "/cerobot/sync/repo/{repo_name}/repo_addr", Role::Admin},
      {"DELETE", "/cerobot/sync/repo/{repo_name}/override", Role::Admin},
      {"POST", "/cerobot/sync/repo/{repo_name}", Role::Operate},
      {"POST", "/cerobot/sync/{repo_name}/branch/{branch_name...}", Role::Operate},
      {"POST", "/cerobot/sync/{repo_name}/branch", Role::Admin},
      {"GET", "/cerobot/sync/{repo_name}/branch", Role::Read},
      {"PUT", "/cerobot/sync/{repo_name}/branch/{branch_name...}", Role::Admin},
      {"DELETE", "/cerobot/sync/{repo_name}/branch/{branch_name...}", Role::Admin},
      {"GET", "/cerobot/sync/deliveries", Role::Read},
      {"GET", "/cerobot/sync/deliveries/{id}", Role::Read},
      {"POST", "/cerobot/sync/deliveries/{id}/replay", Role::Operate},
      {"GET", "/cerobot/sync/repo/logs", Role::Read},
      {"GET", "/cerobot/sync/repo/{repo_name}/logs", Role::Read},
      {"GET", "/cerobot/sync/status", Role::Read},
      {"GET", "/cerobot/sync/runs/{id}", Role::Read},
      {"POST", "/cerobot/sync/check", Role::Admin},
      {"GET", "/cerobot/sync/audit", Role::Admin},
      {"GET", "/cerobot/sync/log-level", Role::Read},
      {"PUT", "/cerobot/sync/log-level", Role::Admin},
      {"GET", "/cerobot/sync/whoami", Role::Read},
  };
  return routes;
}

std::string with(std::string pattern, const std::string& repository) {
  for (const auto& [variable, value] : std::initializer_list<std::pair<std::string, std::string>>{
           {"{repo_name}", repository}, {"{branch_name...}", "main"}, {"{id}", "1"}}) {
    if (const auto at = pattern.find(variable); at != std::string::npos) {
      pattern.replace(at, variable.size(), value);
    }
  }
  return pattern;
}

TEST_F(RoutesTest, S32_TheTableOfRolesKnowsEveryRouteAndNoOther) {
  std::set<std::string> known;
  for (const auto& route : guarded_routes()) known.insert(route.method + " "s + route.pattern);
  std::set<std::string> found;
  for (const auto& route : all_routes(world.context)) {
    if (route.pattern.starts_with("/cerobot/")) {
      ASSERT_TRUE(route.role) << route.pattern << " is public";
      found.insert(route.method + " " + route.pattern);
    }
  }
  EXPECT_EQ(found, known);
}

TEST_F(RoutesTest, S32_EveryRouteTakesTheRolesThatSufficeAndNoOther) {
  for (const auto& route : guarded_routes()) {
    const auto path = with(route.pattern, "github");
    for (const auto* token : {static_cast<const char*>(nullptr), "", "wrong"}) {
      const auto answer = ask(route.method, path, token);
      EXPECT_EQ(status_of(answer), 401) << route.method << " " << path;
      EXPECT_NE(answer.find("WWW-Authenticate: Bearer"), std::string::npos);
      EXPECT_EQ(json_of(body_of(answer))["code_status"].asInt(), 10022);
    }
    for (const auto& [token, role] :
         std::initializer_list<std::pair<const char*, Role>>{{testing::kReadToken, Role::Read},
                                                             {testing::kOperateToken, Role::Operate},
                                                             {testing::kAdminToken, Role::Admin}}) {
      const auto answer = ask(route.method, path, token);
      const auto code = json_of(body_of(answer))["code_status"].asInt();
      if (role < route.needed) {
        EXPECT_EQ(status_of(answer), 403) << route.method << " " << path << " as " << name_of(role);
        EXPECT_EQ(code, 10023);
      } else {
        EXPECT_NE(status_of(answer), 401) << route.method << " " << path << " as " << name_of(role);
        EXPECT_NE(status_of(answer), 403) << route.method << " " << path << " as " << name_of(role);
        EXPECT_NE(status_of(answer), 404);
      }
    }
  }
}

TEST_F(RoutesTest, TellsWhoeverAsksTheNameAndTheRoleOfHisToken) {
  for (const auto& [token, name, role] :
       std::initializer_list<std::tuple<const char*, std::string, std::string>>{
           {testing::kReadToken, "r", "read"},
           {testing::kOperateToken, "o", "operate"},
           {testing::kAdminToken, "a", "admin"}}) {
    const auto data = json_of(body_of(ask("GET", "/cerobot/sync/whoami", token)))["data"];
    EXPECT_EQ(data["name"].asString(), name);
    EXPECT_EQ(data["role"].asString(), role);
  }
}

TEST_F(RoutesTest, RefusalsAreTheSameForKnownAndUnknownNames) {
  for (const auto& route : guarded_routes()) {
    for (const auto* token : {"wrong", testing::kReadToken, testing::kOperateToken}) {
      const auto known = ask(route.method, with(route.pattern, "github"), token);
      if (status_of(known) != 401 && status_of(known) != 403) continue;
      const auto unknown = ask(route.method, with(route.pattern, "nobody"), token);
      EXPECT_EQ(status_of(known), status_of(unknown)) << route.method << " " << route.pattern;
      EXPECT_EQ(body_of(known), body_of(unknown)) << route.method << " " << route.pattern;
    }
  }
}

TEST_F(RoutesTest, HowAndWhetherATokenIsCheckedDoesNotDependOnAnInvalidBody) {
  for (const auto& route : guarded_routes()) {
    if (route.method == "GET"s) continue;
    EXPECT_EQ(status_of(ask(route.method, with(route.pattern, "github"), "wrong", "{")), 401)
        << route.pattern;
  }
}

TEST_F(RoutesTest, S32_RefusesBeforeTheBodyIsRead) {
  testing::RawClient client(port);
  client.send("POST /cerobot/sync/github/branch/main HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
  EXPECT_EQ(status_of(client.receive()), 401);
}

TEST_F(RoutesTest, S32_OtherAuthorizationFormsDoNotCount) {
  for (const auto& value : {"Basic "s + testing::kAdminToken, std::string(testing::kAdminToken), "Bearer"s,
                            "Bearer  "s, "Bearer "s + testing::kAdminToken + "x"}) {
    testing::Sent sent{"GET", "/cerobot/sync/status", {{"Authorization", value}}, {}};
    EXPECT_EQ(status_of(ask(sent)), 401) << value;
  }
  testing::Sent query{"GET", "/cerobot/sync/status?token="s + testing::kAdminToken, {}, {}};
  EXPECT_EQ(status_of(ask(query)), 401);
}

TEST_F(RoutesTest, UnknownPathsAndMethodsAnswerInTheEnvelope) {
  const auto unknown = ask("GET", "/nothing/here");
  EXPECT_EQ(status_of(unknown), 404);
  EXPECT_EQ(json_of(body_of(unknown))["code_status"].asInt(), 10024);
  const auto method = ask("DELETE", "/cerobot/sync/status");
  EXPECT_EQ(status_of(method), 405);
  EXPECT_NE(method.find("Allow: GET, HEAD"), std::string::npos);
  EXPECT_EQ(json_of(body_of(method))["code_status"].asInt(), 10025);
  EXPECT_EQ(status_of(ask("GET", "/cerobot/sync/repo/github/logs/")), 404);
  EXPECT_EQ(status_of(ask("GET", "/cerobot/sync/repo//logs")), 404);
  const auto repository = ask("PATCH", "/cerobot/sync/repo/github");
  EXPECT_EQ(status_of(repository), 405);
  EXPECT_NE(repository.find("Allow: PUT, DELETE, POST"), std::string::npos) << repository;
}

TEST_F(RoutesTest, MessagesFollowAcceptLanguage) {
  const auto message = [&](const std::string& language) {
    testing::Sent sent{
        "GET", "/cerobot/sync/status", {{"Authorization", "Bearer "s + testing::kReadToken}}, {}};
    if (!language.empty()) sent.headers.emplace_back("Accept-Language", language);
    return json_of(body_of(ask(sent)))["msg"].asString();
  };
  EXPECT_EQ(message(""), "操作成功");
  EXPECT_EQ(message("*"), "操作成功");
  EXPECT_EQ(message("zh-CN,zh;q=0.9,en;q=0.8"), "操作成功");
  EXPECT_EQ(message("en"), "The operation succeeded");
  EXPECT_EQ(message("de, en-GB;q=0.9, zh;q=0.1"), "The operation succeeded");
}

}  // namespace
}  // namespace gitferry::api

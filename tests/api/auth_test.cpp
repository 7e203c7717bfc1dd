#include "api/auth.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "agent/base/crypto.h"
#include "tests/api/raw_client.h"

namespace gitferry::api {
namespace {

std::vector<TokenHash> tokens() {
  return {{"reader", Role::Read, sha256("read-token")},
          {"operator", Role::Operate, sha256("operate-token")},
          {"admin", Role::Admin, sha256("admin-token")},
          {"doubled", Role::Admin, sha256("read-token-twice")},
          {"doubled-too", Role::Read, sha256("read-token-twice")}};
}

int status_with(const std::vector<std::string>& authorization, Role needed,
                const std::vector<TokenHash>& known = tokens()) {
  Request request;
  for (const auto& value : authorization) request.headers.push_back({"authorization", value});
  const auto caller = authenticate(needed, request, known);
  return caller ? 0 : caller.error().status;
}

TEST(Auth, S32_ARoleMayDoWhatTheLowerOnesMay) {
  const std::vector<std::string> names{"read-token", "operate-token", "admin-token"};
  const std::vector<Role> roles{Role::Read, Role::Operate, Role::Admin};
  for (std::size_t holder = 0; holder < roles.size(); ++holder) {
    for (std::size_t needed = 0; needed < roles.size(); ++needed) {
      EXPECT_EQ(status_with({"Bearer " + names[holder]}, roles[needed]), holder >= needed ? 0 : 403)
          << names[holder];
    }
  }
  EXPECT_EQ(status_with({"Bearer read-token-twice"}, Role::Admin), 0) << "the higher of two roles counts";
}

TEST(Auth, SaysWhoseTokenItWas) {
  Request request;
  request.headers.push_back({"authorization", "Bearer read-token-twice"});
  const auto caller = authenticate(Role::Read, request, tokens());
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->name, "doubled");
  EXPECT_EQ(caller->role, Role::Admin);
}

TEST(Auth, TakesTheSchemeInAnyCaseAndSpacesAroundTheToken) {
  for (const auto* value : {"Bearer admin-token", "bearer admin-token", "BEARER   admin-token"})
    EXPECT_EQ(status_with({value}, Role::Admin), 0) << value;
}

TEST(Auth, S32_RefusesEverythingElseAlike) {
  const std::vector<std::vector<std::string>> bad{{},
                                                  {""},
                                                  {"Bearer"},
                                                  {"Bearer "},
                                                  {"admin-token"},
                                                  {"Basic admin-token"},
                                                  {"Bearer admin-toke"},
                                                  {"Bearer admin-token2"},
                                                  {"Bearer admin-token, Bearer admin-token"},
                                                  {"Bearer ADMIN-TOKEN"},
                                                  {"Bearer admin-token", "Bearer admin-token"}};
  for (const auto& authorization : bad) {
    EXPECT_EQ(status_with(authorization, Role::Read), 401)
        << (authorization.empty() ? "nothing" : authorization[0]);
  }
}

TEST(Auth, S32_WithoutTokensNobodyMayDoAnything) {
  EXPECT_EQ(status_with({"Bearer admin-token"}, Role::Read, {}), 401);
  EXPECT_EQ(status_with({"Bearer "}, Role::Read, {{"empty", Role::Admin, sha256("")}}), 401)
      << "an empty token is none";
}

TEST(Auth, RefusalsSayWhatToDoAndNothingOfTheToken) {
  Request request;
  request.headers = {{"authorization", "Bearer read-token"}, {"accept-language", "en"}};
  const auto forbidden = authenticate(Role::Admin, request, tokens());
  ASSERT_FALSE(forbidden);
  const auto body = testing::json_of(forbidden.error().body);
  EXPECT_EQ(body["code_status"].asInt(), 10023);
  EXPECT_NE(body["detail"].asString().find("role admin"), std::string::npos);
  EXPECT_EQ(forbidden.error().body.find("read-token"), std::string::npos);
  request.headers = {{"authorization", "Bearer guessed"}};
  const auto unknown = authenticate(Role::Read, request, tokens());
  ASSERT_FALSE(unknown);
  EXPECT_EQ(testing::json_of(unknown.error().body)["code_status"].asInt(), 10022);
  EXPECT_EQ(unknown.error().body.find("guessed"), std::string::npos);
}

}  // namespace
}  // namespace gitferry::api

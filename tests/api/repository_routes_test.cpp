#include <algorithm>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/api/binding_fixture.h"

namespace gitferry::api {
namespace {

using testing::external_address;
using testing::internal_address;
using testing::repository_body;

std::set<std::string> names_of(const Json::Value& object) {
  const auto names = object.getMemberNames();
  return {names.begin(), names.end()};
}

const std::set<std::string> kBoundFields{"id",
                                         "created_at",
                                         "enable",
                                         "repo_name",
                                         "internal_repo_address",
                                         "external_repo_address",
                                         "origin",
                                         "policy",
                                         "deletions",
                                         "tags",
                                         "token_present",
                                         "sync_granularity",
                                         "sync_direction"};

class RepositoryRoutesTest : public testing::BindingTest {
 protected:
  RepositoryRoutesTest() {
    RepositoryBinding robot;
    robot.name = "robot";
    robot.internal = testing::url(internal_address("robot"));
    robot.external = testing::url(external_address("robot"));
    robot.branches.push_back({"main", "main", true});
    file.repositories.emplace(robot.name, robot);
  }
  [[nodiscard]] Json::Value row(const std::string& name) const {
    return api("GET", "/repo?repo_name=" + name).data()[0];
  }
};

TEST_F(RepositoryRoutesTest, BindingAnswersWithTheDocumentsFieldsAndOurs) {
  const auto answer = submit("POST", "/repo", repository_body("rover"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.code(), 0);
  EXPECT_EQ(names_of(answer.body), (std::set<std::string>{"code_status", "data", "msg"}));
  const auto& data = answer.data();
  EXPECT_EQ(names_of(data), kBoundFields);
  EXPECT_EQ(data["repo_name"].asString(), "rover");
  EXPECT_TRUE(data["enable"].asBool());
  EXPECT_EQ(data["internal_repo_address"].asString(), internal_address("rover"));
  EXPECT_EQ(data["external_repo_address"].asString(), external_address("rover"));
  EXPECT_EQ(data["sync_granularity"].asString(), "one") << "requests carry 1/2, answers the names";
  EXPECT_EQ(data["sync_direction"].asString(), "to_outer");
  EXPECT_EQ(data["origin"].asString(), "api");
  EXPECT_EQ(data["policy"].asString(), "ff_only");
  EXPECT_GT(data["id"].asInt64(), 0);
  EXPECT_EQ(data["created_at"].asString(), "2026-09-21 22:13:20") << "UTC+8";
  EXPECT_FALSE(data["token_present"]["internal"].asBool());
}

TEST_F(RepositoryRoutesTest, NumbersAndNamesAreTakenFromQueryAndBody) {
  auto body = repository_body("a");
  body["sync_granularity"] = "all";
  body["sync_direction"] = "to_inter";
  body["enable"] = "off";
  auto data = submit("POST", "/repo", body).data();
  EXPECT_EQ(data["sync_granularity"].asString(), "all");
  EXPECT_EQ(data["sync_direction"].asString(), "to_inter");
  EXPECT_FALSE(data["enable"].asBool());

  const auto query =
      "/repo?repo_name=b&enable=yes&sync_granularity=2&sync_direction=2&internal_repo_address=" +
      internal_address("b") + "&external_repo_address=" + external_address("b");
  data = api("POST", query).data();
  EXPECT_EQ(data["repo_name"].asString(), "b");
  EXPECT_EQ(data["sync_granularity"].asString(), "one");
  EXPECT_EQ(data["sync_direction"].asString(), "to_inter");

  data = submit("POST", "/repo?repo_name=c", repository_body("overruled")).data();
  EXPECT_EQ(data["repo_name"].asString(), "c") << "the query first";
}

TEST_F(RepositoryRoutesTest, AListRowHasTheFileAndTheState) {
  const auto listed = row("robot");
  auto fields = kBoundFields;
  fields.insert({"file", "problem", "status", "branches", "last_success_at", "next_retry_at"});
  EXPECT_EQ(names_of(listed), fields);
  EXPECT_EQ(listed["origin"].asString(), "file");
  EXPECT_TRUE(listed["file"].isNull());
  EXPECT_TRUE(listed["problem"].isNull());
  EXPECT_EQ(listed["status"].asString(), "never_synced");
  EXPECT_EQ(listed["branches"].asInt(), 1);
  EXPECT_TRUE(listed["last_success_at"].isNull());
}

TEST_F(RepositoryRoutesTest, AnOverriddenFieldShowsTheFilesValueUntilItIsReset) {
  EXPECT_EQ(api("PUT", "/repo/robot", R"({"enable":false})").code(), 0);
  EXPECT_EQ(
      api("PUT", "/repo/robot/repo_addr?internal_repo_address=https://git.corp.example/acme/moved").code(),
      0);
  auto listed = row("robot");
  EXPECT_EQ(listed["origin"].asString(), "file+override");
  EXPECT_FALSE(listed["enable"].asBool());
  EXPECT_EQ(listed["status"].asString(), "disabled");
  EXPECT_EQ(listed["internal_repo_address"].asString(), "https://git.corp.example/acme/moved");
  EXPECT_EQ(names_of(listed["file"]), (std::set<std::string>{"enable", "internal_repo_address"}));
  EXPECT_TRUE(listed["file"]["enable"].asBool());
  EXPECT_EQ(listed["file"]["internal_repo_address"].asString(), internal_address("robot"));

  const auto reset = api("DELETE", "/repo/robot/override");
  EXPECT_EQ(reset.code(), 0);
  EXPECT_TRUE(reset.body.isMember("data") && reset.data().isNull());
  listed = row("robot");
  EXPECT_EQ(listed["origin"].asString(), "file");
  EXPECT_TRUE(listed["enable"].asBool());
  EXPECT_TRUE(listed["file"].isNull());
}

TEST_F(RepositoryRoutesTest, OnlyWhatTheFileHasCanBeReset) {
  bind("rover");
  const auto refused = api("DELETE", "/repo/rover/override");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.code(), 10020);
  EXPECT_EQ(row("rover")["repo_name"].asString(), "rover");
  EXPECT_EQ(api("DELETE", "/repo/nobody/override").code(), 10010);
}

TEST_F(RepositoryRoutesTest, EnablingAndUnbindingTakeEffectAtOnceAndAnswerNull) {
  bind("rover");
  for (const bool enabled : {false, true}) {
    const auto answer = api("PUT", std::string("/repo/rover?enable=") + (enabled ? "1" : "0"));
    EXPECT_EQ(answer.code(), 0);
    EXPECT_TRUE(answer.body.isMember("data") && answer.data().isNull());
    EXPECT_EQ(row("rover")["enable"].asBool(), enabled);
  }
  EXPECT_EQ(api("DELETE", "/repo/rover").code(), 0);
  EXPECT_EQ(api("GET", "/repo?repo_name=rover").data().size(), 0U);
  EXPECT_EQ(api("DELETE", "/repo/rover").code(), 10010);
  EXPECT_EQ(api("GET", "/rover/branch").code(), 10010);
}

TEST_F(RepositoryRoutesTest, AnUnboundEntryOfTheFileComesBackWithItsReset) {
  EXPECT_EQ(api("DELETE", "/repo/robot").code(), 0);
  EXPECT_EQ(api("GET", "/repo?repo_name=robot").data().size(), 0U);
  EXPECT_EQ(api("DELETE", "/repo/robot/override").code(), 0);
  EXPECT_EQ(row("robot")["origin"].asString(), "file");
}

TEST_F(RepositoryRoutesTest, S34_TokensAreKeptAndOnlyTheirPresenceIsTold) {
  auto body = repository_body("rover");
  body["inter_token"] = "token-in-the-test";
  EXPECT_TRUE(submit("POST", "/repo", body).data()["token_present"]["internal"].asBool());
  EXPECT_FALSE(row("rover")["token_present"]["external"].asBool());
  EXPECT_EQ(api("PUT", "/repo/rover/repo_addr", R"({"exter_token":"other","inter_token":""})").code(), 0);
  EXPECT_FALSE(row("rover")["token_present"]["internal"].asBool()) << "an empty one takes it away";
  EXPECT_TRUE(row("rover")["token_present"]["external"].asBool());
}

TEST_F(RepositoryRoutesTest, AnAddressChangeNeedsSomethingToChange) {
  const auto answer = api("PUT", "/repo/robot/repo_addr", "{}");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.code(), 10020);
  for (const auto* name : {"internal_repo_address", "external_repo_address", "inter_token", "exter_token"}) {
    EXPECT_NE(answer.detail().find(name), std::string::npos) << answer.detail();
  }
}

TEST_F(RepositoryRoutesTest, ABindingMayGoBothWays) {
  auto body = repository_body("a");
  body["sync_direction"] = 3;
  EXPECT_EQ(submit("POST", "/repo", body).data()["sync_direction"].asString(), "both");
  body["repo_name"] = "b";
  body["sync_direction"] = "both";
  const auto bound = submit("POST", "/repo", body).data();
  EXPECT_EQ(bound["sync_direction"].asString(), "both");
  EXPECT_EQ(bound["deletions"].asString(), "ignore");
  EXPECT_EQ(bound["tags"].asString(), "none");
  const auto rows = api("GET", "/repo").data();
  EXPECT_EQ(std::count_if(rows.begin(), rows.end(),
                          [](const auto& row) { return row["sync_direction"].asString() == "both"; }),
            2);
  EXPECT_NE(api("GET", "/audit").text.find("both"), std::string::npos);
}

TEST_F(RepositoryRoutesTest, ChecksComeInTheDocumentsOrder) {
  bind("taken");
  auto body = repository_body("taken");
  body["internal_repo_address"] = "not an address";
  body["sync_granularity"] = 3;
  body["sync_direction"] = 4;
  body["enable"] = "perhaps";
  EXPECT_EQ(submit("POST", "/repo", body).code(), 10020) << "types";
  body["enable"] = true;
  body["repo_name"] = "../up";
  EXPECT_EQ(submit("POST", "/repo", body).code(), 10020) << "the name";
  body["repo_name"] = "taken";
  EXPECT_EQ(submit("POST", "/repo", body).code(), 10001);
  body["internal_repo_address"] = internal_address("taken");
  EXPECT_EQ(submit("POST", "/repo", body).code(), 10007);
  body["sync_granularity"] = 2;
  EXPECT_EQ(submit("POST", "/repo", body).code(), 10008);
  body["sync_direction"] = 1;
  EXPECT_EQ(submit("POST", "/repo", body).code(), 10002);
  EXPECT_EQ(api("PUT", "/repo/nobody", R"({"enable":"perhaps"})").code(), 10020);
  EXPECT_EQ(api("PUT", "/repo/nobody").code(), 10020) << "enable is missing";
  EXPECT_EQ(api("PUT", "/repo/nobody?enable=1").code(), 10010);
  EXPECT_EQ(api("PUT", "/repo/nobody/repo_addr?inter_token=x").code(), 10010);
}

TEST_F(RepositoryRoutesTest, PagesAreStableWhereAllWereCreatedAtOnce) {
  std::vector<std::string> bound{"robot"};
  for (int i = 0; i < 24; ++i) {
    // Names against the order of binding, so that no order by name passes for one by age.
    bound.push_back("r" + std::to_string(99 - i));
    bind(bound.back());
  }
  for (const bool ascending : {true, false}) {
    std::vector<std::string> seen;
    for (int page = 1; page <= 4; ++page) {
      const auto answer = api("GET", "/repo?page_size=7&page_num=" + std::to_string(page) +
                                         "&create_sort=" + (ascending ? "true" : "false"));
      EXPECT_EQ(answer.body["total"].asInt(), 25);
      for (const auto& listed : answer.data()) seen.push_back(listed["repo_name"].asString());
    }
    auto expected = bound;
    if (!ascending) std::reverse(expected.begin(), expected.end());
    EXPECT_EQ(seen, expected);
  }
  const auto past = api("GET", "/repo?page_size=7&page_num=5");
  EXPECT_EQ(past.code(), 0);
  EXPECT_TRUE(past.data().isArray());
  EXPECT_EQ(past.data().size(), 0U);
  EXPECT_EQ(past.body["total"].asInt(), 25);
  EXPECT_EQ(api("GET", "/repo").data().size(), 10U) << "the default";
  const auto some = api("GET", "/repo?repo_name=r90,nobody,%20r80");
  EXPECT_EQ(some.body["total"].asInt(), 2);
  EXPECT_EQ(some.data()[0]["repo_name"].asString(), "r80");
}

TEST_F(RepositoryRoutesTest, OfClientsThatBindOneNameAtOnceOneSucceeds) {
  constexpr int kClients = 8;
  std::vector<int> codes(kClients);
  {
    std::vector<std::jthread> clients;
    for (int i = 0; i < kClients; ++i) {
      clients.emplace_back([&, i] {
        codes[static_cast<std::size_t>(i)] = submit("POST", "/repo", repository_body("rover")).code();
      });
    }
  }
  EXPECT_EQ(std::count(codes.begin(), codes.end(), 0), 1);
  EXPECT_EQ(std::count(codes.begin(), codes.end(), 10002), kClients - 1);
  EXPECT_EQ(api("GET", "/repo?repo_name=rover").body["total"].asInt(), 1);
}

TEST_F(RepositoryRoutesTest, S44_EveryChangeIsInTheAuditWithItsActor) {
  bind("rover");
  auto sent = testing::Sent{"PUT", "/cerobot/sync/repo/rover?enable=0", {}, {}};
  sent.headers = {{"Authorization", std::string("Bearer ") + testing::kAdminToken},
                  {"X-Gitferry-Client", "command-line"}};
  const auto changed = ask(sent);
  EXPECT_EQ(changed.code(), 0);
  const auto answer = api("GET", "/audit?repo_name=rover");
  ASSERT_EQ(answer.body["total"].asInt(), 2);
  const auto& change = answer.data()[0];
  EXPECT_EQ(names_of(change), (std::set<std::string>{"id", "at", "actor", "via", "action", "repo_name",
                                                     "branch", "before", "after", "request_id"}));
  EXPECT_EQ(change["actor"].asString(), "owner");
  EXPECT_EQ(change["via"].asString(), "command_line");
  EXPECT_EQ(change["action"].asString(), "set_repository_enabled");
  EXPECT_EQ(change["at"].asString(), "2026-09-21T14:13:20.000Z");
  EXPECT_TRUE(change["before"]["enable"].asBool());
  EXPECT_FALSE(change["after"]["enable"].asBool());
  EXPECT_NE(changed.text.find("X-Request-Id: " + change["request_id"].asString()), std::string::npos)
      << "the row leads to the request";
  EXPECT_EQ(answer.data()[1]["via"].asString(), "api");
  EXPECT_TRUE(answer.data()[1]["before"].isNull());
  EXPECT_EQ(api("GET", "/audit?repo_name=nobody").body["total"].asInt(), 0);
}

}  // namespace
}  // namespace gitferry::api

#include <algorithm>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/api/binding_fixture.h"

namespace gitferry::api {
namespace {

using testing::branch_body;

std::set<std::string> names_of(const Json::Value& object) {
  const auto names = object.getMemberNames();
  return {names.begin(), names.end()};
}

class BranchRoutesTest : public testing::BindingTest {
 protected:
  BranchRoutesTest() {
    RepositoryBinding robot;
    robot.name = "robot";
    robot.internal = testing::url(testing::internal_address("robot"));
    robot.external = testing::url(testing::external_address("robot"));
    robot.branches.push_back({"main", "trunk", true});
    file.repositories.emplace(robot.name, robot);
  }
  [[nodiscard]] Json::Value rows(const std::string& repository = "robot") const {
    return api("GET", "/" + repository + "/branch?create_sort=true").data();
  }
};

TEST_F(BranchRoutesTest, BindingAnswersWithTheIdThatTheListShows) {
  auto body = branch_body("release/1.x", "stable");
  body["repo_name"] = "ignored";
  const auto answer = submit("POST", "/robot/branch", body);
  EXPECT_EQ(answer.code(), 0);
  const auto& data = answer.data();
  EXPECT_EQ(names_of(data), (std::set<std::string>{"id", "created_at", "enable", "internal_branch_name",
                                                   "external_branch_name", "origin"}));
  EXPECT_GT(data["id"].asInt64(), 0);
  EXPECT_EQ(data["internal_branch_name"].asString(), "release/1.x");
  EXPECT_EQ(data["external_branch_name"].asString(), "stable");
  EXPECT_EQ(data["origin"].asString(), "api");

  const auto listed = api("GET", "/robot/branch");
  EXPECT_EQ(listed.code(), 0);
  EXPECT_EQ(listed.body["total"].asInt(), 2);
  const auto& row = listed.data()[0];
  EXPECT_EQ(row["id"], data["id"]) << "the newest first";
  EXPECT_EQ(names_of(row),
            (std::set<std::string>{"id", "created_at", "enable", "internal_branch_name",
                                   "external_branch_name", "origin", "file", "policy", "deletions", "status",
                                   "internal_tip", "external_tip", "in_sync", "last_success_at",
                                   "last_run_at", "next_retry_at", "code_status", "error", "reason"}));
  EXPECT_EQ(row["status"].asString(), "never_synced");
  EXPECT_FALSE(row["in_sync"].asBool());
  EXPECT_TRUE(row["code_status"].isNull());
  EXPECT_EQ(listed.data()[1]["origin"].asString(), "file");
}

TEST_F(BranchRoutesTest, TheListShowsWhatTheLastRunFound) {
  hosts.answer_with({Error{ErrorCode::Diverged, "push main", "merge first", {}}});
  start_sync();
  EXPECT_EQ(api("POST", "/robot/branch/main").code(), 20010);
  auto row = rows()[0];
  EXPECT_EQ(row["status"].asString(), "failed");
  EXPECT_EQ(row["code_status"].asInt(), 20010);
  EXPECT_EQ(row["error"].asString(), "diverged");
  EXPECT_NE(row["reason"].asString().find("push main"), std::string::npos);
  EXPECT_EQ(api("GET", "/repo").data()[0]["status"].asString(), "failed");
  EXPECT_EQ(api("POST", "/repo/robot").code(), 0);
  row = rows()[0];
  EXPECT_EQ(row["status"].asString(), "in_sync");
  EXPECT_EQ(row["code_status"].asInt(), 0);
  EXPECT_TRUE(row["reason"].isNull());
  EXPECT_FALSE(row["last_success_at"].isNull());
}

TEST_F(BranchRoutesTest, TipsStandAtTheirSideAlsoAfterASyncAgainstTheBinding) {
  const auto trunk = *ObjectId::from_hex(std::string(40, 'e'));
  for (const auto direction : {Direction::ToInter, Direction::ToOuter}) {
    const LaneMark mark{{"robot", "refs/heads/main", "refs/heads/trunk"}, direction};
    const auto marked = store->mark_lanes(std::vector{mark}, Trigger::Manual).value().marked.at(0);
    const auto lane = store->lane(marked.lane_id).value().value();
    RunEnd end;
    end.run_id = store->begin_run(lane, direction, to_epoch_ms(clock.now())).value();
    end.lane_id = lane.id;
    end.report.source_tip = trunk;
    end.report.error = Error{ErrorCode::Diverged, "push", {}, {}};
    end.done_seq = marked.seq;
    ASSERT_TRUE(store->finish_run(end));
    const auto row = rows()[0];
    const bool from_internal = direction == Direction::ToOuter;
    EXPECT_EQ(row[from_internal ? "internal_tip" : "external_tip"].asString(), trunk.hex());
    EXPECT_TRUE(row[from_internal ? "external_tip" : "internal_tip"].isNull());
  }
}

TEST_F(BranchRoutesTest, EnablingOfABranchOfTheFileIsAnOverride) {
  EXPECT_EQ(api("PUT", "/robot/branch/main", R"({"enable":"no"})").code(), 0);
  auto row = rows()[0];
  EXPECT_FALSE(row["enable"].asBool());
  EXPECT_EQ(row["origin"].asString(), "file+override");
  EXPECT_TRUE(row["file"]["enable"].asBool());
  EXPECT_EQ(row["status"].asString(), "disabled");
  EXPECT_EQ(api("PUT", "/robot/branch/main?enable=true").code(), 0);
  row = rows()[0];
  EXPECT_EQ(row["origin"].asString(), "file");
  EXPECT_TRUE(row["file"].isNull());
}

TEST_F(BranchRoutesTest, EnablingABranchNeverEnablesItsRepository) {
  ASSERT_EQ(api("PUT", "/repo/robot?enable=false").code(), 0);
  EXPECT_EQ(api("PUT", "/robot/branch/main?enable=true").code(), 0);
  EXPECT_FALSE(api("GET", "/repo?repo_name=robot").data()[0]["enable"].asBool());
  EXPECT_EQ(api("POST", "/robot/branch/main?wait=0").code(), 10006);
}

TEST_F(BranchRoutesTest, NamesAreThoseOfTheSourceSideAndCaseCounts) {
  bind_branch("robot", "Main", "main");
  EXPECT_EQ(api("PUT", "/robot/branch/trunk?enable=0").code(), 10012) << "external of an outward one";
  EXPECT_EQ(api("PUT", "/robot/branch/MAIN?enable=0").code(), 10012);
  auto body = testing::repository_body("inward");
  body["sync_direction"] = 2;
  ASSERT_EQ(submit("POST", "/repo", body).code(), 0);
  bind_branch("inward", "main", "trunk");
  bind_branch("inward", "copy", "trunk");
  EXPECT_EQ(api("DELETE", "/inward/branch/main").code(), 10012);
  EXPECT_EQ(api("PUT", "/inward/branch/trunk?enable=0").code(), 0);
  for (const auto& row : rows("inward")) EXPECT_FALSE(row["enable"].asBool()) << "all that match";
  EXPECT_EQ(api("DELETE", "/inward/branch/trunk").code(), 0);
  EXPECT_EQ(api("GET", "/inward/branch").code(), 10013);
}

TEST_F(BranchRoutesTest, ChecksComeInTheDocumentsOrder) {
  bind_whole("whole");
  EXPECT_EQ(submit("POST", "/nobody/branch", branch_body("-x", "main")).code(), 10020) << "names first";
  EXPECT_EQ(submit("POST", "/nobody/branch", branch_body("main", "main")).code(), 10010);
  EXPECT_EQ(submit("POST", "/whole/branch", branch_body("main", "main")).code(), 10004);
  EXPECT_EQ(submit("POST", "/robot/branch", branch_body("main", "trunk")).code(), 10003);
  EXPECT_EQ(submit("POST", "/robot/branch", branch_body("main", "other")).code(), 0) << "another pair";
  EXPECT_EQ(api("GET", "/nobody/branch?page_size=0").code(), 10020);
  EXPECT_EQ(api("GET", "/nobody/branch").code(), 10010);
  EXPECT_EQ(api("GET", "/whole/branch").code(), 10014);
  EXPECT_EQ(api("PUT", "/nobody/branch/gone").code(), 10020) << "enable is missing";
  EXPECT_EQ(api("PUT", "/nobody/branch/gone?enable=1").code(), 10010);
  EXPECT_EQ(api("PUT", "/robot/branch/gone?enable=1").code(), 10012);
  EXPECT_EQ(api("PUT", "/whole/branch/main?enable=1").code(), 10012);
  EXPECT_EQ(api("DELETE", "/nobody/branch/gone").code(), 10010);
  EXPECT_EQ(api("DELETE", "/whole/branch/main").code(), 10011);
  EXPECT_EQ(api("DELETE", "/robot/branch/gone").code(), 10012);
}

TEST_F(BranchRoutesTest, PagesNeitherRepeatNorSkipAndEndInNoData) {
  bind("rover");
  std::vector<std::string> bound;
  for (int i = 0; i < 11; ++i) {
    bound.push_back("b" + std::to_string(90 - i));
    bind_branch("rover", bound.back(), bound.back());
  }
  for (const bool ascending : {true, false}) {
    std::vector<std::string> seen;
    for (int page = 1; page <= 3; ++page) {
      const auto answer = api("GET", "/rover/branch?page_size=4&page_num=" + std::to_string(page) +
                                         "&create_sort=" + (ascending ? "t" : "f"));
      EXPECT_EQ(answer.body["total"].asInt(), 11);
      for (const auto& row : answer.data()) seen.push_back(row["internal_branch_name"].asString());
    }
    auto expected = bound;
    if (!ascending) std::reverse(expected.begin(), expected.end());
    EXPECT_EQ(seen, expected);
  }
  const auto past = api("GET", "/rover/branch?page_size=4&page_num=4");
  EXPECT_EQ(past.status, 200);
  EXPECT_EQ(past.code(), 10013);
  EXPECT_TRUE(past.body.isMember("data") && past.data().isNull());
}

TEST_F(BranchRoutesTest, OfClientsThatBindOnePairAtOnceOneSucceeds) {
  constexpr std::size_t kClients = 8;
  std::vector<int> codes(kClients);
  {
    std::vector<std::jthread> clients;
    for (std::size_t i = 0; i < kClients; ++i) {
      clients.emplace_back(
          [&, i] { codes[i] = submit("POST", "/robot/branch", branch_body("new", "new")).code(); });
    }
  }
  EXPECT_EQ(std::count(codes.begin(), codes.end(), 0), 1);
  EXPECT_EQ(std::count(codes.begin(), codes.end(), 10003), static_cast<std::ptrdiff_t>(kClients) - 1);
}

}  // namespace
}  // namespace gitferry::api

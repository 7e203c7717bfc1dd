#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "tests/api/binding_fixture.h"

namespace gitferry::api {
namespace {

class DeliveryRoutesTest : public testing::BindingTest {
 protected:
  void SetUp() override {
    BindingTest::SetUp();
    bind("robot");
    bind_branch("robot", "main", "trunk");
  }
  std::string recorded(const std::string& refs, std::optional<Side> side = Side::Internal,
                       Verdict verdict = Verdict::Ignored) {
    DeliveryRecord record;
    record.provider = "gitea";
    record.repository = "robot";
    record.side = side;
    record.event = "push";
    record.provider_delivery_id = "of-the-host";
    record.source_address = "192.0.2.7";
    record.verdict = verdict;
    record.reason = verdict == Verdict::Ignored ? "branch_not_bound" : "";
    record.refs = refs;
    record.body_sha256 = "00";
    record.body_bytes = 12;
    record.received_at_ms = to_epoch_ms(clock.now());
    return std::to_string(store->record_delivery(record, {}).value().delivery_id);
  }
  [[nodiscard]] testing::Answer replay(const std::string& id) const {
    return api("POST", "/deliveries/" + id + "/replay");
  }
};

const std::string kMain = R"([{"ref":"refs/heads/main","verdict":"ignored","reason":"branch_not_bound"}])";

TEST_F(DeliveryRoutesTest, AReplayRoutesTheRecordedRefsByTheBindingsOfNow) {
  const auto id = recorded(kMain);
  const auto answer = replay(id);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.code(), 0);
  EXPECT_EQ(answer.data()["verdict"].asString(), "accepted") << "it is bound by now";
  EXPECT_TRUE(answer.data()["reason"].isNull());
  EXPECT_EQ(answer.data()["refs"][0]["ref"].asString(), "refs/heads/main");
  EXPECT_EQ(answer.data()["refs"][0]["verdict"].asString(), "accepted");

  const auto listed = api("GET", "/deliveries");
  ASSERT_EQ(listed.body["total"].asInt(), 2);
  const auto& again = listed.data()[0];
  EXPECT_EQ(again["id"], answer.data()["delivery_id"]);
  EXPECT_EQ(std::to_string(again["replay_of"].asInt64()), id);
  EXPECT_EQ(again["side"].asString(), "internal");
  EXPECT_EQ(again["provider"].asString(), "gitea");
  EXPECT_EQ(again["event"].asString(), "push");
  EXPECT_EQ(again["provider_delivery_id"].asString(), "of-the-host");
  EXPECT_EQ(again["source_address"].asString(), "127.0.0.1") << "who asked for the replay";
  EXPECT_EQ(again["lane_ids"].size(), 1U);
  EXPECT_TRUE(listed.data()[1]["replay_of"].isNull());
  EXPECT_TRUE(api("GET", "/status").data()[0]["pending"].asBool());
}

TEST_F(DeliveryRoutesTest, AReplayOfAReplayWorksAsWell) {
  const auto first = replay(recorded(kMain)).data()["delivery_id"].asInt64();
  const auto second = replay(std::to_string(first));
  EXPECT_EQ(second.data()["verdict"].asString(), "accepted");
  EXPECT_EQ(api("GET", "/deliveries").data()[0]["replay_of"].asInt64(), first);
}

TEST_F(DeliveryRoutesTest, TheRecordedSideDecidesAndTheSourceSideWhereNoneWasRecorded) {
  const auto external = replay(recorded(kMain, Side::External));
  EXPECT_EQ(external.code(), 0);
  EXPECT_EQ(external.data()["verdict"].asString(), "ignored");
  EXPECT_EQ(external.data()["reason"].asString(), "not_a_source");
  EXPECT_EQ(replay(recorded(kMain, std::nullopt)).data()["verdict"].asString(), "accepted");
}

TEST_F(DeliveryRoutesTest, DeletionsStayIgnoredAndWhatNamesNoRefMarksNothing) {
  const auto deleted = replay(recorded(R"([{"ref":"refs/heads/main","deleted":true}])"));
  EXPECT_EQ(deleted.data()["reason"].asString(), "deletion_ignored");
  for (const auto* refs : {"[]", "", "damaged", "{}", "[1,null,[]]", R"([{"ref":1}])", R"([{"ref":"-x"}])"}) {
    const auto answer = replay(recorded(refs));
    EXPECT_EQ(answer.code(), 0) << refs << answer.text;
    EXPECT_EQ(answer.data()["verdict"].asString(), "ignored") << refs;
  }
  EXPECT_FALSE(api("GET", "/status").data()[0]["pending"].asBool());
}

TEST_F(DeliveryRoutesTest, WhatCannotBeReplayedIsToldAndRecordsNothing) {
  const auto id = recorded(kMain);
  EXPECT_EQ(replay("999").code(), 10013);
  for (const auto* bad : {"x", "-1", "1.0", "99999999999999999999", "%201"}) {
    const auto answer = replay(bad);
    EXPECT_EQ(answer.status, 400) << bad;
    EXPECT_EQ(answer.code(), 10020);
  }
  ASSERT_EQ(api("DELETE", "/repo/robot").code(), 0);
  const auto unbound = replay(id);
  EXPECT_EQ(unbound.code(), 10010);
  EXPECT_NE(unbound.detail().find("robot"), std::string::npos);
  EXPECT_EQ(api("GET", "/deliveries").body["total"].asInt(), 1);
}

TEST_F(DeliveryRoutesTest, ADisabledRepositorySaysSoInTheReplay) {
  ASSERT_EQ(api("PUT", "/repo/robot?enable=0").code(), 0);
  EXPECT_EQ(replay(recorded(kMain)).data()["reason"].asString(), "repository_disabled");
}

TEST_F(DeliveryRoutesTest, TheListIsFilteredByRepositoryAndVerdict) {
  recorded(kMain);
  recorded(kMain, Side::Internal, Verdict::Accepted);
  EXPECT_EQ(api("GET", "/deliveries?verdict=accepted").body["total"].asInt(), 1);
  EXPECT_EQ(api("GET", "/deliveries?verdict=ignored&repo_name=robot").body["total"].asInt(), 1);
  EXPECT_EQ(api("GET", "/deliveries?repo_name=nobody").body["total"].asInt(), 0);
  EXPECT_EQ(api("GET", "/deliveries").body["total"].asInt(), 2);
}

class LogsTest : public testing::BindingTest {
 protected:
  void SetUp() override {
    BindingTest::SetUp();
    for (const auto* name : {"robot", "rover", "quiet"}) {
      bind(name);
      bind_branch(name, "main", "main");
    }
    bind_branch("robot", "dev", "dev");
    start_sync();
    for (int i = 0; i < 3; ++i) {
      ASSERT_EQ(api("POST", "/repo/robot").code(), 0);
      ASSERT_EQ(api("POST", "/repo/rover").code(), 0);
    }
  }
  [[nodiscard]] std::string id_of(const std::string& repository, const std::string& branch) const {
    for (const auto& row : api("GET", "/" + repository + "/branch").data()) {
      if (row["internal_branch_name"].asString() == branch) return std::to_string(row["id"].asInt64());
    }
    return "";
  }
};

TEST_F(LogsTest, BothFormsTakeRepositoriesAndBranchIds) {
  const auto total = [&](const std::string& path) { return api("GET", path).body["total"].asInt(); };
  EXPECT_EQ(total("/repo/robot/logs"), 6);
  EXPECT_EQ(total("/repo/logs?repo_name=robot"), 6);
  EXPECT_EQ(total("/repo/logs?repo_name=robot,rover"), 9);
  EXPECT_EQ(total("/repo/logs"), 9);
  const auto main = id_of("robot", "main");
  EXPECT_EQ(total("/repo/robot/logs?branch_id=" + main), 3);
  EXPECT_EQ(total("/repo/robot/logs?branch_id=" + main + "," + id_of("robot", "dev")), 6);
  EXPECT_EQ(total("/repo/logs?branch_id=" + main + "," + id_of("rover", "main")), 6);
  EXPECT_EQ(total("/repo/logs?repo_name=rover&branch_id=" + main + "," + id_of("rover", "main")), 3);
}

TEST_F(LogsTest, IdsOfOtherRepositoriesAreToldApartFromLogsThatAreEmpty) {
  const auto foreign = api("GET", "/repo/robot/logs?branch_id=" + id_of("rover", "main"));
  EXPECT_EQ(foreign.status, 200);
  EXPECT_EQ(foreign.code(), 10015);
  EXPECT_TRUE(foreign.data().isArray());
  EXPECT_EQ(foreign.data().size(), 0U);
  EXPECT_EQ(api("GET", "/repo/logs?branch_id=99999").code(), 10015);
  EXPECT_EQ(api("GET", "/repo/logs?repo_name=rover,quiet&branch_id=" + id_of("robot", "main")).code(), 10015);
  const auto empty = api("GET", "/repo/quiet/logs?branch_id=" + id_of("quiet", "main"));
  EXPECT_EQ(empty.code(), 0) << "it belongs, and has not run yet";
  EXPECT_EQ(empty.data().size(), 0U);
  const auto dev = id_of("robot", "dev");
  ASSERT_EQ(api("DELETE", "/robot/branch/dev").code(), 0);
  EXPECT_EQ(api("GET", "/repo/robot/logs?branch_id=" + dev).body["total"].asInt(), 3)
      << "the log of an unbound branch is kept";
  const auto past = api("GET", "/repo/robot/logs?page_num=9&branch_id=" + dev);
  EXPECT_EQ(past.code(), 0);
  EXPECT_EQ(past.data().size(), 0U);
  EXPECT_EQ(past.body["total"].asInt(), 3);
}

TEST_F(LogsTest, PagesNeitherRepeatNorSkipWhereAllRunsBeganAtOnce) {
  for (const std::string list : {"/repo/logs", "/status", "/audit"}) {
    const auto whole = api("GET", list + "?page_size=100&create_sort=true");
    const auto total = whole.body["total"].asInt();
    ASSERT_EQ(whole.data().size(), static_cast<Json::ArrayIndex>(total)) << list;
    Json::Value pages(Json::arrayValue);
    for (int page = 1; page <= total / 2 + 1; ++page) {
      const auto answer = api("GET", list + "?page_size=2&create_sort=true&page_num=" + std::to_string(page));
      EXPECT_EQ(answer.body["total"].asInt(), total);
      for (const auto& row : answer.data()) pages.append(row);
    }
    EXPECT_EQ(pages, whole.data()) << list;
  }
}

}  // namespace
}  // namespace gitferry::api

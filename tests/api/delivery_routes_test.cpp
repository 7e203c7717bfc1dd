#include <optional>
#include <string>
#include <vector>

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

/// As an organisation's hook brings it.
DeliveryRecord record_of_organisation() {
  DeliveryRecord record;
  record.provider = "gitlab";
  record.hook = "gitlab:group-a";
  record.request_id = "request-1";
  record.repository = "robot";
  record.named_repository = "acme/robot";
  record.signed_id = "msg_1";
  record.side = Side::Internal;
  record.event = "Push Hook";
  record.provider_delivery_id = "of-the-host";
  record.source_address = "192.0.2.7";
  record.verdict = Verdict::Accepted;
  record.refs = R"([{"ref":"refs/heads/main","verdict":"accepted","reason":""}])";
  record.body_sha256 = std::string(64, 'b');
  record.body_bytes = 12;
  record.received_at_ms = 1'700'000'000'042;
  return record;
}

const std::vector<LaneMark> kMainMark{{{"robot", "refs/heads/main", "refs/heads/trunk"}, Direction::ToOuter}};

TEST_F(DeliveryRoutesTest, OneDeliveryTellsEverything) {
  const auto id = store->record_delivery(record_of_organisation(), kMainMark).value().delivery_id;
  const auto answer = api("GET", "/deliveries/" + std::to_string(id));
  ASSERT_EQ(answer.code(), 0) << answer.text;
  const auto& row = answer.data();
  EXPECT_EQ(row["id"].asInt64(), id);
  EXPECT_EQ(row["request_id"].asString(), "request-1");
  EXPECT_EQ(row["repo_name"].asString(), "robot");
  EXPECT_EQ(row["named_repository"].asString(), "acme/robot");
  EXPECT_EQ(row["provider"].asString(), "gitlab");
  EXPECT_EQ(row["hook"].asString(), "gitlab:group-a");
  EXPECT_EQ(row["side"].asString(), "internal");
  EXPECT_EQ(row["event"].asString(), "Push Hook");
  EXPECT_EQ(row["signed"], Json::Value(true));
  EXPECT_EQ(row["provider_delivery_id"].asString(), "of-the-host");
  EXPECT_EQ(row["source_address"].asString(), "192.0.2.7");
  EXPECT_EQ(row["verdict"].asString(), "accepted");
  EXPECT_EQ(row["refs"][0]["ref"].asString(), "refs/heads/main");
  EXPECT_EQ(row["body_sha256"].asString(), std::string(64, 'b'));
  EXPECT_EQ(row["body_bytes"].asInt(), 12);
  EXPECT_EQ(row["received_at"].asString(), "2023-11-14T22:13:20.042Z");
  for (const auto* unset : {"reason", "duplicate_of", "same_body_as", "replay_of"}) {
    EXPECT_TRUE(row.isMember(unset) && row[unset].isNull()) << unset;
  }
  ASSERT_EQ(row["lanes"].size(), 1U);
  EXPECT_EQ(row["lanes"][0]["lane_id"], row["lane_ids"][0]);
  for (const auto* unset : {"run_id", "run_state", "code_status"}) {
    EXPECT_TRUE(row["lanes"][0].isMember(unset) && row["lanes"][0][unset].isNull()) << unset;
  }
  EXPECT_EQ(row, api("GET", "/deliveries").data()[0]) << "as in the list";
  EXPECT_EQ(answer.text.find("msg_1"), std::string::npos) << "the id of a proof is shown to nobody";

  EXPECT_EQ(api("GET", "/deliveries/999").code(), 10013);
  for (const auto* bad : {"x", "-1", "1.0", "99999999999999999999"}) {
    EXPECT_EQ(api("GET", std::string("/deliveries/") + bad).status, 400) << bad;
  }
}

TEST_F(DeliveryRoutesTest, ADuplicateNamesTheFirstAndTheRunThatFollowedIsShown) {
  const auto first = store->record_delivery(record_of_organisation(), kMainMark).value();
  const auto second = store->record_delivery(record_of_organisation(), kMainMark).value();
  hosts.set_branches("https://git.corp.example", {{"refs/heads/main", 'b'}});
  start_sync();
  ASSERT_EQ(api("POST", "/robot/branch/main").code(), 0);

  const auto listed = api("GET", "/deliveries?verdict=duplicate&repo_name=robot");
  ASSERT_EQ(listed.body["total"].asInt(), 1);
  const auto& duplicate = listed.data()[0];
  EXPECT_EQ(duplicate["id"].asInt64(), second.delivery_id);
  EXPECT_EQ(duplicate["duplicate_of"].asInt64(), first.delivery_id);
  EXPECT_EQ(duplicate["same_body_as"].asInt64(), first.delivery_id);
  EXPECT_EQ(duplicate["reason"].asString(), "same_signed_id");
  EXPECT_EQ(duplicate["lanes"].size(), 0U);
  const auto answer = api("GET", "/deliveries/" + std::to_string(first.delivery_id));
  const auto& lane = answer.data()["lanes"][0];
  EXPECT_EQ(lane["run_state"].asString(), "finished") << answer.text;
  EXPECT_EQ(lane["code_status"], Json::Value(0));
  const auto logs = api("GET", "/repo/robot/logs?create_sort=true");
  EXPECT_EQ(logs.data()[0]["id"], lane["run_id"]);
}

TEST_F(DeliveryRoutesTest, AReplayIsNeverADuplicateAndKeepsTheHook) {
  const auto first = store->record_delivery(record_of_organisation(), kMainMark).value().delivery_id;
  const auto duplicate = store->record_delivery(record_of_organisation(), kMainMark).value().delivery_id;
  for (const auto id : {first, duplicate}) {
    const auto answer = replay(std::to_string(id));
    ASSERT_EQ(answer.code(), 0) << answer.text;
    EXPECT_EQ(answer.data()["verdict"].asString(), "accepted");
    const auto row = api("GET", "/deliveries").data()[0];
    EXPECT_EQ(row["replay_of"].asInt64(), id);
    EXPECT_EQ(row["hook"].asString(), "gitlab:group-a");
    EXPECT_EQ(row["named_repository"].asString(), "acme/robot");
    EXPECT_EQ(row["signed"], Json::Value(false));
    EXPECT_TRUE(row["duplicate_of"].isNull());
    EXPECT_TRUE(row["same_body_as"].isNull());
    EXPECT_EQ(row["lanes"].size(), 1U);
  }
}

TEST_F(DeliveryRoutesTest, WhatReachedNoBindingOrWasRefusedHasNothingToReplay) {
  auto record = record_of_organisation();
  record.repository.clear();
  record.side.reset();
  record.verdict = Verdict::Ignored;
  record.reason = "not_bound";
  const auto unbound = std::to_string(store->record_delivery(record, {}).value().delivery_id);
  record.verdict = Verdict::Refused;
  record.reason = "other_repository";
  const auto refused = std::to_string(store->record_delivery(record, {}).value().delivery_id);
  EXPECT_TRUE(api("GET", "/deliveries/" + unbound).data()["repo_name"].isNull());
  EXPECT_EQ(replay(unbound).code(), 10010);
  EXPECT_NE(replay(unbound).detail().find("reached no binding"), std::string::npos);
  EXPECT_EQ(replay(refused).code(), 10013);
  EXPECT_NE(replay(refused).detail().find("other_repository"), std::string::npos);
  EXPECT_EQ(api("GET", "/deliveries").body["total"].asInt(), 2) << "nothing new";
}

TEST_F(DeliveryRoutesTest, PagesWithFiltersNeitherRepeatNorSkip) {
  for (int i = 0; i < 12; ++i) {
    auto record = record_of_organisation();
    record.signed_id.clear();
    record.verdict = i % 3 == 0 ? Verdict::Refused : Verdict::Ignored;
    record.repository = i % 2 == 0 ? "robot" : "";
    store->record_delivery(record, {}).value();
  }
  for (const std::string filter :
       {"verdict=refused", "verdict=ignored", "repo_name=robot", "repo_name=robot&verdict=ignored",
        "verdict=accepted", "repo_name=nobody"}) {
    const auto list = "/deliveries?" + filter + "&create_sort=true";
    const auto whole = api("GET", list + "&page_size=100");
    ASSERT_EQ(whole.data().size(), static_cast<Json::ArrayIndex>(whole.body["total"].asInt())) << filter;
    Json::Value pages(Json::arrayValue);
    for (int page = 1; page <= 5; ++page) {
      const auto answer = api("GET", list + "&page_size=3&page_num=" + std::to_string(page));
      EXPECT_EQ(answer.body["total"], whole.body["total"]);
      for (const auto& row : answer.data()) pages.append(row);
    }
    EXPECT_EQ(pages, whole.data()) << filter;
  }
  EXPECT_EQ(api("GET", "/deliveries?verdict=refused").body["total"].asInt(), 4);
  EXPECT_EQ(api("GET", "/deliveries?repo_name=robot&verdict=ignored").body["total"].asInt(), 4);
  EXPECT_EQ(api("GET", "/deliveries?verdict=dropped").status, 400);
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

TEST_F(DeliveryRoutesTest, AreSearched) {
  recorded(kMain);
  recorded(R"([{"ref":"refs/heads/dev"}])", Side::Internal, Verdict::Accepted);
  EXPECT_EQ(api("GET", "/deliveries?search=MAIN").body["total"].asInt(), 1);
  EXPECT_EQ(api("GET", "/deliveries?search=heads&verdict=accepted").body["total"].asInt(), 1);
  EXPECT_EQ(api("GET", "/deliveries?search=robot").body["total"].asInt(), 2);
  EXPECT_EQ(api("GET", "/deliveries?search=nowhere").body["total"].asInt(), 0);
  EXPECT_EQ(api("GET", "/deliveries?search=%00").status, 400);
}

}  // namespace
}  // namespace gitferry::api

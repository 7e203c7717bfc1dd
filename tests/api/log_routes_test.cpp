#include <algorithm>
#include <string>
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

using LogRoutesTest = ApiTest;

TEST_F(LogRoutesTest, LogsHaveTheDocumentsFieldsAndOurs) {
  RunRow run;
  run.id = 7;
  run.branch_id = 3;
  run.lane_id = 5;
  run.key = {"github", "refs/heads/main", "refs/heads/stable"};
  run.state = RunState::Finished;
  run.plan = "fast_forward";
  run.source_tip = "89abcdef0123456789abcdef0123456789abcdef";
  run.target_tip_before = std::string(40, '1');
  run.target_tip_after = run.source_tip;
  run.delivery_id = 12;
  run.pack_bytes = 345;
  run.total_us = 12'999;
  run.text = "pushed \xff";
  run.started_at_ms = 1'700'000'000'000;  // 2023-11-14T22:13:20Z
  run.finished_at_ms = 1'700'000'001'500;
  world.store.run_rows = {run};

  const auto answer =
      json("GET", "/cerobot/sync/repo/github/logs?page_num=2&page_size=5&branch_id=1,2,%203&create_sort=yes");
  EXPECT_EQ(answer["code_status"].asInt(), 0);
  EXPECT_EQ(answer["total"].asInt(), 1);
  const auto& row = answer["data"][0];
  EXPECT_EQ(row["id"].asInt(), 7);
  EXPECT_EQ(row["branch_id"].asInt(), 3);
  EXPECT_EQ(row["repo_name"].asString(), "github");
  EXPECT_EQ(row["commit_id"].asString(), "89abcde");
  EXPECT_EQ(row["sync_direct"].asString(), "to_outer");
  EXPECT_EQ(row["log"].asString(), "pushed ?");
  EXPECT_EQ(row["created_at"].asString(), "2023-11-15 06:13:20");
  EXPECT_EQ(row["update_at"].asString(), "2023-11-15 06:13:21");
  EXPECT_EQ(row["state"].asString(), "finished");
  EXPECT_EQ(row["plan"].asString(), "fast_forward");
  EXPECT_EQ(row["trigger"].asString(), "webhook");
  EXPECT_EQ(row["delivery_id"].asInt(), 12);
  EXPECT_TRUE(row["error"].isNull());
  EXPECT_EQ(row["duration_ms"].asInt(), 12);
  EXPECT_EQ(row["pack_bytes"].asInt(), 345);
  EXPECT_EQ(row["internal_ref"].asString(), "refs/heads/main");
  EXPECT_EQ(row["started_at"].asString().substr(0, 19), "2023-11-14T22:13:20");

  EXPECT_EQ(world.store.last_filter.repositories, std::vector<std::string>{"github"});
  EXPECT_EQ(world.store.last_filter.branch_ids, (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_EQ(world.store.last_page.number, 2);
  EXPECT_EQ(world.store.last_page.size, 5);
  EXPECT_TRUE(world.store.last_page.ascending);
}

TEST_F(LogRoutesTest, LogsTakeDefaultsAndRefuseBadParametersByName) {
  EXPECT_EQ(json("GET", "/cerobot/sync/repo/github/logs")["code_status"].asInt(), 0);
  EXPECT_EQ(world.store.last_page.number, 1);
  EXPECT_EQ(world.store.last_page.size, 10);
  EXPECT_FALSE(world.store.last_page.ascending);
  EXPECT_EQ(json("GET", "/cerobot/sync/repo/nobody/logs")["code_status"].asInt(), 10010);
  for (const auto& bad : {"branch_id=x"s, "branch_id=1,,2"s, "branch_id=-1"s, "page_num=0"s, "page_num=x"s,
                          "page_size=0"s, "page_size=101"s, "page_size=1.5"s, "create_sort=maybe"s}) {
    const auto answer = ask("GET", "/cerobot/sync/repo/github/logs?" + bad);
    EXPECT_EQ(status_of(answer), 400) << bad;
    const auto body = json_of(body_of(answer));
    EXPECT_EQ(body["code_status"].asInt(), 10020);
    EXPECT_NE(body["detail"].asString().find(bad.substr(0, bad.find('='))), std::string::npos) << bad;
  }
  EXPECT_EQ(status_of(ask("GET", "/cerobot/sync/repo/github/logs?page_num=1&page_num=2")), 400);
}

TEST_F(LogRoutesTest, DeliveriesShowTheirRefs) {
  DeliveryRow delivery;
  delivery.id = 4;
  delivery.record.repository = "github";
  delivery.record.provider = "github";
  delivery.record.event = "push";
  delivery.record.verdict = Verdict::Accepted;
  delivery.record.refs = R"([{"ref":"refs/heads/main","verdict":"marked","reason":""}])";
  delivery.lanes = {{9}};
  world.store.delivery_rows = {delivery};
  const auto row = json("GET", "/cerobot/sync/deliveries?repo_name=github")["data"][0];
  EXPECT_EQ(row["verdict"].asString(), "accepted");
  EXPECT_EQ(row["refs"][0]["ref"].asString(), "refs/heads/main");
  EXPECT_EQ(row["lane_ids"][0].asInt(), 9);
  EXPECT_EQ(world.store.last_filter.repositories, std::vector<std::string>{"github"});
}

TEST_F(LogRoutesTest, StatusTellsWhichHostIsWaitedFor) {
  LaneRow lane;
  lane.id = 4;
  lane.key = {"github", "refs/heads/main", "refs/heads/main"};
  world.store.lane_rows = {lane};
  const auto waits_for = [&] {
    return json("GET", "/cerobot/sync/status?repo_name=github")["data"][0]["waits_for_host"];
  };
  world.sync.resting = {"elsewhere.example.com", world.sync.bindings->find("github")->external.host_key()};
  EXPECT_TRUE(waits_for().isNull()) << "nothing is to be done";
  world.store.lane_rows.front().requested_seq = 1;
  EXPECT_EQ(waits_for().asString(), world.sync.resting.back());
  EXPECT_EQ(json("GET", "/readyz?verbose")["checks"]["git_hosts"].asString(), "2 not answering");
  world.sync.resting = {"elsewhere.example.com"};
  EXPECT_TRUE(waits_for().isNull());
}

TEST_F(LogRoutesTest, StatusTellsHowFarATransferIs) {
  LaneRow running;
  running.id = 4;
  running.key = {"github", "refs/heads/main", "refs/heads/main"};
  world.store.lane_rows = {running};
  world.sync.running_lane = running.id;
  world.sync.progress = ProgressView{};
  const auto progress = [&] {
    return json("GET", "/cerobot/sync/status?repo_name=github")["data"][0]["progress"];
  };
  EXPECT_EQ(progress()["phase"].asString(), "listing");
  for (const auto* unknown : {"objects_done", "objects_total", "remaining_seconds"}) {
    EXPECT_TRUE(progress().isMember(unknown) && progress()[unknown].isNull()) << unknown;
  }
  world.sync.progress = ProgressView{
      TransferPhase::Waiting, 3, 4, 5, 6, 7, 2, std::chrono::milliseconds(9'999), std::chrono::seconds(11)};
  const auto row = progress();
  EXPECT_EQ(row["phase"].asString(), "waiting");
  EXPECT_EQ(row["objects_done"].asInt(), 3);
  EXPECT_EQ(row["objects_total"].asInt(), 4);
  EXPECT_EQ(row["bytes_received"].asInt(), 5);
  EXPECT_EQ(row["bytes_sent"].asInt(), 6);
  EXPECT_EQ(row["bytes_per_second"].asInt(), 7);
  EXPECT_EQ(row["refs_in_transfer"].asInt(), 2);
  EXPECT_EQ(row["elapsed_seconds"].asInt(), 9);
  EXPECT_EQ(row["remaining_seconds"].asInt(), 11);
}

TEST_F(LogRoutesTest, StatusTellsWhetherALaneIsInSync) {
  LaneRow good;
  good.id = 1;
  good.key = {"github", "refs/heads/main", "refs/heads/main"};
  good.source_tip = good.target_tip = std::string(40, 'a');
  good.requested_seq = good.done_seq = 2;
  good.last_success_at_ms = good.last_run_at_ms = 1'700'000'000'000;
  LaneRow failing = good;
  failing.id = 2;
  failing.key.repository = "gitea";
  failing.requested_seq = 3;
  failing.attempts = 2;
  failing.next_attempt_at_ms = 1'700'000'009'000;
  failing.last_code_status = 20004;
  failing.last_error = "timeout";
  failing.last_text = "connect to x: timed out";
  failing.quarantined = true;
  world.store.lane_rows = {good, failing};

  const auto all = json("GET", "/cerobot/sync/status")["data"];
  ASSERT_EQ(all.size(), webhook_kinds().size()) << "every bound branch, also those never synced";
  const auto row_of = [&](const std::string& name) {
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const Json::Value& row) { return row["repo_name"] == name; });
    return found == all.end() ? Json::Value() : *found;
  };
  const auto bad = row_of("gitea");
  const auto fine = row_of("github");
  EXPECT_TRUE(fine["in_sync"].asBool());
  EXPECT_FALSE(fine["pending"].asBool());
  EXPECT_TRUE(fine["next_retry_at"].isNull());
  EXPECT_EQ(fine["internal_branch_name"].asString(), "main");
  EXPECT_EQ(fine["status"].asString(), "in_sync");
  EXPECT_TRUE(fine["enabled"].asBool());
  EXPECT_FALSE(bad["in_sync"].asBool());
  EXPECT_TRUE(bad["pending"].asBool());
  EXPECT_TRUE(bad["quarantined"].asBool());
  EXPECT_EQ(bad["status"].asString(), "quarantined");
  EXPECT_EQ(bad["reason"].asString(), "connect to x: timed out");
  EXPECT_EQ(bad["next_retry_at"].asString().substr(0, 19), "2023-11-14T22:13:29");
  const auto never = row_of("gitlab");
  EXPECT_EQ(never["status"].asString(), "never_synced");
  for (const auto* unknown : {"id", "source_tip", "target_tip", "code_status", "last_run_at", "reason"}) {
    EXPECT_TRUE(never.isMember(unknown) && never[unknown].isNull()) << unknown;
  }
  EXPECT_TRUE(fine.isMember("progress") && fine["progress"].isNull());
  EXPECT_EQ(json("GET", "/cerobot/sync/status?repo_name=gitea")["data"].size(), 1U);
  EXPECT_EQ(json("GET", "/cerobot/sync/status?page_size=2&page_num=8")["data"].size(), 1U);
  EXPECT_EQ(json("GET", "/cerobot/sync/status?repo_name=nobody")["code_status"].asInt(), 10010);
}

TEST_F(LogRoutesTest, StatusIsFilteredAndCounted) {
  LaneRow good;
  good.id = 1;
  good.key = {"gitea", "refs/heads/main", "refs/heads/main"};
  good.requested_seq = good.done_seq = 1;
  good.last_run_at_ms = good.last_success_at_ms = 1'700'000'000'000;
  LaneRow diverged = good;
  diverged.id = 2;
  diverged.key.repository = "github";
  diverged.last_error = "diverged";
  diverged.last_code_status = 20010;
  world.store.lane_rows = {good, diverged};
  const auto status = [&](const std::string& query) { return json("GET", "/cerobot/sync/status" + query); };
  const auto all = static_cast<int>(webhook_kinds().size());

  EXPECT_FALSE(status("").isMember("counts"));
  const auto counts = status("?counts=true&state=diverged")["counts"];
  EXPECT_EQ(counts["in_sync"].asInt(), 1);
  EXPECT_EQ(counts["diverged"].asInt(), 1);
  EXPECT_EQ(counts["failed"].asInt(), 0);
  EXPECT_EQ(counts["never_synced"].asInt(), all - 2);
  EXPECT_EQ(status("?counts=true")["total"].asInt(), all);
  EXPECT_EQ(status("?state=diverged")["total"].asInt(), 1);
  EXPECT_EQ(status("?state=diverged")["data"][0]["repo_name"].asString(), "github");
  EXPECT_EQ(status("?state=in_sync,%20diverged")["total"].asInt(), 2);
  EXPECT_EQ(status("?search=GITE&state=in_sync")["total"].asInt(), 1);
  EXPECT_EQ(status("?search=nowhere")["total"].asInt(), 0);
  EXPECT_EQ(status("?repo_name=gitea&state=diverged")["total"].asInt(), 0);
  for (const auto* bad : {"state=sideways", "state=failed,", "counts=maybe", "search=%00"}) {
    const auto answer = ask("GET", "/cerobot/sync/status?"s + bad);
    EXPECT_EQ(status_of(answer), 400) << bad;
  }
  EXPECT_EQ(status("?repo_name=nobody&counts=true")["code_status"].asInt(), 10010);
}

TEST_F(LogRoutesTest, AStatusThatIsKnownIsNotSentAgain) {
  const auto get = [&](const std::string& known, const std::string& language = "en") {
    return ask(testing::Sent{"GET",
                             "/cerobot/sync/status",
                             {{"Authorization", "Bearer "s + testing::kReadToken},
                              {"Accept-Language", language},
                              {"If-None-Match", known}},
                             {}});
  };
  const auto tag_of = [](const std::string& answer) {
    const auto at = answer.find("ETag: ");
    return at == std::string::npos ? "" : answer.substr(at + 6, answer.find("\r\n", at) - at - 6);
  };
  const auto first = get("\"none\"");
  EXPECT_EQ(status_of(first), 200);
  const auto tag = tag_of(first);
  ASSERT_EQ(tag.size(), 34U) << first;
  const auto again = get(tag);
  EXPECT_EQ(status_of(again), 304);
  EXPECT_EQ(tag_of(again), tag);
  EXPECT_TRUE(body_of(again).empty());
  EXPECT_NE(again.find("Cache-Control: no-store"), std::string::npos) << "nothing of it is kept on a disk";
  EXPECT_EQ(status_of(get(tag, "zh")), 200) << "another language is another answer";

  LaneRow changed;
  changed.id = 4;
  changed.key = {"github", "refs/heads/main", "refs/heads/main"};
  changed.requested_seq = 1;
  world.store.lane_rows = {changed};
  EXPECT_EQ(status_of(get(tag)), 200);
  EXPECT_EQ(status_of(ask("GET", "/cerobot/sync/status?repo_name=nobody")), 200);
}

RunRow finished_run(std::int64_t id) {
  RunRow run;
  run.id = id;
  run.lane_id = 5;
  run.key = {"github", "refs/heads/main", "refs/heads/main"};
  run.state = RunState::Finished;
  run.plan = "fast_forward";
  run.started_at_ms = 1'700'000'000'000;
  run.finished_at_ms = 1'700'000'001'000;
  return run;
}

/// `listing 10, proving 20`: the phases of a run in one line.
std::string phases_of(const Json::Value& run) {
  std::string line;
  for (const auto& phase : run["phases"]) {
    if (!line.empty()) line += ", ";
    line += phase["phase"].asString() + " " + std::to_string(phase["duration_us"].asInt());
  }
  return line;
}

TEST_F(LogRoutesTest, ARunTellsWhereItsTimeWent) {
  struct Case {
    std::int64_t listing, first_byte, sent, total;
    const char* phases;
  };
  for (const auto& [listing, first_byte, sent, total, phases] :
       std::vector<Case>{{10, 30, 60, 100, "listing 10, proving 20, sending 30, waiting 40"},
                         {10, 0, 0, 25, "listing 10, proving 15"},
                         {25, 0, 0, 25, "listing 25"},
                         {0, 0, 0, 25, "listing 25"},
                         {10, 30, 0, 100, "listing 10, proving 20, sending 70"},
                         {0, 0, 0, 0, ""}}) {
    auto run = finished_run(7);
    run.listing_us = listing;
    run.first_byte_us = first_byte;
    run.sent_us = sent;
    run.total_us = total;
    world.store.run_rows = {run};
    EXPECT_EQ(phases_of(json("GET", "/cerobot/sync/runs/7")["data"]), phases);
    EXPECT_EQ(phases_of(json("GET", "/cerobot/sync/repo/logs")["data"][0]), phases);
  }
}

TEST_F(LogRoutesTest, ARunThatGoesOnTellsHowFarItIs) {
  auto run = finished_run(7);
  world.sync.running_lane = 5;
  world.sync.progress = ProgressView{TransferPhase::Sending, 1, 3, 10, 20, 30, 1, {}, {}};
  world.store.run_rows = {run};
  EXPECT_TRUE(json("GET", "/cerobot/sync/runs/7")["data"]["progress"].isNull()) << "the lane runs again";
  world.store.run_rows[0].state = RunState::Running;
  const auto data = json("GET", "/cerobot/sync/runs/7")["data"];
  EXPECT_EQ(data["progress"]["phase"].asString(), "sending");
  EXPECT_EQ(data["phases"].size(), 0U);
  EXPECT_EQ(json("GET", "/cerobot/sync/runs/8")["code_status"].asInt(), 10013);
  for (const auto* bad : {"x", "-1", "1.0", "99999999999999999999"})
    EXPECT_EQ(status_of(ask("GET", "/cerobot/sync/runs/"s + bad)), 400) << bad;
}

TEST_F(LogRoutesTest, StatusShowsTheLastRunsWhereTheyAreAskedFor) {
  LaneRow good;
  good.id = 1;
  good.key = {"github", "refs/heads/main", "refs/heads/main"};
  good.last_run_at_ms = good.last_success_at_ms = 1'700'000'000'000;
  world.store.lane_rows = {good};
  RunMark nothing{9, RunState::Finished, "nothing", 0, 1'700'000'060'000, 1'700'000'061'000};
  RunMark pushed{8, RunState::Finished, "create", 0, 1'700'000'000'000, 1'700'000'001'000};
  RunMark failed{7, RunState::Finished, "refuse", 20010, 1, 2};
  RunMark broken{6, RunState::Interrupted, "", 0, 1, 2};
  world.store.run_marks[1] = {nothing, pushed, failed, broken};
  const auto row = [&](const std::string& query) {
    return json("GET", "/cerobot/sync/status?repo_name=github" + query)["data"][0];
  };
  EXPECT_FALSE(row("").isMember("recent_runs"));
  EXPECT_FALSE(row("&runs=0").isMember("since"));
  const auto shown = row("&runs=50");
  std::string outcomes;
  for (const auto& run : shown["recent_runs"])
    outcomes += std::to_string(run["id"].asInt()) + " " + run["outcome"].asString() + " ";
  EXPECT_EQ(outcomes, "9 nothing 8 pushed 7 failed 6 interrupted ");
  EXPECT_EQ(shown["since"].asString().substr(0, 19), "2023-11-14T22:13:21");
  EXPECT_EQ(shown["since_exact"], Json::Value(true));
  const auto one = row("&runs=1");
  EXPECT_EQ(one["recent_runs"].size(), 1U);
  EXPECT_EQ(one["since_exact"], Json::Value(false));
  const auto never = json("GET", "/cerobot/sync/status?repo_name=gitlab&runs=5")["data"][0];
  EXPECT_TRUE(never["since"].isNull());
  EXPECT_EQ(never["recent_runs"].size(), 0U);
  for (const auto* bad : {"runs=51", "runs=-1", "runs=x"})
    EXPECT_EQ(status_of(ask("GET", "/cerobot/sync/status?"s + bad)), 400) << bad;
}

}  // namespace
}  // namespace gitferry::api

#include "agent/daemon/server_tables.h"

#include <gtest/gtest.h>

namespace gitferry::daemon {
namespace {

constexpr std::int64_t kNow = 1'700'000'000'000;
const std::string kOne(40, '1');
const std::string kTwo(40, '2');

TEST(StatusTable, SaysHowEachBranchStandsAndWhy) {
  const std::vector<api::StatusLine> lines{
      {"robot", "main", "main", "in_sync", kOne, kOne, "", "", kNow - 180'000, 0},
      {"robot", "release/1.x", "stable", "failed", kTwo, kOne, "diverged",
       "internal release/1.x -> external stable: refuse\nthe target has other commits; merge them\nremote: "
       "no",
       0, 0},
      {"robot", "dev", "dev", "retrying", "", "", "timeout", "dev: undecided\ntimed out", 0, kNow + 12'000},
      {"robot", "old", "old", "never_synced", "", "", "", "", 0, 0}};
  EXPECT_EQ(status_table(lines, kNow),
            "REPOSITORY  INTERNAL     EXTERNAL  STATUS        SOURCE   TARGET   LAST SUCCESS  REASON\n"
            "robot       main         main      in_sync       1111111  1111111  3 m ago\n"
            "robot       release/1.x  stable    failed        2222222  1111111  never         "
            "the target has other commits; merge them\n"
            "robot       dev          dev       retrying      -        -        never         "
            "retry in 12 s: timed out\n"
            "robot       old          old       never_synced  -        -        never\n");
}

TEST(StatusTable, ShowsHowFarATransferIs) {
  api::StatusLine line{"r", "a", "a", "pending", "", "", "timeout", "a: undecided\ntimed out", 0, 0};
  line.progress = api::ProgressLine{"sending", 1, 4, 1024, 512, 256, 4, 12, 1};
  const auto table = status_table({line}, kNow);
  EXPECT_NE(table.find("never         sending 25 % (1 of 4 objects), 1.0 KiB, 256 B/s, 12 s left\n"),
            std::string::npos)
      << table;
}

TEST(StatusTable, KeepsAReasonOfOneLineAndBoundsALongOne) {
  const std::vector<api::StatusLine> lines{
      {"r", "a", "a", "failed", "", "", "not_enabled", "is disabled", 0, 0},
      {"r", "b", "b", "failed", "", "", "x", std::string(900, 'x'), 0, 0}};
  const auto table = status_table(lines, kNow);
  EXPECT_NE(table.find("  is disabled\n"), std::string::npos) << table;
  EXPECT_LT(table.size(), 900U);
}

TEST(DeliveriesTable, ShortensRefsAndNamesReplays) {
  const std::vector<api::DeliveryLine> lines{
      {7, kNow - 5'000, "robot", "gitea", "push", "accepted", "", {"refs/heads/main", "refs/tags/v1"}, 3},
      {6,
       kNow - 7'200'000,
       "robot",
       "github",
       "ping",
       "ignored",
       "no_changes",
       {"refs/heads/a", "refs/heads/b", "refs/heads/c", "refs/heads/d", "refs/heads/e"},
       0}};
  EXPECT_EQ(
      deliveries_table(lines, kNow),
      "ID  RECEIVED  REPOSITORY  PROVIDER  EVENT               REFS                VERDICT   REASON      "
      "RUN\n"
      "7   5 s ago   robot       gitea     push (replay of 3)  main, refs/tags/v1  accepted  -\n"
      "6   2 h ago   robot       github    ping                a, b, c and 2 more  ignored   no_changes\n");
}

TEST(DeliveriesTable, TellsTheRunsThatFollowed) {
  const auto last_column = [](std::vector<api::DeliveryRunLine> runs) {
    api::DeliveryLine line{7, kNow, "robot", "gitlab", "push", "accepted", "reason", {}, 0};
    line.runs = std::move(runs);
    const auto table = deliveries_table({line}, kNow);
    const auto at = table.rfind("reason  ");
    return at == std::string::npos ? table : table.substr(at + 8);
  };
  EXPECT_EQ(last_column({{0, "", 0}}), "waiting\n");
  EXPECT_EQ(last_column({{12, "running", 0}}), "12 running\n");
  EXPECT_EQ(last_column({{12, "finished", 0}}), "12 ok\n");
  EXPECT_EQ(last_column({{12, "finished", 20010}}), "12 20010\n");
  EXPECT_EQ(last_column({{12, "interrupted", 20012}}), "12 interrupted\n");
  EXPECT_EQ(last_column({{12, "finished", 20010}, {13, "finished", 0}, {0, "", 0}, {14, "finished", 0}}),
            "1 x 20010, 2 x ok, 1 x waiting\n");
}

TEST(DeliveriesTable, NamesTheDeliveryThatADuplicateRepeats) {
  api::DeliveryLine line{7, kNow, "robot", "gitlab", "push", "duplicate", "same_signed_id", {}, 0, 5};
  EXPECT_NE(deliveries_table({line}, kNow).find("push (as 5)"), std::string::npos);
}

api::RunLine run() {
  api::RunLine line;
  line.direction = "to_inter";
  line.internal_ref = "refs/heads/from-outside";
  line.external_ref = "refs/heads/main";
  line.finished = true;
  line.plan = "fast_forward";
  line.source_tip = kTwo;
  line.target_tip_before = kOne;
  line.pack_bytes = 2048;
  line.duration_ms = 31;
  return line;
}

TEST(ResultLine, GoesFromTheSourceToTheTarget) {
  EXPECT_EQ(result_line(result_of("robot", run())),
            "robot  main -> from-outside  fast_forward  1111111 -> 2222222  2.0 KiB  (31.0 ms)\n");
  auto line = run();
  line.direction = "to_outer";
  line.dry_run = true;
  line.target_tip_before.clear();
  line.plan = "create";
  EXPECT_EQ(result_line(result_of("robot", line)),
            "robot  from-outside -> main  would create  none -> 2222222  2.0 KiB  (31.0 ms)\n");
}

TEST(ResultLine, TellsFailureWaitingAndNothingToDoApart) {
  auto line = run();
  line.plan = "nothing";
  EXPECT_EQ(result_line(result_of("robot", line)),
            "robot  main -> from-outside  in sync at 2222222  (31.0 ms)\n");
  line.code_status = 20009;
  line.detail = "no such branch\x1b[2J";
  EXPECT_EQ(result_line(result_of("robot", line)),
            "robot  main -> from-outside  failed: no such branch?[2J\n");
  line.detail.clear();
  EXPECT_EQ(result_line(result_of("robot", line)), "robot  main -> from-outside  failed: 20009\n");
  line.finished = false;
  line.code_status = 10021;
  EXPECT_EQ(result_line(result_of("robot", line)),
            "robot  main -> from-outside  goes on; see gitferry status\n");
}

}  // namespace
}  // namespace gitferry::daemon

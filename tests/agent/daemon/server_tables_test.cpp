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
      "ID  RECEIVED  REPOSITORY  PROVIDER  EVENT               REFS                VERDICT   REASON\n"
      "7   5 s ago   robot       gitea     push (replay of 3)  main, refs/tags/v1  accepted\n"
      "6   2 h ago   robot       github    ping                a, b, c and 2 more  ignored   no_changes\n");
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

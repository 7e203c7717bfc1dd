#include "agent/sync/run_text.h"

#include <gtest/gtest.h>

namespace gitferry {
namespace {

const LaneKey kKey{"robot", "refs/heads/main", "refs/heads/trunk"};

ObjectId tip(char digit) {
  return ObjectId::from_hex(std::string(40, digit)).value();
}

TEST(RunText, SaysWhatWasDoneInOneLine) {
  RunReport report;
  report.plan = Plan::FastForward;
  report.source_tip = tip('b');
  report.target_tip_before = tip('a');
  report.pack_bytes = 1234;
  report.total = std::chrono::microseconds(56'789);
  EXPECT_EQ(run_text(kKey, Direction::ToOuter, report),
            "internal main -> external trunk: fast_forward aaaaaaa..bbbbbbb, 1234 bytes, 56 ms");
  report.refs_in_transfer = 12;
  EXPECT_EQ(
      run_text(kKey, Direction::ToOuter, report),
      "internal main -> external trunk: fast_forward aaaaaaa..bbbbbbb, 1234 bytes, 56 ms, with 11 other "
      "refs");
  report.refs_in_transfer = 2;
  EXPECT_TRUE(run_text(kKey, Direction::ToOuter, report).ends_with(", with 1 other ref"));
  report.refs_in_transfer = 1;
  report.plan = Plan::Create;
  report.dry_run = true;
  EXPECT_EQ(run_text(kKey, Direction::ToInter, report),
            "dry run: external trunk -> internal main: create bbbbbbb, 1234 bytes, 56 ms");
}

TEST(RunText, AddsTheErrorWhatToDoAndTheTargetsRemarks) {
  RunReport report;
  report.plan = Plan::Refuse;
  report.source_tip = tip('b');
  report.target_tip_before = tip('a');
  report.error = Error{ErrorCode::Diverged, "the target has other commits", "merge them", std::nullopt};
  report.remote_text = "checking\n\nprotected\n";
  EXPECT_EQ(run_text(kKey, Direction::ToOuter, report),
            "internal main -> external trunk: refuse target aaaaaaa, source bbbbbbb, 0 bytes, 0 ms\n"
            "the target has other commits; merge them\n"
            "remote: checking\n"
            "remote: protected");
}

TEST(RunText, SaysWhichEngineItWasAndThatTheMirrorWasRenewed) {
  RunReport report;
  report.plan = Plan::Create;
  report.source_tip = tip('b');
  const std::string create = "internal main -> external trunk: create bbbbbbb, 0 bytes, 0 ms";
  report.engine = EngineKind::Mirror;
  EXPECT_EQ(run_text(kKey, Direction::ToOuter, report), create + ", by the mirror");
  report.mirror_renewed = true;
  EXPECT_EQ(run_text(kKey, Direction::ToOuter, report),
            create + ", by the mirror; the mirror was damaged and was fetched anew");
  report.mirror_renewed = false;
  report.relay_undecided = true;
  EXPECT_EQ(run_text(kKey, Direction::ToOuter, report),
            create + ", by the mirror where the relay could not decide");
}

TEST(RunText, IsBounded) {
  RunReport report;
  report.remote_text = std::string(100'000, 'x');
  EXPECT_LE(run_text(kKey, Direction::ToOuter, report).size(), kRunTextLimit);
}

}  // namespace
}  // namespace gitferry

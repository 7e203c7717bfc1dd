#include "agent/daemon/text_table.h"

#include <gtest/gtest.h>

namespace gitferry::daemon {
namespace {

TEST(Printable, S30_ShowsWhatATerminalWouldObeyAsQuestionMarks) {
  EXPECT_EQ(printable("main"), "main");
  EXPECT_EQ(printable("分支 é"), "分支 é");
  EXPECT_EQ(printable("a\x1b[31mred\n\t\x7f"), "a?[31mred???");
  EXPECT_EQ(printable("a\u009b31m"), "a?31m") << "the one-character form of the same escape";
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a?b");
}

TEST(Printable, ShowsBrokenUtf8AsQuestionMarks) {
  EXPECT_EQ(printable("\xff\xfe"), "??");
  EXPECT_EQ(printable("\xe4\xb8"), "??");
  EXPECT_EQ(printable("\xe4\xb8x"), "??x");
  EXPECT_EQ(printable("\x80tail"), "?tail");
  EXPECT_EQ(printable(""), "");
}

TEST(TextTable, AlignsByCharactersAndEndsNoLineInASpace) {
  EXPECT_EQ(text_table({"NAME", "STATUS", "REASON"},
                       {{"robot", "in_sync", ""}, {"机器人", "failed", "refused"}, {"", "", "x"}}),
            "NAME   STATUS   REASON\n"
            "robot  in_sync\n"
            "机器人    failed   refused\n"
            "-      -        x\n");
}

TEST(TextTable, KeepsARowOnItsLine) {
  EXPECT_EQ(text_table({"A", "B"}, {{"x\ny", "one\r\ntwo   "}}),
            "A    B\n"
            "x?y  one??two\n");
}

TEST(TextTable, IsTheHeaderAloneWithoutRows) {
  EXPECT_EQ(text_table({"A", "B"}, {}), "A  B\n");
}

TEST(RelativeTime, NamesTheLargestUnitThatFits) {
  constexpr std::int64_t kNow = 1'700'000'000'000;
  const auto ago = [&](std::int64_t seconds) { return relative_time(kNow - seconds * 1000, kNow); };
  EXPECT_EQ(relative_time(0, kNow), "never");
  EXPECT_EQ(relative_time(kNow, kNow), "now");
  EXPECT_EQ(relative_time(kNow - 999, kNow), "now");
  EXPECT_EQ(ago(1), "1 s ago");
  EXPECT_EQ(ago(59), "59 s ago");
  EXPECT_EQ(ago(60), "1 m ago");
  EXPECT_EQ(ago(3'599), "59 m ago");
  EXPECT_EQ(ago(3'600), "1 h ago");
  EXPECT_EQ(ago(86'400), "1 d ago");
  EXPECT_EQ(ago(400 * 86'400), "400 d ago");
  EXPECT_EQ(ago(-12), "in 12 s");
  EXPECT_EQ(ago(-120), "in 2 m");
}

}  // namespace
}  // namespace gitferry::daemon

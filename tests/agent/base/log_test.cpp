#include "agent/base/log.h"

#include <string>

#include <gtest/gtest.h>

namespace gitferry::log {
namespace {

TEST(Log, RendersJsonWithTypedFields) {
  EXPECT_EQ(render_for_test(Format::Json, Level::Info, "sync finished",
                            {{"repo", "x"}, {"duration_ms", 12}, {"equal", true}}),
            R"("level":"info","message":"sync finished","repo":"x","duration_ms":12,"equal":true})");
}

TEST(Log, S30_NothingFromOutsideCanStartALine) {
  for (const auto format : {Format::Json, Format::Logfmt}) {
    const auto line = render_for_test(format, Level::Warn, "m", {{"ref", "a\r\nlevel=error b\x1b[31m"}});
    EXPECT_EQ(line.find_first_of("\r\n\x1b"), std::string::npos) << line;
  }
}

TEST(Log, S30_NothingFromOutsideCanCommandATerminalOrChangeTheOrderOfALine) {
  for (const auto format : {Format::Json, Format::Logfmt}) {
    // The one-character form of ESC [, separators of lines, changes of the direction of writing.
    for (const auto* character : {"\u0080", "\u009b", "\u009f", "\u061c", "\u200e", "\u200f", "\u2028",
                                  "\u2029", "\u202a", "\u202e", "\u2066", "\u2069"}) {
      const auto line =
          render_for_test(format, Level::Warn, "m", {{"ref", std::string("a") + character + "b"}});
      EXPECT_EQ(line.find(character), std::string::npos) << line;
    }
    const std::string harmless = "\u00a0\u00e9\u2027\u202f\u4e2d";
    EXPECT_NE(render_for_test(format, Level::Warn, "m", {{"ref", harmless}}).find(harmless),
              std::string::npos);
  }
  EXPECT_EQ(render_for_test(Format::Json, Level::Info, "m", {{"a", "x\u009by\u202ez"}}),
            "\"level\":\"info\",\"message\":\"m\",\"a\":\"x\\u009by\\u202ez\"}");
}

TEST(Log, LogfmtQuotesOnlyWhatNeedsIt) {
  EXPECT_EQ(
      render_for_test(Format::Logfmt, Level::Info, "m", {{"a", "plain"}, {"b", "two words"}, {"c", ""}}),
      "level=info message=m a=plain b=\"two words\" c=\"\"");
  EXPECT_EQ(render_for_test(Format::Logfmt, Level::Warn, "two words", {{"n", 3}, {"q", "a\"b=c"}}),
            "level=warn message=\"two words\" n=3 q=\"a\\\"b=c\"");
}

TEST(Log, TheLevelCanBeChangedAtAnyTime) {
  const auto before = level();
  for (const auto wanted : {Level::Debug, Level::Info, Level::Warn, Level::Error}) {
    set_level(wanted);
    EXPECT_EQ(level(), wanted);
    EXPECT_EQ(level_called(name_of(wanted)), wanted);
  }
  set_level(before);
  EXPECT_EQ(level_called("trace"), std::nullopt);
  EXPECT_EQ(level_called("INFO"), std::nullopt);
  EXPECT_EQ(level_called(""), std::nullopt);
}

TEST(Log, InvalidUtf8StaysValidJson) {
  EXPECT_EQ(render_for_test(Format::Json, Level::Info, "m", {{"a", "x\xff"}}),
            R"("level":"info","message":"m","a":"x\ufffd"})");
}

}  // namespace
}  // namespace gitferry::log

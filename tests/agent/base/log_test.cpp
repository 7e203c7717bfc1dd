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
  for (const auto format : {Format::Json, Format::Text}) {
    const auto line = render_for_test(format, Level::Warn, "m", {{"ref", "a\r\nlevel=error b\x1b[31m"}});
    EXPECT_EQ(line.find_first_of("\r\n\x1b"), std::string::npos) << line;
  }
}

TEST(Log, S30_NothingFromOutsideCanCommandATerminalOrChangeTheOrderOfALine) {
  for (const auto format : {Format::Json, Format::Text}) {
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

TEST(Log, TextQuotesOnlyWhatNeedsIt) {
  EXPECT_EQ(render_for_test(Format::Text, Level::Info, "m", {{"a", "plain"}, {"b", "two words"}, {"c", ""}}),
            "info  m a=plain b=\"two words\" c=\"\"");
}

TEST(Log, InvalidUtf8StaysValidJson) {
  EXPECT_EQ(render_for_test(Format::Json, Level::Info, "m", {{"a", "x\xff"}}),
            R"("level":"info","message":"m","a":"x\ufffd"})");
}

}  // namespace
}  // namespace gitferry::log

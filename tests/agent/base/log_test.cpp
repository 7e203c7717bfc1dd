#include "agent/base/log.h"

#include <gtest/gtest.h>

namespace gitferry::log {
namespace {

TEST(Log, RendersJsonWithTypedFields) {
  EXPECT_EQ(render_for_test(Format::Json, Level::Info, "sync finished",
                            {{"repo", "x"}, {"duration_ms", 12}, {"equal", true}}),
            R"("level":"info","message":"sync finished","repo":"x","duration_ms":12,"equal":true})");
}

TEST(Log, NothingFromOutsideCanStartALine) {
  for (const auto format : {Format::Json, Format::Text}) {
    const auto line = render_for_test(format, Level::Warn, "m", {{"ref", "a\r\nlevel=error b\x1b[31m"}});
    EXPECT_EQ(line.find_first_of("\r\n\x1b"), std::string::npos) << line;
  }
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

#include "agent/base/text.h"

#include <gtest/gtest.h>

namespace gitferry {
namespace {

TEST(Text, Utf8RefusesOverlongSurrogateAndTruncated) {
  EXPECT_TRUE(is_valid_utf8("a\u00e9\u4e2d\U0001F600"));
  EXPECT_FALSE(is_valid_utf8("\xC0\x80"));
  EXPECT_FALSE(is_valid_utf8("\xED\xA0\x80"));
  EXPECT_FALSE(is_valid_utf8("\xE4\xB8"));
  EXPECT_FALSE(is_valid_utf8("\xF5\x80\x80\x80"));
  EXPECT_FALSE(is_valid_utf8("\x80"));
}

TEST(Text, PercentDecodesOnceAndRefusesBrokenEscapes) {
  EXPECT_EQ(percent_decode("feature%2Fx+y"), "feature/x+y");
  EXPECT_EQ(percent_decode("%252F"), "%2F");
  EXPECT_FALSE(percent_decode("%"));
  EXPECT_FALSE(percent_decode("%4"));
  EXPECT_FALSE(percent_decode("%zz"));
  EXPECT_FALSE(percent_decode("%u002e"));
  EXPECT_FALSE(percent_decode("%+1"));
  EXPECT_EQ(percent_encode("a/b c~"), "a%2Fb%20c~");
}

TEST(Text, NumbersAreDigitsOnly) {
  EXPECT_EQ(parse_number("0"), 0);
  EXPECT_EQ(parse_number("9223372036854775807"), 9223372036854775807);
  for (const auto* bad : {"", "-1", "+1", " 1", "1 ", "0x5", "1,2", "9223372036854775808"}) {
    EXPECT_FALSE(parse_number(bad)) << bad;
  }
}

TEST(Text, ShortensAtACharactersStart) {
  EXPECT_EQ(shortened("abc", 3), "abc");
  EXPECT_EQ(shortened("ab\u4e2d", 3), "ab…");
}

TEST(Text, NearestSuggestsOnlyWhatIsNear) {
  EXPECT_EQ(nearest("brnaches", {"branches", "enable"}), "branches");
  EXPECT_EQ(nearest("colour", {"branches", "enable"}), "");
}

TEST(Text, TimesAreRfc3339) {
  EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(rfc3339(1700000000042), "2023-11-14T22:13:20.042Z");
}

TEST(Text, ReadsTheTimesThatItWrites) {
  for (const std::int64_t time :
       {std::int64_t{0}, std::int64_t{1700000000042}, std::int64_t{4102444799999}}) {
    EXPECT_EQ(parse_rfc3339(rfc3339(time)), time);
  }
  for (const auto* bad : {"", "2023-11-14", "2023-11-14T22:13:20Z", "2023-11-14 22:13:20.042Z",
                          "2023-11-14T24:13:20.042Z", "2023-02-29T00:00:00.000Z", "2023-13-01T00:00:00.000Z",
                          "2023-11-14T22:13:20.042+08:00", "2023-11-14T22:13:20.042Zx"}) {
    EXPECT_FALSE(parse_rfc3339(bad)) << bad;
  }
}

TEST(Text, SplitKeepsEmptyParts) {
  EXPECT_EQ(split("a//b/", '/'), (std::vector<std::string_view>{"a", "", "b", ""}));
}

TEST(Text, FormDecodingTurnsPlusIntoSpace) {
  EXPECT_EQ(form_decode("a+b%2Bc%20d"), "a b+c d");
  EXPECT_EQ(percent_decode("a+b%2Bc%20d"), "a+b+c d");
  EXPECT_EQ(form_decode("+%"), std::nullopt);
}

}  // namespace
}  // namespace gitferry

#include "config/scalars.h"

#include <gtest/gtest.h>

namespace gitferry::config {
namespace {

using std::chrono::milliseconds;

TEST(Scalars, DurationsNeedANumberAndAUnit) {
  EXPECT_EQ(parse_duration("500ms"), milliseconds{500});
  EXPECT_EQ(parse_duration("10s"), milliseconds{10'000});
  EXPECT_EQ(parse_duration("5m"), milliseconds{300'000});
  EXPECT_EQ(parse_duration("2h"), milliseconds{7'200'000});
  EXPECT_EQ(parse_duration("7d"), milliseconds{604'800'000});
  for (const auto* bad : {"", "10", "s", "-1s", "1.5s", "1 s", "1w", "10S", "9223372036854775807h"})
    EXPECT_FALSE(parse_duration(bad)) << bad;
}

TEST(Scalars, DurationsArePrintedInTheLargestUnitThatFits) {
  for (const auto* text : {"500ms", "1500ms", "10s", "90s", "5m", "2h", "36h", "7d"})
    EXPECT_EQ(duration_text(*parse_duration(text)), text);
  EXPECT_EQ(duration_text(milliseconds{0}), "0ms");
}

TEST(Scalars, TimesAreInUtc) {
  EXPECT_EQ(time_text(*parse_time("2027-01-31T00:00:00Z")), "2027-01-31T00:00:00Z");
  EXPECT_EQ(time_text(*parse_time("2027-01-31T23:59:59.500Z")), "2027-01-31T23:59:59.500Z");
  EXPECT_EQ(to_epoch_ms(*parse_time("1970-01-02T00:00:00Z")), 86'400'000);
  for (const auto* bad : {"", "2027-01-31", "2027-01-31T00:00:00", "2027-01-31T00:00:00+01:00",
                          "2027-13-01T00:00:00Z", "2027-02-30T00:00:00Z", "2027-01-31 00:00:00Z", "tomorrow"})
    EXPECT_FALSE(parse_time(bad)) << bad;
}

TEST(Scalars, ListenAddressesHaveAHostAndAPort) {
  EXPECT_EQ(parse_listen("127.0.0.1:8080")->port, 8080);
  EXPECT_EQ(parse_listen("[::1]:0")->host, "::1");
  EXPECT_EQ(parse_listen("localhost:65535")->host, "localhost");
  for (const auto* bad : {"", "8080", ":8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "::1:80",
                          "[x]:80", "a b:80", "http://x:80", "127.0.0.1:-1"})
    EXPECT_FALSE(parse_listen(bad)) << bad;
}

TEST(Scalars, LoopbackIsAnAddressOfThisMachineOnly) {
  for (const auto* good : {"127.0.0.1", "127.8.9.10", "::1", "localhost", "LocalHost"})
    EXPECT_TRUE(is_loopback(good));
  for (const auto* bad : {"0.0.0.0", "::", "10.0.0.1", "127.evil.example", "example.org"})
    EXPECT_FALSE(is_loopback(bad));
}

TEST(Scalars, FlagsAreWordsInAnyCase) {
  EXPECT_EQ(parse_flag("True"), true);
  EXPECT_EQ(parse_flag("OFF"), false);
  for (const auto* bad : {"", "1", "0", "tru", "enabled"}) EXPECT_FALSE(parse_flag(bad).has_value()) << bad;
}

}  // namespace
}  // namespace gitferry::config

#include "agent/model/host_pattern.h"

#include <gtest/gtest.h>

namespace gitferry {
namespace {

TEST(WrittenAddress, S01_KnowsEveryFormThatAResolverWouldTake) {
  const auto loopback = parse_ip_address("127.0.0.1");
  for (const auto* host : {"127.0.0.1", "::ffff:127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1",
                           "127.0.0.1.", "localhost", "LOCALHOST.", "a.localhost"}) {
    EXPECT_EQ(written_address(host), loopback) << host;
  }
  EXPECT_EQ(written_address("fd00::1"), parse_ip_address("fd00::1"));
  for (const auto* host : {"git.example.com", "localhost.example.com", "127.0.0.1.example.com", "10", ""}) {
    EXPECT_NE(written_address(host), loopback) << host;
  }
  EXPECT_FALSE(written_address("git.example.com"));
}

bool fits(const char* pattern, const char* host) {
  const auto parsed = HostPattern::parse(pattern);
  EXPECT_TRUE(parsed) << pattern;
  return parsed && parsed->fits(host);
}

TEST(HostPattern, FitsAHostAllBelowADomainAndARange) {
  EXPECT_TRUE(fits("git.corp", "git.corp"));
  EXPECT_TRUE(fits("Git.Corp.", "git.corp"));
  EXPECT_TRUE(fits("git.corp", "git.corp."));
  EXPECT_FALSE(fits("git.corp", "a.git.corp"));
  EXPECT_FALSE(fits("git.corp", "xgit.corp"));
  EXPECT_TRUE(fits(".corp", "git.corp"));
  EXPECT_TRUE(fits(".corp", "a.git.corp"));
  EXPECT_FALSE(fits(".corp", "corp"));
  EXPECT_FALSE(fits(".corp", "git.xcorp"));
  EXPECT_TRUE(fits("10.0.0.0/8", "10.1.2.3"));
  EXPECT_TRUE(fits("fd00::/8", "fd00::1"));
  EXPECT_FALSE(fits("10.0.0.0/8", "11.1.2.3"));
  EXPECT_FALSE(fits("10.0.0.0/8", "git.corp"));
}

TEST(HostPattern, RefusesWhatIsNoHost) {
  for (const auto* text :
       {"", ".", "*", "*.corp", "a b", "a..b", "-a", "10.0.0.0/99", "host:80", "http://a"}) {
    EXPECT_FALSE(HostPattern::parse(text)) << text;
  }
}

}  // namespace
}  // namespace gitferry

#include "api/forwarded.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace gitferry::api {
namespace {

std::vector<AddressRange> ranges(const std::vector<std::string>& texts) {
  std::vector<AddressRange> parsed;
  for (const auto& text : texts) parsed.push_back(parse_address_range(text).value());
  return parsed;
}

/// The client of a request that came from `peer` with these X-Forwarded-For lines, where 10/8 and fd00::/8
/// are proxies.
std::string client(const std::string& peer, const std::vector<std::string>& lines) {
  Request request;
  for (const auto& line : lines) request.headers.push_back({"x-forwarded-for", line});
  const auto trusted = ranges({"10.0.0.0/8", "fd00::/8"});
  return to_string(client_address(parse_ip_address(peer).value(), request, trusted));
}

TEST(Forwarded, TheRightMostAddressThatIsNoProxyIsTheClient) {
  EXPECT_EQ(client("10.0.0.1", {"198.51.100.7"}), "198.51.100.7");
  EXPECT_EQ(client("10.0.0.1", {"203.0.113.9, 198.51.100.7"}), "198.51.100.7");
  EXPECT_EQ(client("10.0.0.1", {"203.0.113.9, 198.51.100.7, 10.2.0.1, 10.3.0.1"}), "198.51.100.7");
  EXPECT_EQ(client("fd00::1", {"2001:db8::7"}), "2001:db8::7");
}

TEST(Forwarded, LinesAreJoinedInTheirOrder) {
  EXPECT_EQ(client("10.0.0.1", {"203.0.113.9", "198.51.100.7"}), "198.51.100.7");
  EXPECT_EQ(client("10.0.0.1", {"203.0.113.9, 198.51.100.7", "10.2.0.1", "10.3.0.1,10.4.0.1"}),
            "198.51.100.7");
}

TEST(Forwarded, S37_H07_AHeaderOfAnUntrustedPeerNeverCounts) {
  EXPECT_EQ(client("198.51.100.7", {"203.0.113.9"}), "198.51.100.7");
  EXPECT_EQ(client("198.51.100.7", {"10.0.0.1"}), "198.51.100.7");
  EXPECT_EQ(client("2001:db8::7", {"203.0.113.9"}), "2001:db8::7");
}

TEST(Forwarded, S37_H07_WhatAClientWroteLeftOfItsOwnAddressNeverCounts) {
  EXPECT_EQ(client("10.0.0.1", {"127.0.0.1, 10.0.0.5, 203.0.113.9, 198.51.100.7"}), "198.51.100.7");
}

TEST(Forwarded, S37_H07_OtherHeadersAreNotRead) {
  Request request;
  for (const auto* name : {"x-real-ip", "forwarded", "remote_addr", "x-forwarded", "x-client-ip",
                           "true-client-ip", "cf-connecting-ip"}) {
    request.headers.push_back({name, "203.0.113.9"});
  }
  request.headers.push_back({"forwarded", "for=203.0.113.9"});
  const auto trusted = ranges({"10.0.0.0/8"});
  EXPECT_EQ(to_string(client_address(parse_ip_address("10.0.0.1").value(), request, trusted)), "10.0.0.1");
}

TEST(Forwarded, WithoutATrustedProxyThePeerIsTheClient) {
  Request request;
  request.headers.push_back({"x-forwarded-for", "203.0.113.9"});
  EXPECT_EQ(to_string(client_address(parse_ip_address("127.0.0.1").value(), request, {})), "127.0.0.1");
}

TEST(Forwarded, WhereAllAreProxiesTheFirstOfThemIsTheClient) {
  EXPECT_EQ(client("10.0.0.1", {"10.9.0.1, 10.8.0.1"}), "10.9.0.1");
  EXPECT_EQ(client("10.0.0.1", {}), "10.0.0.1");
}

TEST(Forwarded, PortsAndBracketsAreTakenOff) {
  EXPECT_EQ(client("10.0.0.1", {"198.51.100.7:51234"}), "198.51.100.7");
  EXPECT_EQ(client("10.0.0.1", {"[2001:db8::7]:51234"}), "2001:db8::7");
  EXPECT_EQ(client("10.0.0.1", {"[2001:db8::7]"}), "2001:db8::7");
  EXPECT_EQ(client("10.0.0.1", {"::ffff:198.51.100.7"}), "198.51.100.7");
  EXPECT_EQ(client("10.0.0.1", {" 198.51.100.7 \t"}), "198.51.100.7");
}

TEST(Forwarded, AProxyInMappedFormIsTheSameProxy) {
  EXPECT_EQ(client("::ffff:10.0.0.1", {"198.51.100.7"}), "198.51.100.7");
}

class ForwardedGarbage : public ::testing::TestWithParam<const char*> {};

TEST_P(ForwardedGarbage, EndsTheSearch) {
  EXPECT_EQ(client("10.0.0.1", {std::string(GetParam())}), "10.0.0.1");
  EXPECT_EQ(client("10.0.0.1", {std::string(GetParam()) + ", 10.7.0.1"}), "10.7.0.1");
  EXPECT_EQ(client("10.0.0.1", {"198.51.100.7, " + std::string(GetParam())}), "10.0.0.1");
}

INSTANTIATE_TEST_SUITE_P(Entries, ForwardedGarbage,
                         ::testing::Values("unknown", "_hidden", "", "localhost", "1.2.3", "0x7f.1",
                                           "2130706433", "198.51.100.7:", "198.51.100.7:port", "[2001:db8::7",
                                           "[]", "[]:1", "[2001:db8::7]x", "[2001:db8::7]:", "fe80::1%eth0",
                                           "\"198.51.100.7\"", "198.51.100.7;198.51.100.8", "198.51.100.999",
                                           ":", "]", "["));

TEST(Forwarded, S37_EntriesBeyondTheLimitAreNotLookedAt) {
  std::string line = "198.51.100.7";
  for (int i = 0; i < 31; ++i) line += ", 10.0.1." + std::to_string(i);
  EXPECT_EQ(client("10.0.0.1", {line}), "198.51.100.7");
  line += ", 10.0.1.31";
  EXPECT_EQ(client("10.0.0.1", {line}), "10.0.1.0");
  std::string commas(16'000, ',');
  EXPECT_EQ(client("10.0.0.1", {"198.51.100.7" + commas}), "10.0.0.1");
}

}  // namespace
}  // namespace gitferry::api

#include "agent/base/ip_address.h"

#include <string>

#include <gtest/gtest.h>

namespace gitferry {
namespace {

TEST(IpAddress, BothSpellingsOfAnIpv4AddressAreOne) {
  EXPECT_EQ(parse_ip_address("10.1.2.3"), parse_ip_address("::ffff:10.1.2.3"));
  EXPECT_EQ(to_string(*parse_ip_address("::ffff:10.1.2.3")), "10.1.2.3");
  EXPECT_EQ(to_string(*parse_ip_address("FD00::1")), "fd00::1");
  for (const auto* bad : {"", "10.1.2", "010.1.2.3", "0x7f.1", "10.1.2.3 ", "fd00::1%eth0", "[::1]", "host"})
    EXPECT_FALSE(parse_ip_address(bad)) << bad;
  const std::string with_more_behind_a_nul("10.1.2.3\0x", 10);
  EXPECT_FALSE(parse_ip_address(with_more_behind_a_nul));
  EXPECT_FALSE(parse_address_range(with_more_behind_a_nul));
}

TEST(IpAddress, OfIpv6AWholeSubscriberCountsAsOne) {
  const auto subscriber = [](const char* text) { return to_string(subscriber_of(*parse_ip_address(text))); };
  EXPECT_EQ(subscriber("192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(subscriber("::ffff:192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(subscriber("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
  EXPECT_NE(subscriber("2001:db8:1:3::1"), subscriber("2001:db8:1:2::1"));
}

TEST(AddressRange, IsAnAddressWithAPrefix) {
  for (const auto* good : {"10.0.0.0/8", "192.168.1.7", "fd00::/8", "::1/128", "0.0.0.0/0"})
    EXPECT_TRUE(parse_address_range(good)) << good;
  for (const auto* bad : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0/8", "fd00::/129", "corp.example/8",
                          "10.0.0.0/8/8", "10.0.0.1/8", "fd00::1/8"})
    EXPECT_FALSE(parse_address_range(bad)) << bad;
}

TEST(AddressRange, HoldsTheAddressesBehindItsPrefix) {
  const auto range = parse_address_range("192.168.7.128/25");
  ASSERT_TRUE(range);
  EXPECT_TRUE(range->contains(*parse_ip_address("192.168.7.200")));
  EXPECT_TRUE(range->contains(*parse_ip_address("::ffff:192.168.7.255")));
  EXPECT_FALSE(range->contains(*parse_ip_address("192.168.7.127")));
  EXPECT_TRUE(parse_address_range("0.0.0.0/0")->contains(*parse_ip_address("8.8.8.8")));
  EXPECT_FALSE(parse_address_range("0.0.0.0/0")->contains(*parse_ip_address("fd00::1")));
}

TEST(AddressRange, IsPrintedInTheNotationOfItsFamily) {
  for (const auto* text :
       {"10.0.0.0/8", "0.0.0.0/0", "192.168.7.128/25", "127.0.0.1/32", "fd00::/8", "::/0", "::1/128"})
    EXPECT_EQ(to_string(*parse_address_range(text)), text);
  EXPECT_EQ(to_string(*parse_address_range("192.0.2.1")), "192.0.2.1/32");
  EXPECT_EQ(to_string(*parse_address_range("::ffff:10.0.0.0/104")), "10.0.0.0/8");
}

}  // namespace
}  // namespace gitferry

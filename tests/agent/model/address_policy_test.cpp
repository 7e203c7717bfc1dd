#include "agent/model/address_policy.h"

#include <gtest/gtest.h>

namespace gitferry {
namespace {

TEST(AddressPolicy, S36_RefusesWhatIsNotPublic) {
  const AddressPolicy policy;
  for (const auto* text :
       {"127.0.0.1",   "127.255.255.254", "10.0.0.1",          "172.16.0.1",      "172.31.255.255",
        "192.168.1.1", "169.254.169.254", "100.64.0.1",        "100.127.255.255", "0.0.0.0",
        "224.0.0.1",   "255.255.255.255", "240.0.0.1",         "198.18.0.1",      "::",
        "::1",         "::127.0.0.1",     "::ffff:127.0.0.1",  "::ffff:10.1.2.3", "::ffff:169.254.169.254",
        "fd00::1",     "fc00::1",         "fe80::1",           "febf::1",         "fec0::1",
        "ff02::1",     "64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b:1::1",    "2002:7f00:1::",
        "2001::1"}) {
    const auto address = parse_ip_address(text);
    ASSERT_TRUE(address) << text;
    EXPECT_FALSE(policy.allows(*address)) << text;
  }
}

TEST(AddressPolicy, AllowsPublicAddresses) {
  const AddressPolicy policy;
  for (const auto* text : {"1.1.1.1", "140.82.121.3", "100.63.255.255", "100.128.0.0", "172.15.255.255",
                           "172.32.0.0", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"}) {
    EXPECT_TRUE(policy.allows(*parse_ip_address(text))) << text;
  }
}

TEST(AddressPolicy, S36_AllowsTheNamedRangesOnly) {
  const auto policy = AddressPolicy::from({"10.1.0.0/16", "127.0.0.1", "fd12:3456::/32", "192.168.7.128/25"});
  ASSERT_TRUE(policy);
  for (const auto* text : {"10.1.2.3", "::ffff:10.1.2.3", "127.0.0.1", "fd12:3456::1", "192.168.7.200"}) {
    EXPECT_TRUE(policy->allows(*parse_ip_address(text))) << text;
  }
  for (const auto* text : {"10.2.0.1", "127.0.0.2", "fd12:3457::1", "192.168.7.127", "::1"}) {
    EXPECT_FALSE(policy->allows(*parse_ip_address(text))) << text;
  }
}

TEST(AddressPolicy, RefusesTextThatIsNoRange) {
  for (const auto* text :
       {"", "x", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0/8", "10.0.0.1/8", "fd00::/129",
        "fd00::1/8", "010.0.0.0/8", "0x7f.1", "2130706433", "localhost", "10.0.0.0/8 "}) {
    const auto policy = AddressPolicy::from({text});
    ASSERT_FALSE(policy) << text;
    EXPECT_EQ(policy.error().code, ErrorCode::ConfigurationInvalid);
    EXPECT_NE(policy.error().message.find("network.allow_cidrs"), std::string::npos);
  }
}

}  // namespace
}  // namespace gitferry

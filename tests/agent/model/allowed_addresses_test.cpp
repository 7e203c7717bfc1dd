#include "agent/model/allowed_addresses.h"

#include <string>

#include <gtest/gtest.h>

namespace gitferry {
namespace {

TEST(AllowedAddresses, S27_AHostWrittenAsAnAddressMustBeOneThatMayBeConnectedTo) {
  const AllowedAddresses allowed{any_scheme(), AddressPolicy::from({"10.1.0.0/16", "fd00:1::/32"}).value()};
  for (const auto* good :
       {"https://93.184.216.34/x.git", "https://10.1.2.3/x.git", "ssh://git@10.1.2.3/x.git",
        "https://[fd00:1::7]:8443/x.git", "git@10.1.2.3:acme/x.git", "/srv/git/x.git"}) {
    EXPECT_TRUE(parse_allowed_url(good, allowed)) << good;
  }
  for (const auto* bad : {"https://10.2.0.1/x.git", "http://127.0.0.1:8080/x.git", "https://[::1]/x.git",
                          "ssh://git@10.2.0.1/x", "git@10.2.0.1:acme/x.git",
                          "https://[::ffff:10.2.0.1]/x.git", "https://169.254.169.254/x.git"}) {
    const auto refused = parse_allowed_url(bad, allowed);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code, ErrorCode::AddressRefused) << bad;
    EXPECT_NE(refused.error().message.find("private or reserved"), std::string::npos) << bad;
    EXPECT_NE(refused.error().hint.find("network.allow_cidrs"), std::string::npos) << bad;
  }
}

TEST(AllowedAddresses, ANameIsAskedAboutAtConnectAlone) {
  EXPECT_TRUE(parse_allowed_url("https://gitlab.corp/x.git", {{Scheme::Https}, {}}));
}

TEST(AllowedAddresses, AreOfTheAllowedSchemes) {
  const auto refused = parse_allowed_url("http://93.184.216.34/x.git", {{Scheme::Https}, {}});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().hint.find("network.allow_schemes"), std::string::npos);
}

}  // namespace
}  // namespace gitferry

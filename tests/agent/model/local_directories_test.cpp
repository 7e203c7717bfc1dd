#include "agent/model/local_directories.h"

#include <string>

#include <gtest/gtest.h>

#include "agent/model/allowed_addresses.h"

namespace gitferry {
namespace {

TEST(LocalDirectories, S08_ArePartsOfAPathAndNotOfItsText) {
  const auto directories = LocalDirectories::below({"/srv/git", "/var//lib/./repos/"}).value();
  for (const auto* good : {"/srv/git", "/srv/git/", "/srv/git/x.git", "/srv//git/./a/b", "/var/lib/repos/x"})
    EXPECT_TRUE(directories.allows(good)) << good;
  for (const auto* bad : {"/srv/gitlab/x", "/srv/git.git", "/srv", "/", "/srv/git/../x", "/srv/git/..",
                          "/srv/x/../git/y", "srv/git/x", "", ".", "/SRV/git/x", "/etc"})
    EXPECT_FALSE(directories.allows(bad)) << bad;
  EXPECT_FALSE(directories.allows(std::string("/srv/git/\0/x", 13)));
}

TEST(LocalDirectories, S08_WithoutAListAreEverywhereAndWithAnEmptyOneNowhere) {
  EXPECT_TRUE(LocalDirectories().allows("/anything"));
  EXPECT_EQ(LocalDirectories().named(), nullptr);
  const auto none = LocalDirectories::below({}).value();
  EXPECT_FALSE(none.allows("/anything"));
  EXPECT_FALSE(none.allows("/"));
  EXPECT_TRUE(LocalDirectories::below({"/"})->allows("/anything"));
}

TEST(LocalDirectories, S08_RefusesWhatIsNoAbsolutePath) {
  for (const auto* bad : {"", "srv/git", "./x", "../x", "/srv/../etc", "~/git", "C:\\x"}) {
    const auto refused = LocalDirectories::below({"/srv/git", bad});
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code, ErrorCode::ConfigurationInvalid);
  }
}

TEST(AllowedAddresses, S08_ALocalPathMustBeInADirectoryThatMayBeUsed) {
  const AllowedAddresses allowed{any_scheme(), {}, LocalDirectories::below({"/srv/git"}).value()};
  for (const auto* good : {"/srv/git/x.git", "file:///srv/git/x.git", "FILE:///srv//git/x", "git@h:etc/x",
                           "https://b/etc/x.git"})
    EXPECT_TRUE(parse_allowed_url(good, allowed)) << good;
  for (const auto* bad : {"/etc", "file:///etc", "/srv/gitlab/x.git", "/srv/git.git", "file:///srv/x"}) {
    const auto refused = parse_allowed_url(bad, allowed);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code, ErrorCode::AddressRefused) << bad;
    EXPECT_NE(refused.error().message.find("network.local_directories"), std::string::npos) << bad;
  }
  // What leads out by its text is no address at all, whatever is allowed.
  for (const auto* bad :
       {"/srv/git/../x", "/srv/git/%2e%2e/x", "file:///srv/git/..", "../../x", "~/x", "C:\\x"})
    EXPECT_FALSE(parse_allowed_url(bad, allowed)) << bad;
}

}  // namespace
}  // namespace gitferry

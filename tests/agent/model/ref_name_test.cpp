#include "agent/model/ref_name.h"

#include <gtest/gtest.h>

namespace gitferry {
namespace {

TEST(RefName, TakesWhatGitTakes) {
  for (const auto* name : {"main", "feature/login", "a/b/c", "1.x", "tag",
                           "0123456789012345678901234567890123456789", "\u4e2d\u6587", "a@b", "x{y}"}) {
    EXPECT_TRUE(checked_branch(name)) << name;
  }
}

TEST(RefName, S06_RefusesWhatGitRefusesAndWhatLooksLikeAnOption) {
  const std::string nul("a\0b", 3);
  for (const std::string& name : {std::string(),
                                  std::string("a..b"),
                                  std::string("a~b"),
                                  std::string("a^"),
                                  std::string("a:b"),
                                  std::string("a?"),
                                  std::string("a*"),
                                  std::string("a["),
                                  std::string("a\\b"),
                                  std::string("a b"),
                                  std::string("a\tb"),
                                  std::string("a\x7f"),
                                  nul,
                                  std::string(".a"),
                                  std::string("x/.a"),
                                  std::string("a."),
                                  std::string("a/"),
                                  std::string("/a"),
                                  std::string("a//b"),
                                  std::string("a.lock"),
                                  std::string("a.lock/b"),
                                  std::string("a@{b"),
                                  std::string("-x"),
                                  std::string("x/-y"),
                                  std::string("--upload-pack=touch"),
                                  std::string("-c"),
                                  std::string("main -c core.sshCommand=touch"),
                                  std::string("main\n--upload-pack=touch"),
                                  std::string("main --force"),
                                  std::string("HEAD"),
                                  std::string("refs/heads/a"),
                                  std::string("a\xff"),
                                  std::string(1100, 'a')}) {
    EXPECT_FALSE(checked_branch(name)) << name;
  }
}

TEST(RefName, FullNamesNeedTheirPrefix) {
  EXPECT_TRUE(is_valid_ref("refs/heads/main"));
  EXPECT_TRUE(is_valid_ref("refs/tags/v1"));
  EXPECT_FALSE(is_valid_ref("main"));
  EXPECT_FALSE(is_valid_ref("refs/"));
  EXPECT_FALSE(is_valid_ref("refs/heads/../../x"));
  EXPECT_EQ(branch_of("refs/heads/a/b"), "a/b");
  EXPECT_EQ(branch_of("refs/tags/a"), "");
}

TEST(RefName, ErrorNamesTheRule) {
  EXPECT_NE(checked_branch("a..b").error().message.find("'..'"), std::string::npos);
}

TEST(RefName, TagsAreCheckedLikeBranches) {
  for (const auto* name : {"v1.0", "release/2", "main", "0123456789012345678901234567890123456789", "tag"}) {
    EXPECT_TRUE(checked_tag(name)) << name;
    EXPECT_TRUE(checked_synced_ref("refs/tags/" + std::string(name))) << name;
    EXPECT_TRUE(checked_synced_ref("refs/heads/" + std::string(name))) << name;
  }
  for (const auto* name : {"", "-x", "HEAD", "a..b", "refs/heads/main", "a/", "x.lock", "a b"}) {
    EXPECT_FALSE(checked_tag(name)) << name;
    EXPECT_FALSE(checked_synced_ref("refs/tags/" + std::string(name))) << name;
  }
  EXPECT_NE(checked_tag("-x").error().message.find("cannot be a tag name"), std::string::npos);
  for (const auto* ref : {"refs/notes/commits", "refs/pull/1/head", "HEAD", "", "refs/tags", "refs/heads"}) {
    EXPECT_FALSE(checked_synced_ref(ref)) << ref;
  }
}

TEST(RefName, ABranchAndATagOfOneNameAreToldApart) {
  EXPECT_EQ(branch_or_ref("refs/heads/v1"), "v1");
  EXPECT_EQ(branch_or_ref("refs/tags/v1"), "refs/tags/v1");
  EXPECT_EQ(tag_of("refs/tags/a/b"), "a/b");
  EXPECT_EQ(tag_of("refs/heads/tag"), "");
  EXPECT_FALSE(is_tag("refs/heads/tags/v1"));
}

}  // namespace
}  // namespace gitferry

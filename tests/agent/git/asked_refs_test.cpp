#include "agent/git/asked_refs.h"

#include <gtest/gtest.h>

namespace gitferry::test {
namespace {

using Names = std::vector<std::string_view>;

TEST(AskedRefs, KnowTheirNamesAndNoOthers) {
  const AskedRefs asked({"refs/heads/a", "refs/heads/a/b"});
  EXPECT_TRUE(asked.contains("refs/heads/a"));
  EXPECT_FALSE(asked.contains("refs/heads"));
  EXPECT_FALSE(asked.contains("refs/heads/ab"));
  EXPECT_FALSE(AskedRefs().contains(""));
}

TEST(AskedRefs, AreBlockedByADirectoryOfTheirNameAndByWhatLiesInOne) {
  const AskedRefs asked({"refs/heads/a", "refs/heads/b/c", "refs/heads/b/d", "refs/heads/b-c"});
  EXPECT_EQ(asked.blocked_by("refs/heads/a/x/y"), Names{"refs/heads/a"});
  EXPECT_EQ(asked.blocked_by("refs/heads/b"), (Names{"refs/heads/b/c", "refs/heads/b/d"}));
  for (const auto* harmless :
       {"refs/heads/a", "refs/heads/ab", "refs/heads/b/cd", "refs/heads/c", "refs/tags/a/x", ""})
    EXPECT_TRUE(asked.blocked_by(harmless).empty()) << harmless;
}

}  // namespace
}  // namespace gitferry::test

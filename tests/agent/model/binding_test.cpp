#include "agent/model/binding.h"

#include <gtest/gtest.h>

namespace gitferry {
namespace {

TEST(RepositoryName, TakesWhatTheRulesAllow) {
  for (const auto* name : {"a", "ob-robot-test", "x.git", "_x", "9", "branch", "logs"}) {
    EXPECT_TRUE(checked_repository_name(name)) << name;
  }
}

TEST(RepositoryName, RefusesPathsOptionsAndAmbiguity) {
  const std::string nul("a\0b", 3);
  for (const std::string& name :
       {std::string(), std::string(".."), std::string("."), std::string(".x"), std::string("-x"),
        std::string("--upload-pack=x"), std::string("x -c y"), std::string("../x"), std::string("a/b"),
        std::string("a b"), std::string("repo"), std::string("a\nb"), std::string("n\u00e4me"), nul,
        std::string(129, 'a')}) {
    EXPECT_FALSE(checked_repository_name(name)) << name;
  }
  EXPECT_TRUE(checked_repository_name(std::string(128, 'a')));
}

TEST(Direction, TakesNumbersAndNames) {
  EXPECT_EQ(direction_from("1"), Direction::ToOuter);
  EXPECT_EQ(direction_from("to_inter"), Direction::ToInter);
  EXPECT_FALSE(direction_from("3"));
  EXPECT_EQ(source_side(Direction::ToInter), Side::External);
}

}  // namespace
}  // namespace gitferry

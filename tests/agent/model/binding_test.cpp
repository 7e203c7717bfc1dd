#include "agent/model/binding.h"

#include <gtest/gtest.h>

namespace gitferry {
namespace {

TEST(RepositoryName, TakesWhatTheRulesAllow) {
  for (const auto* name : {"a", "ob-robot-test", "x.git", "_x", "9", "branch", "logs"}) {
    EXPECT_TRUE(checked_repository_name(name)) << name;
  }
}

TEST(RepositoryName, S11_RefusesPathsOptionsAndAmbiguity) {
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

TEST(BindingDirection, IsOneOfTheDirectionsOrBoth) {
  EXPECT_EQ(binding_direction_from("1"), BindingDirection::ToOuter);
  EXPECT_EQ(binding_direction_from("to_inter"), BindingDirection::ToInter);
  EXPECT_EQ(binding_direction_from("3"), BindingDirection::Both);
  EXPECT_EQ(binding_direction_from("both"), BindingDirection::Both);
  for (const auto* none : {"", "0", "4", "BOTH", "1,2"}) EXPECT_FALSE(binding_direction_from(none)) << none;
  for (const auto direction : {BindingDirection::ToOuter, BindingDirection::ToInter, BindingDirection::Both})
    EXPECT_EQ(binding_direction_from(name_of(direction)), direction);
}

TEST(BindingDirection, SaysWhichSidesAreSources) {
  RepositoryBinding binding;
  EXPECT_TRUE(binding.is_source(Side::Internal));
  EXPECT_FALSE(binding.is_source(Side::External));
  binding.direction = BindingDirection::ToInter;
  EXPECT_FALSE(binding.is_source(Side::Internal));
  EXPECT_TRUE(binding.is_source(Side::External));
  EXPECT_EQ(first_direction(binding.direction), Direction::ToInter);
  binding.direction = BindingDirection::Both;
  EXPECT_TRUE(binding.is_source(Side::Internal) && binding.is_source(Side::External));
  EXPECT_EQ(first_direction(binding.direction), Direction::ToOuter);
  EXPECT_EQ(direction_from_side(Side::External), Direction::ToInter);
  EXPECT_EQ(opposite(Direction::ToInter), Direction::ToOuter);
}

TEST(Deletions, AreReadByTheirWords) {
  EXPECT_EQ(deletions_from("propagate"), Deletions::Propagate);
  EXPECT_EQ(deletions_from("ignore"), Deletions::Ignore);
  EXPECT_FALSE(deletions_from("true"));
  RepositoryBinding binding;
  binding.deletions = Deletions::Propagate;
  EXPECT_EQ(binding.deletions_of({"a", "b"}), Deletions::Propagate);
  EXPECT_EQ(binding.deletions_of({"a", "b", true, std::nullopt, Deletions::Ignore}), Deletions::Ignore);
}

TEST(Tags, AreReadByTheirWords) {
  EXPECT_EQ(tags_from("all"), Tags::All);
  EXPECT_EQ(tags_from("none"), Tags::None);
  EXPECT_FALSE(tags_from("true"));
  RepositoryBinding binding;
  EXPECT_FALSE(binding.needs_listing());
  binding.tags = Tags::All;
  EXPECT_TRUE(binding.needs_listing());
}

}  // namespace
}  // namespace gitferry

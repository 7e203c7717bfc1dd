#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/keys.h"
#include "tests/packaging/packaging.h"

namespace gitferry::test {
namespace {

using ::testing::HasSubstr;

const std::string kFilePage = std::string(GITFERRY_BUILD_DIR) + "/gitferry.yaml.5";

TEST(Manual, ItsPagesAreWellFormed) {
  for (const auto& page : {std::string(GITFERRY_SOURCE_DIR) + "/packaging/man/gitferry.1", kFilePage}) {
    const auto linted = run_tool({"mandoc", "-T", "lint", "-W", "warning", page});
    EXPECT_EQ(linted.status, 0) << linted.output << linted.errors;
  }
}

TEST(Manual, ThePageOfTheFileHasEachKeyWithItsWords) {
  const auto source = text_of_file(kFilePage);
  for (const auto* section : config::all_sections()) {
    for (const auto key : section->keys)
      // Of a mapping its own keys are described.
      EXPECT_FALSE(
          matches_of(source, "\n\\.It Cm ((?:[a-z_\\[\\].]+\\.)?" + std::string(key) + "(?:\\[\\])?)[.\n]")
              .empty())
          << section->name << "." << key;
  }
  EXPECT_THAT(source, HasSubstr(".It Cm repos[].deletions\n"));
  EXPECT_THAT(source, HasSubstr("One of: ignore, propagate."));
  EXPECT_THAT(source, HasSubstr(".It Cm server.behind_proxy\n"));
  EXPECT_THAT(source, HasSubstr("By default false."));
  EXPECT_THAT(source, HasSubstr(".It Cm webhooks[].secrets[].not_after\n"));
}

}  // namespace
}  // namespace gitferry::test

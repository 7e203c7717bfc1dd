#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/packaging/packaging.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

class Install : public ::testing::Test {
 protected:
  void install(const std::string& prefix) const {
    const auto done = run_tool({CMAKE_PROGRAM, "--install", GITFERRY_BUILD_DIR, "--prefix", prefix},
                               {"DESTDIR=" + directory.path().string()});
    ASSERT_EQ(done.status, 0) << done.output << done.errors;
  }
  TemporaryDirectory directory;
};

TEST_F(Install, PutsEverythingBelowThePrefix) {
  install("/opt/gitferry");
  const auto files = files_below(directory / "opt/gitferry");
  EXPECT_THAT(
      files, IsSupersetOf({"bin/gitferry", "lib/systemd/system/gitferry.service", "share/man/man1/gitferry.1",
                           "share/man/man5/gitferry.yaml.5", "share/bash-completion/completions/gitferry",
                           "share/fish/vendor_completions.d/gitferry.fish",
                           "share/zsh/site-functions/_gitferry", "share/gitferry/schema.json",
                           "share/doc/gitferry/README.md", "share/doc/gitferry/copyright",
                           "share/doc/gitferry/install.md", "share/doc/gitferry/examples/gitferry.yaml",
                           "share/doc/gitferry/examples/compose/compose.yaml"}));
  std::set<std::string> elsewhere;
  for (const auto& file : files_below(directory.path())) {
    if (!file.starts_with("opt/gitferry/")) elsewhere.insert(file);
  }
  EXPECT_EQ(elsewhere, std::set<std::string>()) << "the machine's configuration is for packages";
  EXPECT_THAT(
      text_of_file(directory / "opt/gitferry/lib/systemd/system/gitferry.service"),
      HasSubstr("\nExecStart=/opt/gitferry/bin/gitferry serve --config /etc/gitferry/gitferry.yaml\n"));
  const auto version = run_tool({directory / "opt/gitferry/bin/gitferry", "--version"});
  EXPECT_EQ(version.output, GITFERRY_VERSION "\n");
}

}  // namespace
}  // namespace gitferry::test

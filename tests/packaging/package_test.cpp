// The package for Debian: what is in it, and that it can be installed, started and taken away.

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/packaging/packaging.h"
#include "tests/support/agent_process.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

/// What the package holds, as it lies in the system.
TEST(PackageContent, IsTheProgramAndWhatBelongsToIt) {
  const TemporaryDirectory directory;
  for (const auto* component : {"program", "debian"}) {
    const auto done = run_tool(
        {CMAKE_PROGRAM, "--install", GITFERRY_BUILD_DIR, "--prefix", "/usr", "--component", component},
        {"DESTDIR=" + directory.path().string()});
    ASSERT_EQ(done.status, 0) << done.output << done.errors;
  }
  const auto files = files_below(directory.path());
  EXPECT_THAT(files, IsSupersetOf({"usr/bin/gitferry", "usr/lib/systemd/system/gitferry.service",
                                   "etc/default/gitferry", "usr/share/man/man1/gitferry.1",
                                   "usr/share/man/man5/gitferry.yaml.5",
                                   "usr/share/bash-completion/completions/gitferry",
                                   "usr/share/zsh/vendor-completions/_gitferry",
                                   "usr/share/fish/vendor_completions.d/gitferry.fish",
                                   "usr/share/doc/gitferry/copyright", "usr/share/doc/gitferry/install.md"}));
  EXPECT_EQ(std::filesystem::status(directory / "etc/gitferry/secrets").permissions(),
            std::filesystem::perms::owner_all);
  EXPECT_FALSE(files.contains("etc/gitferry/gitferry.yaml")) << "without one the service does not start";
  EXPECT_THAT(text_of_file(directory / "usr/lib/systemd/system/gitferry.service"),
              HasSubstr("\nExecStart=/usr/bin/gitferry serve --config /etc/gitferry/gitferry.yaml\n"));
  std::string configuration;
  for (const auto& file : files) {
    if (file.starts_with("etc/")) configuration += "/" + file + "\n";
  }
  EXPECT_EQ(source_text("packaging/debian/conffiles"), configuration) << "what an upgrade may not overwrite";
}

TEST(PackageContent, ItsScriptsAreWellFormed) {
  for (const std::string script : {"postinst", "prerm", "postrm"}) {
    const auto file = std::string(GITFERRY_SOURCE_DIR) + "/packaging/debian/" + script;
    EXPECT_EQ(run_tool({"sh", "-n", file}).status, 0) << script;
    EXPECT_EQ(run_tool({"stat", "-c", "%a", file}).output, "755\n") << script;
  }
}

class FullPackage : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto made =
        run_tool({CPACK_PROGRAM, "--config", std::string(GITFERRY_BUILD_DIR) + "/CPackConfig.cmake", "-B",
                  directory.path().string()});
    ASSERT_EQ(made.status, 0) << made.output << made.errors;
    for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
      if (entry.path().extension() == ".deb") package = entry.path().string();
    }
    ASSERT_FALSE(package.empty()) << made.output;
  }
  [[nodiscard]] std::string field(const std::string& name) const {
    return run_tool({"dpkg-deb", "-f", package, name}).output;
  }

  TemporaryDirectory directory;
  std::string package;
};

TEST_F(FullPackage, SaysWhatItNeedsAndBelongsToRoot) {
  EXPECT_EQ(field("Package"), "gitferry\n");
  EXPECT_EQ(field("Version"), GITFERRY_VERSION "\n");
  for (const auto* library :
       {"libc6", "libgit2-1.", "libcurl", "libssl3", "libcpp-httplib", "libsqlite3-0", "ca-certificates"})
    EXPECT_THAT(field("Depends"), HasSubstr(library));
  for (const auto* program : {"git", "openssh-client", "libnss-systemd"})
    EXPECT_THAT(field("Recommends"), HasSubstr(program));

  std::istringstream lines(run_tool({"dpkg-deb", "-c", package}).output);
  std::set<std::string> modes;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string mode;
    std::string owner;
    words >> mode >> owner;
    modes.insert(mode);
    EXPECT_EQ(owner, "root/root") << line;
  }
  EXPECT_EQ(modes, (std::set<std::string>{"-rw-r--r--", "-rwxr-xr-x", "drwx------", "drwxr-xr-x"}));
  const auto control = directory / "control";
  ASSERT_EQ(run_tool({"dpkg-deb", "-e", package, control}).status, 0);
  for (const std::string file : {"conffiles", "postinst", "prerm", "postrm"})
    EXPECT_EQ(text_of_file(control + "/" + file), source_text("packaging/debian/" + file)) << file;
}

/// A system of the same release that has nothing but what every Debian has.
class FullSystem : public FullPackage {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can install a system";
    FullPackage::SetUp();
    root = directory / "root";
    const auto release = matches_of(text_of_file("/etc/os-release"), "VERSION_CODENAME=(\\w+)");
    ASSERT_EQ(release.size(), 1U);
    const auto made = run_tool({"debootstrap", "--variant=minbase", *release.begin(), root});
    ASSERT_EQ(made.status, 0) << made.output << made.errors;
    std::filesystem::copy_file(package, root + "/gitferry.deb");
  }
  void TearDown() override {
    if (!root.empty()) run_tool({"umount", root + "/proc"});
  }
  [[nodiscard]] ProcessOutcome inside(std::vector<std::string> argv) const {
    argv.insert(argv.begin(), {"chroot", root});
    return run_tool(std::move(argv), {"DEBIAN_FRONTEND=noninteractive"});
  }

  std::string root;
};

TEST_F(FullSystem, TakesThePackageStartsItAndLetsItGo) {
  ASSERT_EQ(inside({"mount", "-t", "proc", "proc", "/proc"}).status, 0);
  const auto updated = inside({"apt-get", "update", "-q"});
  ASSERT_EQ(updated.status, 0) << updated.errors;
  const auto installed =
      inside({"apt-get", "install", "-y", "-q", "--no-install-recommends", "/gitferry.deb"});
  ASSERT_EQ(installed.status, 0) << installed.output << installed.errors;
  EXPECT_TRUE(
      std::filesystem::is_symlink(root + "/etc/systemd/system/multi-user.target.wants/gitferry.service"))
      << "it is enabled";
  EXPECT_EQ(inside({"gitferry", "--version"}).output, GITFERRY_VERSION "\n");

  // As the unit starts it: another user, a directory of its own, the machine's configuration.
  const auto port = free_port();
  std::ofstream(root + "/etc/gitferry/gitferry.yaml")
      << fmt::format("version: 1\nserver: {{listen: \"127.0.0.1:{}\"}}\n", port);
  const std::string state = "/var/lib/gitferry";
  ASSERT_EQ(inside({"install", "-d", "-o", "65532", "-g", "65532", "-m", "0700", state}).status, 0);
  const std::vector<std::string> environment{"HOME=" + state,
                                             "GITFERRY_STORAGE_URL=sqlite:" + state + "/gitferry.db",
                                             "GITFERRY_SYNC_SYNC_DIR=" + state + "/sync"};
  {
    const Background agent({"chroot", "--userspec=65532:65532", root, "/usr/bin/gitferry", "serve",
                            "--config", "/etc/gitferry/gitferry.yaml"},
                           environment, directory / "agent.log");
    ProcessOutcome health;
    EXPECT_TRUE(eventually([&] {
      health = inside({"gitferry", "healthcheck", "--config", "/etc/gitferry/gitferry.yaml"});
      return health.status == 0;
    })) << health.errors
        << text_of_file(directory / "agent.log");
    EXPECT_EQ(health.output, "ok\n");
  }
  const auto removed = inside({"dpkg", "--purge", "gitferry"});
  EXPECT_EQ(removed.status, 0) << removed.errors;
  EXPECT_FALSE(std::filesystem::exists(root + "/usr/bin/gitferry"));
  EXPECT_FALSE(
      std::filesystem::is_symlink(root + "/etc/systemd/system/multi-user.target.wants/gitferry.service"));
  EXPECT_TRUE(std::filesystem::exists(root + "/etc/gitferry/gitferry.yaml")) << "it is the administrator's";
  EXPECT_TRUE(std::filesystem::exists(root + state + "/gitferry.db"));
}

}  // namespace
}  // namespace gitferry::test

#include "agent/base/crash_point.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/crash_point_names.h"

namespace gitferry {
namespace {

namespace fs = std::filesystem;

std::string content_of(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::set<std::string> all_matches(const std::string& text, const std::regex& wanted) {
  std::set<std::string> found;
  for (auto it = std::sregex_iterator(text.begin(), text.end(), wanted); it != std::sregex_iterator(); ++it)
    found.insert((*it)[1]);
  return found;
}

/// The enumerators, as the header has them.
std::set<std::string> declared_points() {
  const auto header = content_of(fs::path(GITFERRY_SOURCE) / "agent/base/crash_point.h");
  const auto begin = header.find("enum class CrashPoint {");
  const auto body = header.substr(begin, header.find("};", begin) - begin);
  return all_matches(body, std::regex("\\n  ([A-Z][A-Za-z]*),"));
}

/// Passes the commit's point five times, and its reply's once for each subject, in a process of its own; how
/// that ended: the exit code, or -signal.
int end_with(const char* crash_at) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("GITFERRY_CRASH_AT", crash_at, 1);  // NOLINT(concurrency-mt-unsafe): the child has one thread
    for (int i = 0; i < 5; ++i) crash_point(CrashPoint::AfterCommit);
    for (const auto* subject : {"HTTP/1.1 200", "HTTP/1.1 202"}) crash_point(CrashPoint::AfterReply, subject);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(CrashPoint, KillsAtThePassThatIsAskedForAndNowhereElse) {
  EXPECT_EQ(end_with("after_commit"), -SIGKILL);
  EXPECT_EQ(end_with("after_commit:5"), -SIGKILL);
  EXPECT_EQ(end_with("after_commit:6"), 0);
  EXPECT_EQ(end_with("before_commit"), 0);
  EXPECT_EQ(end_with("after_reply:2"), -SIGKILL);
  EXPECT_EQ(end_with("after_reply@HTTP/1.1 202"), -SIGKILL);
  EXPECT_EQ(end_with("after_reply:2@HTTP/1.1 202"), 0);
}

TEST(CrashPoint, AWordThatNamesNoPointEndsTheProcess) {
  for (const auto* wrong : {"", "after_comit", "after_commit:", "after_commit:0", "after_commit:x", ":1"})
    EXPECT_EQ(end_with(wrong), 2) << wrong;
}

TEST(CrashPoint, EveryPointHasANameOfItsOwnAndTheTableHasItsOrder) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kCrashPoints.size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(kCrashPoints[i].point), i);
    names.insert(kCrashPoints[i].name);
  }
  EXPECT_EQ(names.size(), kCrashPoints.size());
  EXPECT_EQ(declared_points().size(), kCrashPoints.size());
  EXPECT_GE(kCrashPoints.size(), 40U);
}

TEST(CrashPoint, EveryPointIsPlacedInTheCode) {
  std::set<std::string> placed;
  for (const auto* folder : {"agent", "api", "config"}) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(GITFERRY_SOURCE) / folder)) {
      if (entry.path().extension() != ".cpp") continue;
      placed.merge(
          all_matches(content_of(entry.path()), std::regex("crash_point\\(CrashPoint::([A-Za-z]+)")));
    }
  }
  EXPECT_EQ(placed, declared_points());
}

}  // namespace
}  // namespace gitferry

#include "agent/daemon/file_watch.h"

#include <filesystem>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/config/support.h"

// Each look() is a tick: no test waits for one.

namespace gitferry::daemon {
namespace {

using config::TempDir;

/// Gives the file a time of change of the test's own: two writes may come within one tick of the disk's
/// clock.
void set_time(const std::string& path, long seconds) {
  const struct timespec times[2] = {{seconds, 0}, {seconds, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
}

TEST(FileWatch, SaysNothingOfAFileThatStaysAsItIs) {
  const TempDir dir;
  FileWatch watch(dir.write("f", "a"));
  for (int tick = 0; tick < 3; ++tick) EXPECT_FALSE(watch.look());
}

TEST(FileWatch, TellsAChangeOnceItIsSteadyAndUntilItIsKnown) {
  const TempDir dir;
  const std::string file = dir.write("f", "a");
  FileWatch watch(file);
  static_cast<void>(dir.write("f", "ab"));
  EXPECT_FALSE(watch.look()) << "it may still be being written";
  static_cast<void>(dir.write("f", "abc"));
  EXPECT_FALSE(watch.look()) << "as it was";
  EXPECT_TRUE(watch.look());
  EXPECT_TRUE(watch.look());
  watch.know();
  EXPECT_FALSE(watch.look());
}

TEST(FileWatch, SeesAChangeOfTheTimeAlone) {
  const TempDir dir;
  const std::string file = dir.write("f", "a");
  set_time(file, 1'000'000);
  FileWatch watch(file);
  set_time(file, 1'000'001);
  EXPECT_FALSE(watch.look());
  EXPECT_TRUE(watch.look());
}

TEST(FileWatch, SeesAnotherFileOfTheSameSizeAndTime) {
  const TempDir dir;
  const std::string file = dir.write("f", "a");
  const std::string other = dir.write("g", "b");
  set_time(file, 1'000'000);
  set_time(other, 1'000'000);
  FileWatch watch(file);
  std::filesystem::rename(other, file);
  EXPECT_FALSE(watch.look());
  EXPECT_TRUE(watch.look());
}

TEST(FileWatch, SeesTheDirectoryBehindALinkExchanged) {
  const TempDir dir;
  std::filesystem::create_directories(dir.path("v1"));
  std::filesystem::create_directories(dir.path("v2"));
  static_cast<void>(dir.write("v1/f", "a"));
  static_cast<void>(dir.write("v2/f", "b"));
  std::filesystem::create_symlink("v1", dir.path("data"));
  std::filesystem::create_symlink("data/f", dir.path("f"));
  FileWatch watch(dir.path("f"));
  std::filesystem::create_symlink("v2", dir.path("new"));
  std::filesystem::rename(dir.path("new"), dir.path("data"));
  EXPECT_FALSE(watch.look());
  EXPECT_TRUE(watch.look());
}

TEST(FileWatch, SaysNothingOfAFileThatIsGoneUntilItIsBack) {
  const TempDir dir;
  const std::string file = dir.write("f", "a");
  FileWatch watch(file);
  std::filesystem::remove(file);
  for (int tick = 0; tick < 3; ++tick) EXPECT_FALSE(watch.look());
  static_cast<void>(dir.write("f", "other"));
  EXPECT_FALSE(watch.look());
  EXPECT_TRUE(watch.look());
}

TEST(FileWatch, SaysNothingOfWhatIsNoFile) {
  const TempDir dir;
  const std::string file = dir.write("f", "a");
  FileWatch watch(file);
  std::filesystem::remove(file);
  std::filesystem::create_directories(file);
  for (int tick = 0; tick < 3; ++tick) EXPECT_FALSE(watch.look());
}

}  // namespace
}  // namespace gitferry::daemon

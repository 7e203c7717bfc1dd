#include "agent/daemon/private_files.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/config/support.h"

namespace gitferry::daemon {
namespace {

using config::TempDir;

::mode_t mode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777U;
}

TEST(PrivateDirectory, S38_IsMadeForTheOwnerOnly) {
  const TempDir dir;
  ASSERT_TRUE(ensure_private_directory(dir.path("sync/")));
  EXPECT_EQ(mode_of(dir.path("sync")), 0700U);
  EXPECT_TRUE(ensure_private_directory(dir.path("sync")));
}

TEST(PrivateDirectory, S11_IsRefusedWhereOthersMayWrite) {
  const TempDir dir;
  for (const ::mode_t mode : {0770U, 0707U, 01777U}) {
    const std::string path = dir.path(std::to_string(mode));
    ASSERT_EQ(::mkdir(path.c_str(), 0700), 0);
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_FALSE(ensure_private_directory(path)) << std::oct << mode;
  }
}

TEST(PrivateDirectory, S11_IsRefusedWhereItIsALinkOrAFile) {
  const TempDir dir;
  ASSERT_EQ(::mkdir(dir.path("real").c_str(), 0700), 0);
  ASSERT_EQ(::symlink(dir.path("real").c_str(), dir.path("link").c_str()), 0);
  EXPECT_FALSE(ensure_private_directory(dir.path("link")));
  EXPECT_FALSE(ensure_private_directory(dir.path("link/")));
  EXPECT_FALSE(ensure_private_directory(dir.write("file", "")));
  EXPECT_FALSE(ensure_private_directory(dir.path("no/parent")));
}

TEST(PrivateDirectory, S11_IsRefusedWhereItBelongsToAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a directory away";
  const TempDir dir;
  ASSERT_EQ(::mkdir(dir.path("theirs").c_str(), 0700), 0);
  ASSERT_EQ(::chown(dir.path("theirs").c_str(), 12345, 12345), 0);
  EXPECT_FALSE(ensure_private_directory(dir.path("theirs")));
}

TEST(AdminToken, S32_IsMadeOnceAndKept) {
  const TempDir dir;
  const auto made = ensure_admin_token(dir.path(""));
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_TRUE(made->is_new);
  EXPECT_EQ(made->secret.reveal().size(), 64U);
  EXPECT_EQ(mode_of(made->path), 0600U);
  const auto again = ensure_admin_token(dir.path(""));
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->is_new);
  EXPECT_EQ(again->secret.reveal(), made->secret.reveal());
}

TEST(AdminToken, S34_IsRefusedWhereOthersMayReadIt) {
  const TempDir dir;
  const auto made = ensure_admin_token(dir.path(""));
  ASSERT_TRUE(made);
  ASSERT_EQ(::chmod(made->path.c_str(), 0644), 0);
  EXPECT_FALSE(ensure_admin_token(dir.path("")));
}

TEST(AdminToken, AnEmptyOneIsRefusedWithWhatToDo) {
  const TempDir dir;
  ASSERT_NE(dir.write("admin-token", ""), "");
  const auto read = ensure_admin_token(dir.path(""));
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().hint.find("remove it"), std::string::npos);
}

TEST(SealingKey, IsMadeOnceForTheOwnerOnlyWithItsDirectories) {
  const TempDir dir;
  const std::string path = dir.path("data/keys/sealing-key");
  const auto made = ensure_sealing_key(path);
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_EQ(made->reveal().size(), 32U);
  EXPECT_EQ(mode_of(path), 0600U);
  const auto again = ensure_sealing_key(path);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->reveal(), made->reveal());
  const auto read = read_sealing_key(path);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->reveal(), made->reveal());
}

TEST(SealingKey, IsNotMadeByReading) {
  const TempDir dir;
  const auto read = read_sealing_key(dir.path("sealing-key"));
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_TRUE(read->empty());
  EXPECT_FALSE(std::filesystem::exists(dir.path("sealing-key")));
}

TEST(SealingKey, AFileThatHoldsNoneIsRefusedAndKept) {
  const TempDir dir;
  const std::string good(64, 'a');
  for (const std::string& text :
       {std::string("short"), good + "a", good + "aa", std::string(64, 'x'), std::string()}) {
    const std::string path = dir.write("sealing-key", text);
    for (const auto& read : {ensure_sealing_key(path), read_sealing_key(path)}) {
      ASSERT_FALSE(read) << text;
      EXPECT_EQ(read.error().code, ErrorCode::ConfigurationInvalid);
      EXPECT_NE(read.error().text().find(path), std::string::npos) << read.error().text();
      EXPECT_FALSE(read.error().hint.empty());
    }
    EXPECT_EQ(std::filesystem::file_size(path), text.size());
  }
}

TEST(SealingKey, S34_IsRefusedWhereOthersMayReadIt) {
  const TempDir dir;
  const std::string path = dir.write("sealing-key", std::string(64, 'a'), 0640);
  EXPECT_FALSE(ensure_sealing_key(path));
  EXPECT_FALSE(read_sealing_key(path));
}

}  // namespace
}  // namespace gitferry::daemon

#include "config/secret_source.h"

#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/config/support.h"

namespace gitferry::config {
namespace {

TEST(SecretSource, ReadsAPrivateFileWithoutItsLineEnd) {
  const TempDir dir;
  const auto none = environment_of({});
  EXPECT_EQ(read_secret({dir.write("a", "s3cret\n"), ""}, none)->reveal(), "s3cret");
  EXPECT_EQ(read_secret({dir.write("b", "s3cret\r\n"), ""}, none)->reveal(), "s3cret");
  EXPECT_EQ(read_secret({dir.write("c", " s3 cret "), ""}, none)->reveal(), " s3 cret ");
}

/// What a child that is no longer root says of a file of root's; 0: it was read.
int read_by_another_user(const std::string& path, ::gid_t group) {
  const ::pid_t child = ::fork();
  if (child == 0) {
    constexpr ::uid_t kAnother = 65532;
    const bool dropped = ::setgroups(0, nullptr) == 0 && ::setgid(group) == 0 && ::setuid(kAnother) == 0;
    ::_exit(!dropped ? 2 : read_secret({path, ""}, environment_of({})) ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

/// As orchestrators mount secrets, and service managers pass them on.
TEST(SecretSource, S34_TakesAFileThatRootHandsToOurGroupAndNoOther) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can hand a file over";
  constexpr ::gid_t kGroup = 65532;
  const TempDir dir;
  ASSERT_EQ(::chmod(dir.path("").c_str(), 0755), 0);
  const auto file = [&](::mode_t mode, ::uid_t owner = 0) {
    auto path = dir.write("s", "s3cret", mode);
    EXPECT_EQ(::chown(path.c_str(), owner, kGroup), 0);
    return path;
  };
  EXPECT_EQ(read_by_another_user(file(0440), kGroup), 0);
  EXPECT_EQ(read_by_another_user(file(0640), kGroup), 0);
  for (const ::mode_t mode : {0460U, 0450U, 0444U, 0644U})
    EXPECT_EQ(read_by_another_user(file(mode), kGroup), 1) << std::oct << mode;
  EXPECT_EQ(read_by_another_user(file(0440, 65531), kGroup), 1) << "not of root's";
  EXPECT_FALSE(read_secret({file(0440), ""}, environment_of({}))) << "root itself needs no group for it";
}

TEST(SecretSource, ReadsTheVariableAnewEachTime) {
  EXPECT_EQ(read_secret({"", "HOOK"}, environment_of({{"HOOK", "one"}}))->reveal(), "one");
  EXPECT_EQ(read_secret({"", "HOOK"}, environment_of({{"HOOK", "two"}}))->reveal(), "two");
}

TEST(SecretSource, S34_RefusesFilesThatOthersMayRead) {
  const TempDir dir;
  for (const ::mode_t mode : {0640U, 0604U, 0644U, 0660U, 0601U}) {
    const auto read = read_secret({dir.write("s", "s3cret", mode), ""}, environment_of({}));
    ASSERT_FALSE(read) << std::oct << mode;
    EXPECT_NE(read.error().hint.find("chmod 600"), std::string::npos);
    EXPECT_EQ(read.error().text().find("s3cret"), std::string::npos);
  }
}

TEST(SecretSource, RefusesWhatIsNotASecret) {
  const TempDir dir;
  const auto none = environment_of({{"EMPTY", ""}});
  const std::string fifo = dir.path("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  for (const SecretSource& source :
       {SecretSource{dir.path("missing"), ""}, SecretSource{dir.write("empty", ""), ""},
        SecretSource{dir.write("blank", "\n"), ""}, SecretSource{dir.path(""), ""}, SecretSource{fifo, ""},
        SecretSource{dir.write("huge", std::string(65'537, 'x')), ""}, SecretSource{"", "MISSING"},
        SecretSource{"", "EMPTY"}}) {
    const auto read = read_secret(source, none);
    ASSERT_FALSE(read) << source.file << source.env;
    EXPECT_EQ(read.error().code, ErrorCode::ConfigurationInvalid);
  }
}

}  // namespace
}  // namespace gitferry::config

#include "config/secret_source.h"

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

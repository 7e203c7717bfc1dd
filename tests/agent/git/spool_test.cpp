#include "agent/git/spool.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/agent/git/bytes.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::test {
namespace {

std::string numbered(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 31) ^ (i >> 8U));
  return bytes;
}

TEST(Spool, KeepsSmallAmountsInMemoryAndTouchesNoDisk) {
  const TemporaryDirectory directory;
  Spool spool(directory / "spool", 1000);
  const auto bytes = numbered(1000);
  ASSERT_TRUE(spool.append(bytes.substr(0, 10)));
  ASSERT_TRUE(spool.append(bytes.substr(10)));
  EXPECT_EQ(spool.bytes_on_disk(), 0U);
  EXPECT_EQ(read_all(spool).value(), bytes);
  EXPECT_FALSE(std::filesystem::exists(directory / "spool"));
}

TEST(Spool, GivesBackWhatWentToDiskInOrderAndLeavesNoName) {
  const TemporaryDirectory directory;
  const auto bytes = numbered(900'000);
  for (const std::size_t piece : {std::size_t{777}, std::size_t{300'001}, bytes.size()}) {
    Spool spool(directory / "spool", 300'000);
    for (std::size_t i = 0; i < bytes.size(); i += piece) ASSERT_TRUE(spool.append(bytes.substr(i, piece)));
    EXPECT_EQ(spool.size(), bytes.size());
    EXPECT_EQ(spool.bytes_on_disk(), 600'000U);
    EXPECT_TRUE(std::filesystem::is_empty(directory / "spool"));
    EXPECT_EQ(read_all(spool, 4321).value(), bytes);
  }
}

TEST(Spool, SaysWhereItCannotWrite) {
  const TemporaryDirectory directory;
  std::ofstream(directory / "file") << "x";
  Spool spool((directory / "file") + "/spool", 10);
  const auto appended = spool.append(numbered(11));
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code, ErrorCode::LocalPermission);
  EXPECT_NE(appended.error().message.find(directory / "file"), std::string::npos);
}

}  // namespace
}  // namespace gitferry::test

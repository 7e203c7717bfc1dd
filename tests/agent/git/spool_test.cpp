#include "agent/git/spool.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/agent/git/bytes.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::test {
namespace {

constexpr std::uint64_t kDisk = 1U << 30U;

std::string numbered(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 31) ^ (i >> 8U));
  return bytes;
}

TEST(Spool, KeepsSmallAmountsInMemoryAndTouchesNoDisk) {
  const TemporaryDirectory directory;
  Spool spool(directory / "spool", kDisk, 1000);
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
    Spool spool(directory / "spool", kDisk, 300'000);
    for (std::size_t i = 0; i < bytes.size(); i += piece) ASSERT_TRUE(spool.append(bytes.substr(i, piece)));
    EXPECT_EQ(spool.size(), bytes.size());
    EXPECT_EQ(spool.bytes_on_disk(), 600'000U);
    EXPECT_TRUE(std::filesystem::is_empty(directory / "spool"));
    EXPECT_EQ(read_all(spool, 4321).value(), bytes);
  }
}

TEST(Spool, IsReadWhileItIsFilledAndGoesBackToMemory) {
  const TemporaryDirectory directory;
  Spool spool(directory / "spool", kDisk, 1000);
  const auto bytes = numbered(50'000);
  std::size_t appended = 0;
  std::string read;
  std::string room(700, '\0');
  // Appending is ahead by turns of more and less than fits into memory.
  for (const std::size_t ahead : {500U, 3000U, 900U, 0U, 1000U, 8000U, 100U, 0U, 999U, 0U}) {
    while (appended < read.size() + ahead) {
      ASSERT_TRUE(spool.append(bytes.substr(appended, 300)));
      appended += 300;
    }
    if (read.empty()) {
      EXPECT_EQ(spool.bytes_on_disk(), 0U);
    }
    while (read.size() + ahead / 2 < appended) {
      const auto count = spool.read(room);
      ASSERT_TRUE(count && *count > 0);
      read.append(room, 0, *count);
    }
  }
  const auto on_disk = spool.bytes_on_disk();
  EXPECT_GT(on_disk, 5000U);
  read += read_all(spool).value();
  EXPECT_EQ(read, bytes.substr(0, appended));
  ASSERT_TRUE(spool.append(numbered(1000)));
  EXPECT_EQ(spool.bytes_on_disk(), on_disk) << "there was room in memory";
  EXPECT_EQ(read_all(spool).value(), numbered(1000));
}

TEST(Spool, TakesNoMoreDiskThanItMay) {
  const TemporaryDirectory directory;
  Spool spool(directory / "spool", 5000, 1000);
  ASSERT_TRUE(spool.append(numbered(6000)));
  const auto appended = spool.append("x");
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code, ErrorCode::LimitExceeded);
}

TEST(Spool, SaysWhereItCannotWrite) {
  const TemporaryDirectory directory;
  std::ofstream(directory / "file") << "x";
  Spool spool((directory / "file") + "/spool", kDisk, 10);
  const auto appended = spool.append(numbered(11));
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code, ErrorCode::LocalPermission);
  EXPECT_NE(appended.error().message.find(directory / "file"), std::string::npos);
}

}  // namespace
}  // namespace gitferry::test

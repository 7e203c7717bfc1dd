#include "agent/base/error.h"

#include <set>

#include <gtest/gtest.h>

namespace gitferry {
namespace {

TEST(ErrorTable, NamesAreUnique) {
  std::set<std::string_view> names;
  for (const auto& row : all_errors()) EXPECT_TRUE(names.insert(row.name).second) << row.name;
}

TEST(ErrorTable, HoldsEveryNumberOfTheApiDocument) {
  std::set<int> numbers;
  for (const auto& row : all_errors()) numbers.insert(row.code_status);
  for (int number = 10001; number <= 10015; ++number) EXPECT_TRUE(numbers.contains(number)) << number;
  for (int number = 20001; number <= 20012; ++number) EXPECT_TRUE(numbers.contains(number)) << number;
}

TEST(ErrorTable, AnswersDomainOutcomesWithHttp200) {
  for (const auto& row : all_errors()) {
    if (row.code_status < 10020 || (row.code_status >= 20000 && row.code_status < 30000)) {
      EXPECT_EQ(row.http_status, 200) << row.name;
    }
  }
}

TEST(ErrorTable, KeepsTheTextsThatClientsKnow) {
  EXPECT_EQ(info(ErrorCode::BranchMissing).text_zh, "分支不存在");
  EXPECT_EQ(info(ErrorCode::BranchMissing).code_status, 20009);
  EXPECT_EQ(info(ErrorCode::HostUnresolved).text_zh, "无法解析主机");
  EXPECT_EQ(info(ErrorCode::ConfigurationInvalid).exit_code, 78);
}

TEST(Error, TextJoinsMessageAndHint) {
  EXPECT_EQ((Error{ErrorCode::Timeout, "a", "", {}}.text()), "a");
  EXPECT_EQ((Error{ErrorCode::Timeout, "a", "b", {}}.text()), "a; b");
}

}  // namespace
}  // namespace gitferry

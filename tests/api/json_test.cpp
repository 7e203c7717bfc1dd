#include "api/json.h"

#include <string>

#include <gtest/gtest.h>

namespace gitferry::api {
namespace {

using namespace std::string_literals;

TEST(Json, ReadsAnObject) {
  const auto value = parse_json_object(" {\"a\": [1, \"x\", null], \"b\": {\"c\": \"\\u00e9é\"}} \n");
  ASSERT_TRUE(value) << value.error().text();
  EXPECT_EQ(member(*value, "a")[0].asInt(), 1);
  EXPECT_EQ(text_at(member(*value, "b"), "c"), "éé");
}

struct Bad {
  std::string bytes;
  std::string reason;
};

TEST(Json, RefusesEverythingElseWithItsReason) {
  for (const Bad& bad : {
           Bad{"", "well-formed"},
           Bad{"null", "well-formed|not an object"},
           Bad{"[]", "not an object"},
           Bad{"\"{}\"", "well-formed|not an object"},
           Bad{"{", "well-formed"},
           Bad{"{} {}", "well-formed"},
           Bad{"{}x", "well-formed"},
           Bad{"{'a':1}", "well-formed"},
           Bad{"{\"a\":1,}", "well-formed"},
           Bad{"{\"a\":NaN}", "well-formed"},
           Bad{"{\"a\":1,\"a\":2}", "the key 'a' is given twice"},
           Bad{"{\"a\":1} // comment", "well-formed"},
           Bad{"{\"a\":\"\xff\"}", "UTF-8"},
           Bad{"{\"a\":\"\xed\xa0\x80\"}", "UTF-8"},
           Bad{"\xEF\xBB\xBF{}", "byte order mark"},
           Bad{"{}\0"s, "NUL"},
           Bad{"{\"a\":" + std::string(70, '[') + std::string(70, ']') + "}", "too deeply"},
           Bad{std::string(1'000'000, '['), "well-formed|too deeply"},
           Bad{"{\"a\":[" + std::string(2'000'002, ','), "too many values"},
       }) {
    const auto value = parse_json_object(bad.bytes);
    ASSERT_FALSE(value) << bad.bytes.substr(0, 80);
    EXPECT_EQ(value.error().code, ErrorCode::InvalidArgument);
    bool says_so = false;
    for (std::size_t from = 0; from <= bad.reason.size();) {
      const auto end = std::min(bad.reason.find('|', from), bad.reason.size());
      says_so =
          says_so || value.error().message.find(bad.reason.substr(from, end - from)) != std::string::npos;
      from = end + 1;
    }
    EXPECT_TRUE(says_so) << bad.bytes.substr(0, 80) << ": " << value.error().text();
  }
}

TEST(Json, MemberAccessNeverThrows) {
  const auto value = parse_json_object(R"({"number": 1, "list": [], "text": "x", "nothing": null})");
  ASSERT_TRUE(value);
  for (const char* name : {"number", "list", "text", "nothing", "missing"}) {
    EXPECT_TRUE(member(member(*value, name), "deeper").isNull()) << name;
    EXPECT_EQ(text_at(member(*value, name), "deeper"), std::nullopt) << name;
  }
  EXPECT_EQ(text_at(*value, "number"), std::nullopt);
  EXPECT_EQ(text_at(*value, "text"), "x");
}

TEST(Json, WritesOneLineOfUtf8) {
  Json::Value value(Json::objectValue);
  value["msg"] = "操作成功\n";
  EXPECT_EQ(to_text(value), "{\"msg\":\"操作成功\\n\"}");
}

}  // namespace
}  // namespace gitferry::api

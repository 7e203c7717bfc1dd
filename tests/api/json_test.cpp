#include "api/json.h"

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <malloc.h>

namespace gitferry::api {
namespace {

using namespace std::string_literals;

TEST(Json, ReadsAnObject) {
  const auto value = parse_json_object(" {\"a\": [1, \"x\", null], \"b\": {\"c\": \"\\u00e9é\"}} \n");
  ASSERT_TRUE(value) << value.error().text();
  EXPECT_EQ(member(*value, "a")[0].asInt(), 1);
  EXPECT_EQ(text_at(member(*value, "b"), "c"), "éé");
}

TEST(Json, KeepsTheKindsOfNumbers) {
  const auto value = parse_json_object(
      R"({"small": -1, "large": 9223372036854775807, "larger": 18446744073709551615, "real": 1.5, "yes": true})");
  ASSERT_TRUE(value) << value.error().text();
  EXPECT_EQ(member(*value, "small").asInt64(), -1);
  EXPECT_EQ(member(*value, "large").asInt64(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(member(*value, "larger").asUInt64(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(member(*value, "real").asDouble(), 1.5);
  EXPECT_TRUE(member(*value, "yes").asBool());
}

struct Bad {
  std::string bytes;
  std::string reason;
};

void expect_refused(const std::vector<Bad>& table, const JsonBounds& bounds = {}) {
  for (const Bad& bad : table) {
    const auto value = parse_json_object(bad.bytes, bounds);
    ASSERT_FALSE(value) << bad.bytes.substr(0, 80);
    EXPECT_EQ(value.error().code, ErrorCode::InvalidArgument);
    EXPECT_NE(value.error().message.find(bad.reason), std::string::npos)
        << bad.bytes.substr(0, 80) << ": " << value.error().text();
  }
}

std::string repeated(std::string_view part, std::size_t times) {
  std::string text;
  text.reserve(part.size() * times);
  for (std::size_t i = 0; i < times; ++i) text += part;
  return text;
}

/// An object whose member `list` nests as deep as `levels` says, the object itself counted.
std::string nested(std::size_t levels) {
  return "{\"list\":" + repeated("[", levels - 1) + repeated("]", levels - 1) + "}";
}

TEST(Json, S19_RefusesWhatTwoParsersCouldReadInTwoWays) {
  expect_refused({
      Bad{"", "well-formed"},
      Bad{"null", "not an object"},
      Bad{"[]", "not an object"},
      Bad{"\"{}\"", "not an object"},
      Bad{"{", "well-formed"},
      Bad{"{} {}", "well-formed"},
      Bad{"{}x", "well-formed"},
      Bad{"{}]", "well-formed"},
      Bad{"{'a':1}", "well-formed"},
      Bad{"{\"a\":1,}", "well-formed"},
      Bad{"{\"a\":NaN}", "well-formed"},
      Bad{"{\"a\":01}", "well-formed"},
      Bad{"{\"a\":+1}", "well-formed"},
      Bad{"{\"a\":1e99999}", "out of range"},
      Bad{"{\"a\":-1e99999}", "out of range"},
      Bad{"{\"a\":\"\n\"}", "well-formed"},
      Bad{"{\"a\":1} // comment", "well-formed"},
      Bad{"{\"a\":/* comment */1}", "well-formed"},
      Bad{"{\"a\":1,\"a\":2}", "the key 'a' is given twice"},
      Bad{"{\"ref\":\"a\",\"ref\":\"b\"}", "the key 'ref' is given twice"},
      Bad{"{\"a\":1,\"\\u0061\":2}", "the key 'a' is given twice"},
      Bad{"{\"a\":[{\"b\":{},\"b\":[]}]}", "the key 'b' is given twice"},
      Bad{"{\"a\":\"\xff\"}", "UTF-8"},
      Bad{"{\"a\":\"\xed\xa0\x80\"}", "UTF-8"},
      Bad{"{\"a\":\"\xc0\xaf\"}", "UTF-8"},
      Bad{"{\"a\":\"\\ud800\"}", "well-formed"},
      Bad{"{\"a\":\"\\udc00\\ud800\"}", "well-formed"},
      Bad{"\xEF\xBB\xBF{}", "byte order mark"},
      Bad{"{}\0"s, "NUL byte"},
      Bad{"{}\0{}"s, "NUL byte"},
      Bad{"{\"a\":\"x\\u0000\"}", "NUL character in 'a'"},
      Bad{"{\"a\":[1,[\"x\\u0000\"]]}", "NUL character in 'a'"},
      Bad{"{\"a\\u0000\":1}", "a name holds a NUL character"},
  });
}

TEST(Json, S18_RefusesBombs) {
  EXPECT_TRUE(parse_json_object(nested(64)));
  expect_refused({
      Bad{nested(65), "too deeply"},
      Bad{"{\"a\":" + repeated("[", 100'000), "too deeply"},
      Bad{repeated("{\"a\":", 100'000), "too deeply"},
      Bad{repeated("[", 1'000'000), "not an object"},
      Bad{"{\"a\":[" + repeated("0,", 500'000) + "0]}", "too many values"},
      Bad{"{\"a\":[" + repeated("{},", 333'333) + "0]}", "too many values"},
      Bad{"{\"a\":\"" + std::string(1024 * 1024 + 1, 'x') + "\"}", "too long"},
      Bad{"{\"" + std::string(1024 * 1024 + 1, 'x') + "\":1}", "too long"},
      Bad{"{\"a\":" + std::string(1024 * 1024 + 1, '1') + "}", "too long"},
      Bad{"{\"a\":\"" + repeated("\\\"", 1024 * 1024) + "\"}", "too long"},
      Bad{"{\"a\":[" + repeated("{},", 400'000) + "{}]}", "too long"},
      Bad{"{\"a\":" + std::string(1024 * 1024 + 1, ' ') + "1}", "too long"},
  });
  EXPECT_TRUE(parse_json_object("{\"a\":\"" + std::string(1024 * 1024, 'x') + "\",\"b\":\"\\\"\"}"));
  // Much between texts and numbers, but not at once.
  constexpr std::array<std::string_view, 1> kBulk{"bulk"};
  const JsonBounds bounds{20'000, kBulk};
  EXPECT_TRUE(parse_json_object("{\"bulk\":[" + repeated("[{},{}],-1,", 200'000) + "0]}", bounds));
}

TEST(Json, S18_CountsWhatItKeeps) {
  const JsonBounds four{4, {}};
  EXPECT_TRUE(parse_json_object(R"({"a":[1,2]})", four));
  expect_refused(
      {Bad{R"({"a":[1,2,3]})", "too many values"}, Bad{R"({"a":1,"b":2,"c":3,"d":4})", "too many values"}},
      four);
}

constexpr std::array<std::string_view, 2> kSkipped{"commits", "head"};

TEST(Json, S18_KeepsNothingOfWhatIsSkipped) {
  const JsonBounds bounds{5, kSkipped};
  const auto value = parse_json_object(
      R"({"commits":[{"id":1,"commits":[[]]},2],"a":{"head":"x","b":1},"head":{},"c":null,"d":"e"})", bounds);
  ASSERT_TRUE(value) << value.error().text();
  EXPECT_EQ(to_text(*value), R"({"a":{"b":1},"c":null,"d":"e"})");
}

TEST(Json, S19_ChecksTheGrammarOfWhatIsSkipped) {
  const JsonBounds bounds{5, kSkipped};
  expect_refused(
      {
          Bad{R"({"commits":[1,]})", "well-formed"},
          Bad{R"({"commits":{"a"}})", "well-formed"},
          Bad{R"({"commits":})", "well-formed"},
          Bad{R"({"commits":[})", "well-formed"},
          Bad{R"({"commits":["\ud800"]})", "well-formed"},
          Bad{R"({"commits":["\u0000"]})", "NUL"},
          Bad{R"({"commits":[1e99999]})", "out of range"},
          Bad{"{\"commits\":" + repeated("[", 100'000), "too deeply"},
          Bad{R"({"commits":1,"a":1,"a":2})", "the key 'a' is given twice"},
      },
      bounds);
}

TEST(Json, S17_ASkippedBodyCostsNoMemory) {
  const auto body =
      "{\"commits\":[" + repeated("0,", 500'000) + "0],\"list\":[" + repeated("{},", 300'000) + "0]}";
  constexpr std::array<std::string_view, 2> kBoth{"commits", "list"};
  const auto before = mallinfo2().uordblks;
  const auto value = parse_json_object(body, {5, kBoth});
  const auto after = mallinfo2().uordblks;
  ASSERT_TRUE(value) << value.error().text();
  EXPECT_LT(after, before + 16 * 1024);
}

TEST(Json, ErrorsQuoteNothingThatWasSent) {
  for (const std::string body :
       {R"({"password":"s3cr3t)", R"({"password":"s3cr3t"} s3cr3t)", R"({"password":s3cr3t})", R"(s3cr3t)"}) {
    const auto value = parse_json_object(body);
    ASSERT_FALSE(value);
    EXPECT_EQ(value.error().text().find("s3cr3t"), std::string::npos) << value.error().text();
  }
  const auto name = std::string(5000, 'k');
  const auto twice = parse_json_object("{\"" + name + "\":1,\"" + name + "\":2}");
  ASSERT_FALSE(twice);
  EXPECT_LT(twice.error().text().size(), 200U);
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

TEST(Json, ReadsAnArrayWhereOneIsAskedFor) {
  const auto list = parse_json_array(R"([1, {"a": [2]}, "x"])");
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 3U);
  EXPECT_EQ((*list)[1]["a"][0].asInt(), 2);
  for (const auto* wrong : {"", "{}", "1", "null", "[1", "[1]]", "[1]{}"})
    EXPECT_FALSE(parse_json_array(wrong)) << wrong;
  EXPECT_FALSE(parse_json_object("[]"));
  EXPECT_FALSE(parse_json_array("[1, 2, 3]", {.values = 3}));
  constexpr std::array<std::string_view, 1> kUnread{"big"};
  const auto skipped =
      parse_json_array(R"([{"big": [1, 2, 3], "small": 4}])", {.values = 3, .skipped = kUnread});
  ASSERT_TRUE(skipped);
  EXPECT_EQ((*skipped)[0]["small"].asInt(), 4);
}

}  // namespace
}  // namespace gitferry::api

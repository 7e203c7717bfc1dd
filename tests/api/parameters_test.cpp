#include "api/parameters.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace gitferry::api {
namespace {

Result<Parameters> from(const std::vector<Parameter>& query, const std::string& body = {}) {
  Request request;
  request.query = query;
  request.body = body;
  return Parameters::from(request);
}

TEST(Parameters, TheQueryComesBeforeTheBody) {
  const auto both = from({{"a", "query"}}, R"({"a":"body","b":"body","c":null})");
  ASSERT_TRUE(both);
  EXPECT_EQ(*both->text("a"), "query");
  EXPECT_EQ(*both->text("b"), "body");
  EXPECT_EQ(*both->text("c"), std::nullopt) << "null is: not given";
  EXPECT_EQ(*both->text("d"), std::nullopt);
  EXPECT_EQ(**from({{"a", ""}})->text("a"), "") << "given, and empty";
}

TEST(Parameters, TakesABodyOnlyAsOneJsonObject) {
  for (const auto* body : {"[]", "1", "{", "a=1", R"({"a":1,"a":2})"}) {
    const auto refused = from({}, body);
    ASSERT_FALSE(refused) << body;
    EXPECT_EQ(refused.error().code, ErrorCode::InvalidArgument);
    EXPECT_NE(refused.error().message.find("body"), std::string::npos);
  }
  EXPECT_FALSE(from({{"a", "1"}, {"b", "2"}, {"a", "1"}})) << "twice, even with the same value";
}

TEST(Parameters, ReadsBooleansAsTheOriginalDid) {
  for (const auto* word : {"true", "1", "on", "yes", "t", "y", "True", "ON"})
    EXPECT_EQ(**from({{"x", word}})->boolean("x"), true) << word;
  for (const auto* word : {"false", "0", "off", "no", "f", "n", "FALSE"})
    EXPECT_EQ(**from({{"x", word}})->boolean("x"), false) << word;
  EXPECT_EQ(**from({}, R"({"x":true})")->boolean("x"), true);
  EXPECT_EQ(**from({}, R"({"x":0})")->boolean("x"), false);
  for (const auto* word : {"", " ", "2", "truee", "tru", "null", "-1"}) {
    const auto read = from({{"x", word}})->boolean("x");
    ASSERT_FALSE(read) << word;
    EXPECT_NE(read.error().message.find("parameter x"), std::string::npos);
  }
}

TEST(Parameters, ReadsWholeNumbersWithinTheirRange) {
  for (const auto& [text, expected] : std::initializer_list<std::pair<const char*, std::int64_t>>{
           {"0", 0}, {"-5", -5}, {"100", 100}, {"007", 7}}) {
    EXPECT_EQ(**from({{"x", text}})->number("x", -5, 100), expected) << text;
  }
  EXPECT_EQ(**from({}, R"({"x":7})")->number("x", 0, 10), 7);
  EXPECT_EQ(**from({}, R"({"x":"7"})")->number("x", 0, 10), 7);
  for (const auto* text : {"", "-", "--1", "+1", "1.0", "1e2", "0x10", " 1", "1 ", "101", "-6", "x",
                           "9223372036854775808", "-9223372036854775808", "99999999999999999999999"}) {
    const auto read = from({{"x", text}})->number("x", -5, 100);
    ASSERT_FALSE(read) << text;
    EXPECT_NE(read.error().message.find("parameter x"), std::string::npos);
  }
  for (const auto* body : {R"({"x":1.5})", R"({"x":[1]})", R"({"x":{}})", R"({"x":true})", R"({"x":1e30})"})
    EXPECT_FALSE(from({}, body)->number("x", 0, 10)) << body;
}

TEST(Parameters, RefusesTextThatIsNone) {
  const auto nul = from({}, R"({"x":"a\u0000b"})");
  ASSERT_FALSE(nul);
  EXPECT_NE(nul.error().message.find("'x'"), std::string::npos);
  EXPECT_FALSE(from({}, R"({"x":["a"]})")->text("x"));
}

TEST(Parameters, TextsAreStringsOrWholeNumbers) {
  EXPECT_EQ(**from({}, R"({"x":12})")->text("x"), "12");
  for (const auto* json : {"true", "false", "[]", "{}", "1.5", "1e300"}) {
    const auto read = from({}, std::string(R"({"x":)") + json + "}")->text("x");
    ASSERT_FALSE(read) << json;
    EXPECT_NE(read.error().message.find("parameter x:"), std::string::npos);
  }
  EXPECT_EQ((**from({}, R"({"x":"s"})")->secret("x")).reveal(), "s");
  EXPECT_FALSE(from({})->secret("x")->has_value());
}

TEST(Parameters, WhatIsRequiredIsNamedWhereItIsMissing) {
  EXPECT_EQ(*from({{"x", ""}})->required_text("x"), "");
  EXPECT_EQ(*from({{"x", "no"}})->required_boolean("x"), false);
  for (const auto& error : {from({})->required_text("x").error(), from({})->required_boolean("x").error(),
                            from({}, R"({"x":null})")->required_text("x").error()}) {
    EXPECT_EQ(error.code, ErrorCode::InvalidArgument);
    EXPECT_NE(error.message.find("parameter x: it is missing"), std::string::npos);
  }
}

TEST(Parameters, ListsAreSeparatedByCommas) {
  EXPECT_EQ(*from({{"x", "a, b,c"}})->names("x"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_TRUE(from({{"x", ""}})->names("x")->empty());
  EXPECT_TRUE(from({})->ids("x")->empty());
  EXPECT_EQ(*from({}, R"({"x":7})")->ids("x"), std::vector<std::int64_t>{7});
  std::string many = "1";
  for (int i = 1; i < 1000; ++i) many += ",1";
  EXPECT_EQ(from({{"x", many}})->ids("x")->size(), 1000U);
  for (const auto& bad : {many + ",1", std::string(","), std::string("1,"), std::string("1,x")}) {
    EXPECT_FALSE(from({{"x", bad}})->ids("x")) << bad.size();
  }
}

TEST(Parameters, APageHasDefaultsAndBounds) {
  const auto usual = from({})->page();
  ASSERT_TRUE(usual);
  EXPECT_EQ(usual->number, 1);
  EXPECT_EQ(usual->size, 10);
  EXPECT_FALSE(usual->ascending);
  const auto asked = from({{"page_num", "3"}, {"page_size", "100"}, {"create_sort", "true"}})->page();
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->number, 3);
  EXPECT_EQ(asked->size, 100);
  EXPECT_TRUE(asked->ascending);
  for (const auto& [name, value] :
       std::initializer_list<std::pair<const char*, const char*>>{{"page_num", "0"},
                                                                  {"page_num", "1000000001"},
                                                                  {"page_size", "0"},
                                                                  {"page_size", "101"},
                                                                  {"create_sort", "asc"}}) {
    const auto page = from({{name, value}})->page();
    ASSERT_FALSE(page) << name << "=" << value;
    EXPECT_NE(page.error().message.find(name), std::string::npos);
  }
}

}  // namespace
}  // namespace gitferry::api

#include "api/envelope.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "agent/base/text.h"
#include "tests/api/raw_client.h"

namespace gitferry::api {
namespace {

using testing::json_of;

Request in_language(const std::string& value) {
  Request request;
  if (!value.empty()) request.headers.push_back({"accept-language", value});
  return request;
}

std::set<std::string> names_of(const Json::Value& object) {
  const auto names = object.getMemberNames();
  return {names.begin(), names.end()};
}

TEST(Envelope, HasTheDocumentsMembersAndDataEvenWhereThereIsNone) {
  const auto plain = json_of(success(Request{}, Json::Value()).body);
  EXPECT_EQ(names_of(plain), (std::set<std::string>{"code_status", "data", "msg"}));
  EXPECT_TRUE(plain["data"].isNull());
  const auto list = json_of(success(Request{}, Json::Value(Json::arrayValue), 12).body);
  EXPECT_EQ(list["total"].asInt(), 12);
  const auto failed = json_of(failure(Request{}, Error{ErrorCode::Diverged, "what", "hint", {}}).body);
  EXPECT_EQ(names_of(failed), (std::set<std::string>{"code_status", "data", "detail", "msg"}));
  EXPECT_TRUE(failed["data"].isNull());
  EXPECT_EQ(failed["detail"].asString(), "what; hint");
}

TEST(Envelope, EveryErrorHasItsNumberStatusAndBothTexts) {
  for (const auto& row : all_errors()) {
    const Error error{row.code, "what happened", {}, {}};
    const auto chinese = failure(in_language("zh-CN"), error);
    const auto english = failure(in_language("en-GB"), error);
    EXPECT_EQ(chinese.status, row.http_status) << row.name;
    EXPECT_EQ(json_of(chinese.body)["code_status"].asInt(), row.code_status) << row.name;
    EXPECT_EQ(json_of(chinese.body)["msg"].asString(), row.text_zh) << row.name;
    EXPECT_EQ(json_of(english.body)["msg"].asString(), row.text_en) << row.name;
  }
}

TEST(Envelope, EnglishOnlyWhereItIsPreferred) {
  const auto english = "The operation succeeded";
  const auto chinese = "操作成功";
  for (const auto& [header, expected] : std::initializer_list<std::pair<const char*, const char*>>{
           {"", chinese},
           {"*", chinese},
           {"de", chinese},
           {"en", english},
           {"EN-us", english},
           {"english", chinese},
           {"zh,en", chinese},
           {"en;q=0.9, zh;q=0.1", english},
           {"en;q=0, zh;q=0", chinese},
           {"en;q=", chinese},
           {"en;q=2", chinese},
           {"en;q=-1", chinese},
           {"en;q=nan", chinese},
           {"en;q=1e400", chinese},
           {";;;,,,", chinese},
           {"zh-TW;q=0.5,en-GB;q=0.6", english},
       }) {
    EXPECT_EQ(json_of(success(in_language(header), {}).body)["msg"].asString(), expected) << header;
  }
  Request twice = in_language("en");
  twice.headers.push_back({"accept-language", "en"});
  EXPECT_EQ(json_of(success(twice, {}).body)["msg"].asString(), chinese);
}

TEST(Envelope, TextsOfOthersBecomeValidUtf8) {
  const auto body = failure(Request{}, Error{ErrorCode::RejectedByRemote, "hook said \xff\xfe", {}, {}}).body;
  EXPECT_TRUE(is_valid_utf8(body));
  EXPECT_EQ(json_of(body)["detail"].asString(), "hook said ??");
}

TEST(Envelope, RunsOfASyncStandBesideData) {
  Json::Value runs(Json::arrayValue);
  runs.append("r");
  Json::Value members(Json::objectValue);
  members["runs"] = runs;
  const auto done = json_of(success_with(Request{}, members).body);
  EXPECT_EQ(names_of(done), (std::set<std::string>{"code_status", "data", "msg", "runs"}));
  EXPECT_TRUE(done["data"].isNull());
  const auto failed =
      json_of(failure_with(Request{}, Error{ErrorCode::BranchMissing, "x", {}, {}}, members).body);
  EXPECT_EQ(failed["code_status"].asInt(), 20009);
  EXPECT_EQ(failed["msg"].asString(), "分支不存在");
  EXPECT_EQ(failed["runs"][0].asString(), "r");
}

TEST(Envelope, AnErrorMayComeWithData) {
  Json::Value members(Json::objectValue);
  members["data"] = Json::Value(Json::arrayValue);
  const auto failed =
      json_of(failure_with(Request{}, Error{ErrorCode::IdsDoNotMatch, "x", {}, {}}, members).body);
  EXPECT_TRUE(failed["data"].isArray());
  EXPECT_EQ(failed["code_status"].asInt(), 10015);
}

TEST(Envelope, GuardRefusalsHaveItToo) {
  const auto answer = failure_without_request(431, ErrorCode::TooLarge, "the head is too long");
  EXPECT_EQ(answer.status, 431);
  const auto body = json_of(answer.body);
  EXPECT_EQ(names_of(body), (std::set<std::string>{"code_status", "data", "detail", "msg"}));
  EXPECT_EQ(body["code_status"].asInt(), 10026);
}

}  // namespace
}  // namespace gitferry::api

#include "agent/notify/body.h"

#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <json/reader.h>
#include <json/value.h>

#include "agent/notify/answer.h"
#include "agent/notify/signature.h"
#include "tests/agent/notify/notice_fixture.h"

namespace gitferry {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Json::Value parsed(const std::string& text) {
  Json::CharReaderBuilder builder;
  Json::CharReaderBuilder::strictMode(&builder.settings_);
  const std::unique_ptr<Json::CharReader> reader(builder.newCharReader());
  Json::Value value;
  std::string errors;
  EXPECT_TRUE(reader->parse(text.data(), text.data() + text.size(), &value, &errors)) << errors << "\n"
                                                                                      << text;
  return value;
}

const Wording kHostile{R"(a "quoted" <!channel> & <@all>)", "line\n<at user_id=\"all\">x</at>"};

TEST(NoticeBody, OfAWebhookHasTypeTimeAndEachNotice) {
  const auto body =
      parsed(webhook_body(message_of({failed_notice("main"), as(failed_notice("x"), NoticeEvent::Recovered)}),
                          "https://sync.example/"));
  EXPECT_EQ(body["type"].asString(), "gitferry.notices");
  EXPECT_EQ(body["timestamp"].asString(), "2026-09-21T14:13:20.000Z");
  const auto& notices = body["data"]["notices"];
  ASSERT_EQ(notices.size(), 2U);
  EXPECT_EQ(notices[0]["event"].asString(), "failed");
  EXPECT_EQ(notices[0]["repo_name"].asString(), "robot");
  EXPECT_EQ(notices[0]["internal_branch_name"].asString(), "main");
  EXPECT_EQ(notices[0]["code_status"].asInt(), 20005);
  EXPECT_TRUE(notices[0]["host"].isNull());
  EXPECT_EQ(notices[0]["link"].asString(), "https://sync.example/?search=main");
  EXPECT_EQ(notices[1]["event"].asString(), "recovered");
}

TEST(NoticeBody, OfSlackCallsNobody) {
  const auto text = parsed(slack_body(kHostile))["text"].asString();
  EXPECT_EQ(text,
            "[gitferry] a \"quoted\" &lt;!channel&gt; &amp; &lt;@all&gt;\nline\n&lt;at "
            "user_id=\"all\"&gt;x&lt;/at&gt;");
}

TEST(NoticeBody, OfDingTalkIsPlainText) {
  const auto body = parsed(dingtalk_body(kHostile));
  EXPECT_EQ(body["msgtype"].asString(), "text");
  EXPECT_THAT(body["text"]["content"].asString(), HasSubstr("[gitferry] a \"quoted\""));
  EXPECT_FALSE(body["at"]["isAtAll"].asBool());
}

TEST(NoticeBody, OfFeishuIsAPostAndSignedWhereThereIsASecret) {
  const auto plain = parsed(feishu_body(kHostile, nullptr, 0));
  EXPECT_FALSE(plain.isMember("sign"));
  EXPECT_EQ(plain["msg_type"].asString(), "post");
  const auto& post = plain["content"]["post"]["zh_cn"];
  EXPECT_EQ(post["content"][0][0]["tag"].asString(), "text");
  EXPECT_EQ(post["content"][0][0]["text"].asString(), kHostile.text);
  const Secret secret("secret-of-the-feishu-bot");
  const auto body = parsed(feishu_body(kHostile, &secret, 1'790'000'000));
  EXPECT_EQ(body["timestamp"].asString(), "1790000000");
  EXPECT_EQ(body["sign"].asString(), feishu_sign(secret, 1'790'000'000));
}

TEST(NoticeBody, OfWeComCallsNobodyAndKeepsItsLimit) {
  std::vector<Notice> many;
  for (int i = 0; i < 500; ++i) many.push_back(failed_notice("分支-" + std::to_string(i)));
  const auto wording =
      worded(many, channel_of(ChannelKind::WeCom), "https://sync.example/", most_text(ChannelKind::WeCom));
  EXPECT_LE(parsed(wecom_body(wording))["text"]["content"].asString().size(), 2'048U);
  EXPECT_THAT(parsed(wecom_body(kHostile))["text"]["content"].asString(), Not(HasSubstr("<@")));
}

TEST(NoticeAnswer, IsBelievedByWhatTheServiceMeans) {
  EXPECT_TRUE(check_reply(ChannelKind::Webhook, {204, "", {}}));
  EXPECT_TRUE(check_reply(ChannelKind::Slack, {200, "ok", {}}));
  EXPECT_TRUE(check_reply(ChannelKind::DingTalk, {200, R"({"errcode":0,"errmsg":"ok"})", {}}));
  EXPECT_TRUE(check_reply(ChannelKind::WeCom, {200, R"({"errcode":0,"errmsg":"ok"})", {}}));
  EXPECT_TRUE(check_reply(ChannelKind::Feishu, {200, R"({"code":0,"msg":"success","data":{}})", {}}));
  EXPECT_TRUE(check_reply(ChannelKind::Feishu, {200, R"({"StatusCode":0,"StatusMessage":"success"})", {}}));
}

TEST(NoticeAnswer, Of200IsNoSuccessWhereTheBodySaysOtherwise) {
  EXPECT_FALSE(
      check_reply(ChannelKind::DingTalk, {200, R"({"errcode":310000,"errmsg":"sign not match"})", {}}));
  EXPECT_FALSE(check_reply(ChannelKind::WeCom, {200, R"({"errcode":45009})", {}}));
  EXPECT_FALSE(check_reply(ChannelKind::Feishu, {200, R"({"code":19021,"msg":"sign match fail"})", {}}));
  for (const std::string body : {"", "ok", "[0]", "{}", R"({"errcode":"0"})", R"({"errcode":0)"}) {
    EXPECT_FALSE(check_reply(ChannelKind::DingTalk, {200, body, {}})) << body;
  }
  EXPECT_FALSE(check_reply(ChannelKind::DingTalk, {200, std::string(4'000, '['), {}}));
}

TEST(NoticeAnswer, OfRefusalsSaysWhich) {
  const auto busy = check_reply(ChannelKind::Webhook, {429, "slow down", std::chrono::seconds(7)});
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code, ErrorCode::HostBusy);
  EXPECT_EQ(busy.error().retry_after, std::chrono::seconds(7));
  EXPECT_EQ(check_reply(ChannelKind::Webhook, {500, "", {}}).error().code, ErrorCode::HostError);
  EXPECT_THAT(check_reply(ChannelKind::Webhook, {302, "", {}}).error().text(), HasSubstr("redirects"));
  EXPECT_EQ(check_reply(ChannelKind::Slack, {404, "no_service", {}}).error().code,
            ErrorCode::RejectedByRemote);
}

}  // namespace
}  // namespace gitferry

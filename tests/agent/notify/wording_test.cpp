#include "agent/notify/wording.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/base/text.h"
#include "tests/agent/notify/notice_fixture.h"

namespace gitferry {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::size_t kRoom = 3'000;
const std::string kPage = "https://sync.example/gitferry/";

TEST(NoticeWording, SaysWhatWhyAndWhere) {
  const auto said = worded({failed_notice("feature/login")}, channel_of(ChannelKind::Slack), kPage, kRoom);
  EXPECT_EQ(said.title, "robot feature/login: not synced (authentication_failed)");
  EXPECT_EQ(said.text,
            "the host said no\nsince 2026-09-21T14:13:20.000Z\n"
            "https://sync.example/gitferry/?search=feature%2Flogin");
}

TEST(NoticeWording, SaysItInChinese) {
  auto channel = channel_of(ChannelKind::Feishu);
  channel.language = Language::Chinese;
  const auto said = worded({as(failed_notice("main"), NoticeEvent::Recovered)}, channel, "", kRoom);
  EXPECT_EQ(said.title, "robot main：已恢复同步");
  EXPECT_THAT(said.text, HasSubstr("始于 2026-"));
}

TEST(NoticeWording, FillsATemplateAndLeavesOutLinesWithNothingToSay) {
  auto channel = channel_of(ChannelKind::Slack);
  channel.text = *TextTemplate::parse("{{repo}}/{{ branch }} {{event}}\n{{host}}\n{{code}}", kNoticeFields);
  EXPECT_EQ(worded({failed_notice("main")}, channel, "", kRoom).text, "robot/main failed\n20005");
}

TEST(NoticeWording, WhatAFieldHoldsIsNoFieldItself) {
  auto channel = channel_of(ChannelKind::Slack);
  channel.text = *TextTemplate::parse("{{text}}", kNoticeFields);
  auto notice = failed_notice("main");
  notice.text = "{{repo}} {{";
  EXPECT_EQ(worded({notice}, channel, "", kRoom).text, "{{repo}} {{");
}

TEST(NoticeWording, KeepsWhatHostsSayCleanAndShort) {
  auto notice = failed_notice("main");
  notice.text = std::string("a\x01\x1b[31mb\xff") + std::string(5'000, 'x');
  notice.key.repository = "robot\nBcc: everybody@example.org";
  const auto said = worded({notice}, channel_of(ChannelKind::Email), "", kRoom);
  EXPECT_EQ(said.title.find_first_of("\r\n"), std::string::npos);
  EXPECT_TRUE(is_valid_utf8(said.text));
  EXPECT_EQ(said.text.find('\x1b'), std::string::npos);
  EXPECT_LT(said.text.size(), 800U);
}

TEST(NoticeWording, OfManySaysWhatFitsAndHowManyMore) {
  std::vector<Notice> many;
  for (int i = 0; i < 500; ++i) many.push_back(failed_notice("branch-" + std::to_string(i)));
  many.push_back(as(failed_notice("other"), NoticeEvent::Recovered));
  const auto said = worded(many, channel_of(ChannelKind::WeCom), kPage, 1'500);
  EXPECT_EQ(said.title, "500 gone bad, 1 well again");
  EXPECT_LE(said.text.size(), 1'500U);
  EXPECT_THAT(said.text, HasSubstr("- robot branch-0: not synced"));
  EXPECT_THAT(said.text, HasSubstr(" more\n"));
  EXPECT_THAT(said.text, EndsWith(kPage));
  EXPECT_THAT(said.text, Not(HasSubstr("branch-499")));
}

TEST(TextTemplate, RefusesWhatItDoesNotKnow) {
  for (const auto* text : {"{{nothing}}", "{{repo", "{{}}", "{{ re po }}"}) {
    EXPECT_FALSE(TextTemplate::parse(text, kNoticeFields)) << text;
  }
  EXPECT_FALSE(TextTemplate::parse(std::string(TextTemplate::kLongest + 1, 'x'), kNoticeFields));
  EXPECT_EQ(TextTemplate::parse("{{repos}}", kNoticeFields).error().hint, "did you mean 'repo'?");
  EXPECT_TRUE(TextTemplate::parse("{ } }} {{repo}}", kNoticeFields));
}

}  // namespace
}  // namespace gitferry

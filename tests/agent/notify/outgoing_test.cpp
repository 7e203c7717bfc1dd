#include "agent/notify/outgoing.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/notice_receiver.h"

namespace gitferry {
namespace {

using test::NoticeReceiver;
using ::testing::HasSubstr;
using ::testing::Not;

OutgoingOptions to_this_machine() {
  OutgoingOptions options;
  options.http.addresses = *AddressPolicy::from({"127.0.0.0/8", "::1/128"});
  options.allows_http = true;
  return options;
}

Result<HttpReply> sent_to(const std::string& url, const OutgoingOptions& options = to_this_machine()) {
  return post(options, Secret(url), {"webhook-id: 1"}, R"({"a":1})", std::stop_token());
}

TEST(NoticePost, SendsTheBodyAsItIs) {
  NoticeReceiver receiver;
  const auto reply = sent_to(receiver.url("/hook?key=S3CR3T"));
  ASSERT_TRUE(reply) << reply.error().text();
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->body, "ok");
  const auto received = receiver.received();
  ASSERT_EQ(received.size(), 1U);
  EXPECT_EQ(received[0].target, "/hook?key=S3CR3T");
  EXPECT_EQ(received[0].body, R"({"a":1})");
  EXPECT_EQ(received[0].headers.at("webhook-id"), "1");
  EXPECT_EQ(received[0].headers.at("content-type"), "application/json; charset=utf-8");
}

TEST(NoticePost, FollowsNoRedirect) {
  NoticeReceiver elsewhere;
  NoticeReceiver receiver([&](std::size_t) {
    return NoticeReceiver::answer("307 Temporary Redirect", "", "Location: " + elsewhere.url() + "\r\n");
  });
  const auto reply = sent_to(receiver.url());
  ASSERT_TRUE(reply) << reply.error().text();
  EXPECT_EQ(reply->status, 307);
  EXPECT_TRUE(elsewhere.received().empty());
}

TEST(NoticePost, TellsARetryAfter) {
  NoticeReceiver receiver(
      [](std::size_t) { return NoticeReceiver::answer("429 Too Many Requests", "", "Retry-After: 30\r\n"); });
  const auto reply = sent_to(receiver.url());
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->retry_after, std::chrono::seconds(30));
}

TEST(NoticePost, ReadsLittleOfAnAnswerThatDoesNotEnd) {
  NoticeReceiver receiver([](std::size_t) { return NoticeReceiver::ok(std::string(8 * 1024 * 1024, 'x')); });
  const auto reply = sent_to(receiver.url());
  ASSERT_TRUE(reply) << reply.error().text();
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->body.size(), 4'096U);
}

TEST(NoticePost, GoesToNoAddressThatThePolicyRefuses) {
  NoticeReceiver receiver;
  auto options = to_this_machine();
  options.http.addresses = AddressPolicy();
  const auto reply = sent_to(receiver.url("/S3CR3T"), options);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::AddressRefused);
  EXPECT_TRUE(receiver.received().empty());
  EXPECT_THAT(reply.error().text(), Not(HasSubstr("S3CR3T")));
}

TEST(NoticePost, RefusesAddressesThatAreNone) {
  auto options = to_this_machine();
  for (const std::string url : {"", "hooks.example", "ftp://x/S3CR3T", "http://user:S3CR3T@127.0.0.1/",
                                "https://", "file:///etc/S3CR3T", "https://-x/S3CR3T"}) {
    const auto reply = sent_to(url, options);
    ASSERT_FALSE(reply) << url;
    EXPECT_EQ(reply.error().code, ErrorCode::ConfigurationInvalid) << url;
    EXPECT_THAT(reply.error().text(), Not(HasSubstr("S3CR3T")));
  }
  options.allows_http = false;
  EXPECT_EQ(sent_to("http://127.0.0.1:1/", options).error().code, ErrorCode::ConfigurationInvalid);
}

TEST(NoticePost, SaysNothingOfTheAddressWhereNobodyListens) {
  std::string url;
  {
    const NoticeReceiver gone;
    url = gone.url("/S3CR3T");
  }
  const auto reply = sent_to(url);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::ConnectionFailed);
  EXPECT_THAT(reply.error().text(), Not(HasSubstr("S3CR3T")));
}

TEST(NoticePost, IsCutByAStop) {
  NoticeReceiver silent([](std::size_t) { return std::string(); });
  std::stop_source stop;
  const std::jthread stopper([&] {
    while (silent.received().empty()) std::this_thread::yield();
    stop.request_stop();
  });
  const auto reply = post(to_this_machine(), Secret(silent.url()), {}, "{}", stop.get_token());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::Cancelled);
}

}  // namespace
}  // namespace gitferry

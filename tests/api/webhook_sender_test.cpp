#include "api/webhook/webhook_sender.h"

#include <gtest/gtest.h>

#include "tests/api/api_fixture.h"

namespace gitferry::api {
namespace {

class WebhookSenderTest : public testing::ApiTest {
 protected:
  [[nodiscard]] SendRequest request(const std::string& provider) const {
    SendRequest wish;
    wish.base_url = "http://127.0.0.1:" + std::to_string(port) + "/";
    wish.provider = provider;
    wish.repo_name = provider;
    wish.secret = Secret(testing::kSecret);
    wish.repository_url = "https://git.corp.example/acme/robot.git";
    wish.full_name = "acme/robot";
    wish.ref = "refs/heads/main";
    wish.before = std::string(40, '0');
    wish.after = std::string(40, 'a');
    return wish;
  }
};

TEST_F(WebhookSenderTest, SendsWhatTheServerAccepts) {
  for (const auto* provider : {"github", "gitlab", "gitea", "forgejo", "gogs"}) {
    const auto sent = send_webhook(request(provider));
    ASSERT_TRUE(sent) << sent.error().text();
    EXPECT_EQ(sent->status, 202) << provider << sent->body;
    EXPECT_EQ(world.sync.delivered().back().event.delivery_id, sent->delivery_id);
  }
}

TEST_F(WebhookSenderTest, ReturnsARefusalAsAnAnswer) {
  auto wish = request("github");
  wish.secret = Secret("wrong");
  const auto sent = send_webhook(wish);
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->status, 401);
}

TEST_F(WebhookSenderTest, RefusesWhatCannotBeSent) {
  auto wish = request("github");
  wish.provider = "svn";
  EXPECT_EQ(send_webhook(wish).error().code, ErrorCode::InvalidArgument);
  wish = request("gitlab");
  wish.scheme = WebhookScheme::Hmac;
  EXPECT_EQ(send_webhook(wish).error().code, ErrorCode::InvalidArgument);
  wish = request("gitlab");
  wish.secret = Secret("line\r\nbreak");
  EXPECT_EQ(send_webhook(wish).error().code, ErrorCode::InvalidArgument);
  wish = request("gitea");
  wish.event = "ping";
  EXPECT_EQ(send_webhook(wish).error().code, ErrorCode::InvalidArgument);
}

TEST_F(WebhookSenderTest, SaysWhenNobodyListens) {
  const auto wish = request("github");
  server->stop();
  const auto sent = send_webhook(wish);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::ConnectionFailed);
  EXPECT_EQ(sent.error().text().find(testing::kSecret), std::string::npos);
}

}  // namespace
}  // namespace gitferry::api

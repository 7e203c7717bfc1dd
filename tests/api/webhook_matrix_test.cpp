#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/api/api_fixture.h"
#include "tests/api/webhook_deliveries.h"

namespace gitferry::api {
namespace {

using testing::body_of;
using testing::HookKind;
using testing::push_of;
using testing::sent_to;
using testing::status_of;

constexpr const char* kRefused = R"({"reason":"unauthenticated","status":"refused"})";

class WebhookMatrix : public testing::ApiTest {
 protected:
  void SetUp() override {
    testing::bind_every_hook_kind(world);
    ApiTest::SetUp();
  }

  /// What the hook of `route` says to the valid delivery of `sender`.
  [[nodiscard]] std::string answer_of(const HookKind& route, const HookKind& sender) const {
    const auto delivery = compose_webhook(push_of(sender));
    EXPECT_TRUE(delivery) << delivery.error().text();
    return ask(sent_to("/webhooks/" + route.provider() + "/" + route.binding(), *delivery));
  }
};

/// Forgejo's deliveries are also right deliveries of a Gitea: it sends them with both names, and a server
/// that was a Gitea and became a Forgejo keeps its hooks.
bool may_count_as(const HookKind& sender, const HookKind& route) {
  return sender.provider() == "forgejo" && route.provider() == "gitea";
}

TEST_F(WebhookMatrix, S13_AHookTakesTheDeliveriesOfItsOwnKindAndSchemeAlone) {
  const auto all = testing::every_hook_kind();
  for (const auto& sender : all) {
    for (const auto& route : all) {
      const bool is_own = sender.binding() == route.binding() || may_count_as(sender, route);
      const auto answer = answer_of(route, sender);
      EXPECT_EQ(status_of(answer), is_own ? 202 : 401)
          << "a delivery of " << sender.binding() << " at the hook " << route.binding() << "\n"
          << answer;
      EXPECT_EQ(body_of(answer) == kRefused, !is_own);
    }
  }
}

/// A hook whose binding has another kind's webhook, or none.
TEST_F(WebhookMatrix, S13_TheNameOfABindingWithAnotherHookIsNotToldApartFromNoBinding) {
  const auto all = testing::every_hook_kind();
  for (const auto& sender : all) {
    const auto delivery = compose_webhook(push_of(sender));
    ASSERT_TRUE(delivery);
    const auto other = sender.provider() == "github" ? "gitlab-token" : "github-hmac";
    for (const auto& name : {std::string("nobody"), std::string(other)}) {
      const auto answer = ask(sent_to("/webhooks/" + sender.provider() + "/" + name, *delivery));
      EXPECT_EQ(status_of(answer), 401) << sender.binding() << " at " << name;
      EXPECT_EQ(body_of(answer), kRefused);
    }
  }
}

TEST_F(WebhookMatrix, S13_NoProofIsNoDelivery) {
  const auto all = testing::every_hook_kind();
  for (const auto& sender : all) {
    if (sender.scheme == WebhookScheme::None) continue;
    auto wrong = push_of(sender);
    wrong.secret = Secret("whsec_d3Jvbmctc2VjcmV0LW9mLXRoZS10ZXN0LW9mLWFsbA==");
    auto delivery = compose_webhook(wrong);
    ASSERT_TRUE(delivery) << delivery.error().text();
    const auto target = webhook_path(wrong);
    EXPECT_EQ(status_of(ask(sent_to(target, *delivery))), 401) << sender.binding() << ": another secret";
    delivery = compose_webhook(push_of(sender));
    ASSERT_TRUE(delivery);
    for (auto& [name, value] : delivery->headers) {
      const bool is_proof = name.find("oken") != std::string::npos || name == "Authorization" ||
                            name.find("ignature") != std::string::npos;
      if (is_proof) value.clear();
    }
    EXPECT_EQ(status_of(ask(sent_to(target, *delivery))), 401) << sender.binding() << ": empty proof";
    delivery->headers.clear();
    EXPECT_EQ(status_of(ask(sent_to(target, *delivery))), 401) << sender.binding() << ": no proof";
  }
}

/// Where the secret signs the body, no other body counts.
TEST_F(WebhookMatrix, AChangedBodyBreaksWhatSignsIt) {
  const auto all = testing::every_hook_kind();
  for (const auto& sender : all) {
    if (sender.scheme != WebhookScheme::Hmac && sender.scheme != WebhookScheme::Signing) continue;
    auto delivery = compose_webhook(push_of(sender));
    ASSERT_TRUE(delivery);
    delivery->body.back() = ' ';
    EXPECT_EQ(status_of(ask(sent_to(webhook_path(push_of(sender)), *delivery))), 401) << sender.binding();
  }
}

}  // namespace
}  // namespace gitferry::api

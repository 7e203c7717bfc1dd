#include "api/webhook/webhook_sender.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "agent/base/crypto.h"
#include "tests/api/api_fixture.h"
#include "tests/api/webhook_deliveries.h"

namespace gitferry::api {
namespace {

using testing::every_hook_kind;
using testing::HookKind;
using testing::json_of;
using testing::push_of;

const std::string kZeros(40, '0');

class WebhookSenderTest : public testing::ApiTest {
 protected:
  void SetUp() override {
    testing::bind_every_hook_kind(world);
    ApiTest::SetUp();
  }
  [[nodiscard]] SendRequest request(const HookKind& hook) const {
    auto wish = push_of(hook);
    wish.base_url = "http://127.0.0.1:" + std::to_string(port) + "/";
    return wish;
  }
  [[nodiscard]] SendRequest request(const std::string& provider) const {
    const auto* kind = find_webhook_kind(provider);
    return request(HookKind{kind, kind->schemes.front()});
  }
  /// Sends, and returns the event that was understood.
  PushEvent understood(const SendRequest& wish, int status = 202) {
    const auto before = world.sync.delivered().size();
    const auto sent = send_webhook(wish);
    EXPECT_TRUE(sent) << sent.error().text();
    if (!sent) return {};
    EXPECT_EQ(sent->status, status) << wish.repo_name << " " << sent->body;
    const auto delivered = world.sync.delivered();
    EXPECT_EQ(delivered.size(), before + 1);
    return delivered.empty() ? PushEvent{} : delivered.back().event;
  }
};

std::string header_of(const ComposedDelivery& delivery, const std::string& name) {
  const auto found = std::find_if(delivery.headers.begin(), delivery.headers.end(),
                                  [&](const auto& header) { return header.first == name; });
  return found == delivery.headers.end() ? std::string("(none)") : found->second;
}

TEST_F(WebhookSenderTest, SendsWhatTheServerAccepts) {
  const auto all = every_hook_kind();
  for (const auto& hook : all) {
    const auto wish = request(hook);
    const auto event = understood(wish);
    EXPECT_EQ(event.provider, hook.provider());
    EXPECT_EQ(event.repository.full_name, "acme/robot") << hook.binding();
    ASSERT_EQ(event.changes.size(), 1U) << hook.binding();
    EXPECT_EQ(event.changes[0].ref, "refs/heads/main") << hook.binding();
    EXPECT_EQ(event.changes[0].before->hex(), wish.before) << hook.binding();
    EXPECT_EQ(event.changes[0].after->hex(), wish.after) << hook.binding();
    EXPECT_FALSE(event.changes[0].deleted) << hook.binding();
  }
}

TEST_F(WebhookSenderTest, TheDeliveryIdIsTheOneThatTheServerSees) {
  const auto all = every_hook_kind();
  for (const auto& hook : all) {
    const auto sent = send_webhook(request(hook));
    ASSERT_TRUE(sent);
    EXPECT_EQ(world.sync.delivered().back().event.delivery_id, sent->delivery_id) << hook.binding();
  }
}

TEST_F(WebhookSenderTest, CreationsDeletionsAndTagsAreUnderstood) {
  const auto all = every_hook_kind();
  for (const auto& hook : all) {
    for (const std::string ref : {"refs/heads/feature/x", "refs/tags/v1.0"}) {
      auto wish = request(hook);
      wish.ref = ref;
      wish.after = kZeros;
      const auto gone = understood(wish);
      ASSERT_EQ(gone.changes.size(), 1U) << hook.binding();
      EXPECT_EQ(gone.changes[0].ref, ref) << hook.binding();
      EXPECT_TRUE(gone.changes[0].deleted) << hook.binding();
      wish = request(hook);
      wish.ref = ref;
      wish.before = kZeros;
      const auto created = understood(wish);
      ASSERT_EQ(created.changes.size(), 1U) << hook.binding();
      EXPECT_EQ(created.changes[0].ref, ref) << hook.binding();
      EXPECT_FALSE(created.changes[0].deleted) << hook.binding();
    }
  }
}

TEST_F(WebhookSenderTest, SeveralRefsGoIntoOneDeliveryWhereTheHostDoesSo) {
  int several = 0;
  const auto all = every_hook_kind();
  for (const auto& hook : all) {
    auto wish = request(hook);
    wish.further = {{"refs/heads/new", kZeros, wish.after}, {"refs/heads/gone", wish.before, kZeros}};
    const auto composed = compose_webhook(wish);
    if (!composed) {
      EXPECT_EQ(composed.error().code, ErrorCode::InvalidArgument) << hook.binding();
      EXPECT_NE(composed.error().text().find("bitbucket, bitbucket-server, azure"), std::string::npos);
      continue;
    }
    ++several;
    const auto event = understood(wish);
    ASSERT_EQ(event.changes.size(), 3U) << hook.binding();
    EXPECT_EQ(event.changes[1].ref, "refs/heads/new") << hook.binding();
    EXPECT_TRUE(event.changes[1].before->is_null()) << hook.binding();
    EXPECT_EQ(event.changes[2].ref, "refs/heads/gone") << hook.binding();
    EXPECT_TRUE(event.changes[2].deleted) << hook.binding();
  }
  EXPECT_EQ(several, 7) << "GitLab and Bitbucket Data Center with two schemes each";
}

TEST_F(WebhookSenderTest, FormsAreAcceptedFromThoseWhoSendThem) {
  int forms = 0;
  const auto all = every_hook_kind();
  for (const auto& hook : all) {
    auto wish = request(hook);
    wish.as_form = true;
    const auto composed = compose_webhook(wish);
    if (!composed) continue;
    ++forms;
    EXPECT_TRUE(composed->body.starts_with("payload=%7B")) << hook.binding();
    EXPECT_EQ(understood(wish).changes.size(), 1U) << hook.binding();
  }
  EXPECT_EQ(forms, 6) << "GitHub, Gitea's family of three, Gitee with two schemes";
}

TEST_F(WebhookSenderTest, PingsAreIgnoredWithThatReason) {
  int pings = 0;
  const auto all = every_hook_kind();
  for (const auto& hook : all) {
    auto wish = request(hook);
    wish.event = "ping";
    const auto composed = compose_webhook(wish);
    if (!composed) {
      EXPECT_EQ(composed.error().code, ErrorCode::InvalidArgument);
      continue;
    }
    ++pings;
    const auto event = understood(wish, 200);
    EXPECT_EQ(event.ignored_reason, "ping") << hook.binding();
    EXPECT_TRUE(event.changes.empty()) << hook.binding();
  }
  EXPECT_EQ(pings, 6) << "GitHub, CODING, Gitee and Bitbucket Data Center with two schemes each";
}

TEST_F(WebhookSenderTest, GiteaAnnouncesADeletedBranchAsItsKindDoes) {
  const auto composed_for = [&](const std::string& provider, const std::string& ref) {
    auto wish = request(provider);
    wish.ref = ref;
    wish.after = kZeros;
    return compose_webhook(wish).value();
  };
  const auto gitea = composed_for("gitea", "refs/heads/x");
  EXPECT_EQ(header_of(gitea, "X-Gitea-Event"), "delete");
  EXPECT_EQ(json_of(gitea.body)["ref"].asString(), "x");
  const auto forgejo = composed_for("forgejo", "refs/heads/x");
  EXPECT_EQ(header_of(forgejo, "X-Forgejo-Event"), "delete");
  EXPECT_EQ(json_of(forgejo.body)["ref"].asString(), "refs/heads/x");
  EXPECT_EQ(header_of(composed_for("gitea", "refs/tags/x"), "X-Gitea-Event"), "push");
  EXPECT_EQ(header_of(composed_for("gogs", "refs/tags/x"), "X-Gogs-Event"), "delete");
}

TEST_F(WebhookSenderTest, TheSignedTimeIsTheOneAskedFor) {
  // A published vector: the test secret of drone/go-scm.
  auto wish = request("gitee");
  wish.secret = Secret("bBg5lrt03VixkX85CNqYIcecC0SIGASE");
  wish.sent_at = from_epoch_ms(1633679083918);
  const auto gitee = compose_webhook(wish);
  ASSERT_TRUE(gitee);
  EXPECT_EQ(header_of(*gitee, "X-Gitee-Timestamp"), "1633679083918");
  EXPECT_EQ(header_of(*gitee, "X-Gitee-Token"), "Xvh4YPVe6l31XpDRL9J2yeaEXabsckIoUUschpXiVck=");
  wish = request("standard");
  wish.sent_at = from_epoch_ms(1614265330999);
  EXPECT_EQ(header_of(compose_webhook(wish).value(), "webhook-timestamp"), "1614265330");
}

TEST_F(WebhookSenderTest, AnOrganisationsHookHasNoNameInItsPath) {
  auto wish = request("bitbucket-server");
  EXPECT_EQ(webhook_path(wish), "/webhooks/bitbucket-server/bitbucket-server-hmac");
  wish.repo_name.clear();
  EXPECT_EQ(webhook_path(wish), "/webhooks/bitbucket-server");
}

TEST_F(WebhookSenderTest, ReturnsARefusalAsAnAnswer) {
  auto wish = request("github");
  wish.secret = Secret("wrong");
  const auto sent = send_webhook(wish);
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->status, 401);
}

TEST_F(WebhookSenderTest, RefusesWhatCannotBeSent) {
  const auto code_of = [](const SendRequest& wish) { return send_webhook(wish).error().code; };
  auto wish = request("github");
  wish.provider = "svn";
  EXPECT_EQ(code_of(wish), ErrorCode::InvalidArgument);
  EXPECT_NE(compose_webhook(wish).error().text().find("azure, gerrit, standard"), std::string::npos);
  wish = request("gitlab");
  wish.scheme = WebhookScheme::Hmac;
  EXPECT_EQ(code_of(wish), ErrorCode::InvalidArgument);
  EXPECT_NE(compose_webhook(wish).error().text().find("token, signing"), std::string::npos);
  wish = request("gitlab");
  wish.secret = Secret("line\r\nbreak");
  EXPECT_EQ(code_of(wish), ErrorCode::InvalidArgument);
  wish = request("gitea");
  wish.event = "ping";
  EXPECT_EQ(code_of(wish), ErrorCode::InvalidArgument);
  wish = request("github");
  wish.event = "issues";
  EXPECT_EQ(code_of(wish), ErrorCode::InvalidArgument);
  wish = request("gitlab");
  wish.as_form = true;
  EXPECT_EQ(code_of(wish), ErrorCode::InvalidArgument);
  wish = request("github");
  wish.secret = Secret();
  EXPECT_EQ(code_of(wish), ErrorCode::InvalidArgument);
  wish = request("standard");
  wish.secret = Secret("no signing key");
  EXPECT_EQ(code_of(wish), ErrorCode::InvalidArgument);
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

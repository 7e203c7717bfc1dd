#include <string>

#include <gtest/gtest.h>

#include "api/webhook/provider.h"

namespace gitferry::api::webhook {
namespace {

Request request_with(std::string body, std::vector<Header> headers) {
  Request request;
  request.method = "POST";
  request.body = std::move(body);
  request.headers = std::move(headers);
  return request;
}

bool verifies(std::string_view provider, const Request& request, const std::string& secret) {
  const auto* found = find_provider(provider);
  return found->schemes.front().verify(request, Secret(secret), {}, SystemClock().now());
}

TEST(WebhookProvider, KnowsThePublishedSignatureOfGitHub) {
  // From GitHub's documentation, "Validating webhook deliveries".
  const std::string secret = "It's a Secret to Everybody";
  const std::string mac = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
  const auto with = [&](const std::string& value) {
    return verifies("github", request_with("Hello, World!", {{"x-hub-signature-256", value}}), secret);
  };
  EXPECT_TRUE(with("sha256=" + mac));
  EXPECT_FALSE(with("sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b04e17e"));
  EXPECT_FALSE(with("SHA256=" + mac));
  EXPECT_FALSE(with(" sha256=" + mac));
}

TEST(WebhookProvider, AnEmptySecretNeverVerifies) {
  // HMAC-SHA256 of "" under the empty key.
  const std::string mac = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad";
  EXPECT_FALSE(verifies("github", request_with("", {{"x-hub-signature-256", "sha256=" + mac}}), ""));
  EXPECT_FALSE(verifies("gitea", request_with("", {{"x-gitea-signature", mac}}), ""));
  EXPECT_FALSE(verifies("gitlab", request_with("", {{"x-gitlab-token", ""}}), ""));
}

TEST(WebhookProvider, TellsSendersApartByTheirMarks) {
  const auto fits = [](std::string_view provider, const std::vector<std::string>& marks) {
    std::vector<Header> headers;
    for (const auto& mark : marks) headers.push_back({mark, "push"});
    return came_from(*find_provider(provider), request_with("", headers));
  };
  const std::vector<std::string> gogs{"x-gogs-event", "x-github-event"};
  const std::vector<std::string> gitea{"x-gitea-event", "x-gogs-event", "x-github-event"};
  const std::vector<std::string> forgejo{"x-forgejo-event", "x-gitea-event", "x-gogs-event",
                                         "x-github-event"};
  EXPECT_TRUE(fits("github", {"x-github-event"}));
  EXPECT_FALSE(fits("github", {}));
  for (const auto& marks : {gogs, gitea, forgejo}) EXPECT_FALSE(fits("github", marks));
  EXPECT_TRUE(fits("gogs", gogs));
  EXPECT_FALSE(fits("gogs", gitea));
  EXPECT_TRUE(fits("gitea", gitea));
  EXPECT_TRUE(fits("gitea", forgejo));
  EXPECT_TRUE(fits("forgejo", forgejo));
  EXPECT_FALSE(fits("forgejo", gitea));
  EXPECT_TRUE(fits("gitlab", {"x-gitlab-event"}));
  EXPECT_FALSE(fits("gitlab", {"x-gitlab-event", "codeup-event"}));
}

TEST(WebhookProvider, EverySenderHasAMarkThatOthersDoNotTake) {
  struct Sender {
    std::string provider;
    std::vector<std::string> marks;  ///< all that it sends
  };
  const std::vector<Sender> senders{
      {"github", {"x-github-event"}},
      {"gitlab", {"x-gitlab-event"}},
      {"gitlab", {"x-gitlab-event", "webhook-signature"}},
      {"gitea", {"x-gitea-event", "x-gogs-event", "x-github-event"}},
      {"forgejo", {"x-forgejo-event", "x-gitea-event", "x-gogs-event", "x-github-event"}},
      {"gogs", {"x-gogs-event", "x-github-event"}},
      {"gitee", {"x-gitee-event", "x-git-oschina-event"}},
      {"gitcode", {"x-gitcode-event"}},
      {"codeup", {"codeup-event"}},
      {"coding", {"x-coding-event"}},
      {"tencent", {"x-event", "x-gitlab-event"}},
      {"bitbucket", {"x-event-key", "x-hook-uuid", "x-request-uuid"}},
      {"bitbucket-server", {"x-event-key"}},
      {"gerrit", {"x-origin-url"}},
      {"standard", {"webhook-signature"}},
  };
  for (const auto& sender : senders) {
    std::vector<Header> headers;
    for (const auto& mark : sender.marks) headers.push_back({mark, "push"});
    for (const auto& kind : webhook_kinds()) {
      const auto* provider = find_provider(kind.provider);
      ASSERT_NE(provider, nullptr) << kind.provider;
      const bool expected =
          kind.provider == sender.provider || (sender.provider == "forgejo" && kind.provider == "gitea");
      EXPECT_EQ(came_from(*provider, request_with("", headers)), expected)
          << sender.marks.front() << " at " << kind.provider;
    }
  }
}

TEST(WebhookProvider, AMarkThatComesTwiceIsNone) {
  for (const auto& kind : webhook_kinds()) {
    const auto* provider = find_provider(kind.provider);
    ASSERT_NE(provider, nullptr) << kind.provider;
    if (provider->event_header.empty()) continue;
    const std::string name(provider->event_header);
    EXPECT_FALSE(came_from(*provider, request_with("", {{name, "push"}, {name, "push"}}))) << name;
  }
}

}  // namespace
}  // namespace gitferry::api::webhook

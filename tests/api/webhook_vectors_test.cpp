#include "webhook_vectors.h"

#include <array>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "api/webhook/provider.h"

namespace gitferry::api::webhook {
namespace {

using testing::json_file;

/// Secrets and values that the hosts or Standard Webhooks have published, and others computed from a secret
/// of ours by another implementation of the same rules.
const Json::Value& vectors() {
  static const auto file = json_file(GITFERRY_SOURCE_DIR "/tests/data/webhooks/vectors.json");
  return file["vectors"];
}

Request request_of(const Json::Value& vector) {
  auto request = testing::post(vector["body"].asString());
  for (const auto& header : vector["headers"]) {
    request.headers.push_back({to_lower(header[0].asString()), header[1].asString()});
  }
  return request;
}

TEST(WebhookVectors, S13_EveryVectorGetsItsVerdict) {
  ASSERT_GT(vectors().size(), 200U);
  for (const auto& vector : vectors()) {
    const auto* provider = find_provider(vector["provider"].asString());
    const auto* kind = find_webhook_kind(vector["provider"].asString());
    ASSERT_TRUE(provider != nullptr && kind != nullptr) << vector["id"].asString();
    const auto scheme = webhook_scheme_from(vector["scheme"].asString()).value_or(kind->schemes.front());
    ASSERT_NE(find_scheme(*provider, scheme), nullptr) << vector["id"].asString();
    EXPECT_EQ(proves(*provider, testing::source_of(vector, *kind, scheme), request_of(vector),
                     testing::time_of(vector)),
              vector["accept"].asBool())
        << vector["id"].asString();
  }
}

TEST(WebhookVectors, S13_EverySchemeHasAGoodAndABadOne) {
  std::set<std::string> good;
  std::set<std::string> bad;
  for (const auto& vector : vectors()) {
    const auto name = vector["provider"].asString();
    const auto* kind = find_webhook_kind(name);
    ASSERT_NE(kind, nullptr);
    const auto scheme = webhook_scheme_from(vector["scheme"].asString()).value_or(kind->schemes.front());
    (vector["accept"].asBool() ? good : bad).insert(name + " " + std::string(name_of(scheme)));
  }
  for (const auto& kind : webhook_kinds()) {
    for (const auto scheme : kind.schemes) {
      if (scheme == WebhookScheme::None) continue;
      const auto name = std::string(kind.provider) + " " + std::string(name_of(scheme));
      EXPECT_EQ(good.count(name), 1U) << name;
      EXPECT_EQ(bad.count(name), 1U) << name;
    }
  }
}

/// What a source of another provider proves is nothing, also where the format is the same.
TEST(WebhookVectors, S13_ASourceCountsForItsOwnProviderOnly) {
  for (const auto& vector : vectors()) {
    const auto* kind = find_webhook_kind(vector["provider"].asString());
    ASSERT_NE(kind, nullptr);
    const auto scheme = webhook_scheme_from(vector["scheme"].asString()).value_or(kind->schemes.front());
    const auto source = testing::source_of(vector, *kind, scheme);
    for (const auto& other : webhook_kinds()) {
      if (other.provider == kind->provider) continue;
      EXPECT_FALSE(
          proves(*find_provider(other.provider), source, request_of(vector), testing::time_of(vector)))
          << vector["id"].asString() << " at " << other.provider;
    }
  }
}

/// Signature headers of every form, none of which is one, at every provider and scheme.
TEST(WebhookVectors, S13_MalformedProofsAreSurvived) {
  constexpr std::array<const char*, 12> kHeaders{
      "x-hub-signature-256", "x-hub-signature", "x-gitea-signature",       "x-forgejo-signature",
      "x-gogs-signature",    "x-gitlab-token",  "x-gitcode-signature-256", "x-codeup-token",
      "x-coding-signature",  "x-gitee-token",   "authorization",           "webhook-signature"};
  const std::vector<std::string> values{"",
                                        " ",
                                        "=",
                                        "sha256",
                                        "sha256=",
                                        "sha1=",
                                        "v1",
                                        "v1,",
                                        "v1,,",
                                        "%",
                                        "%2",
                                        "%zz",
                                        "Basic",
                                        "Basic ",
                                        "Basic =",
                                        "Basic Og==",
                                        "\xff\xfe",
                                        std::string(1024, 'a'),
                                        std::string(1024, ' '),
                                        std::string(1024, ','),
                                        "sha256=" + std::string(64, '-'),
                                        "v1," + std::string(43, '=') + "="};
  for (const auto& kind : webhook_kinds()) {
    const auto* provider = find_provider(kind.provider);
    ASSERT_NE(provider, nullptr) << kind.provider;
    for (const auto& check : provider->schemes) {
      if (check.scheme == WebhookScheme::None) continue;
      WebhookSource source;
      source.provider = std::string(kind.provider);
      source.scheme = check.scheme;
      source.allow_sha1 = true;
      source.secrets.push_back({Secret("c2VjcmV0IGJ5dGVzIG9mIGEgaG9vayE=")});
      for (const auto& value : values) {
        auto request = testing::post("{}");
        for (const auto* header : kHeaders) request.headers.push_back({header, value});
        request.headers.push_back({"webhook-id", value});
        request.headers.push_back({"webhook-timestamp", value});
        request.headers.push_back({"x-gitee-timestamp", value});
        EXPECT_FALSE(proves(*provider, source, request, from_epoch_ms(0))) << kind.provider << ": " << value;
      }
    }
  }
}

TEST(WebhookVectors, EveryKindOfTheCatalogueHasItsProvider) {
  for (const auto& kind : webhook_kinds()) {
    const auto* provider = find_provider(kind.provider);
    ASSERT_NE(provider, nullptr) << kind.provider;
    EXPECT_EQ(provider->name, kind.provider);
    std::vector<WebhookScheme> schemes;
    for (const auto& check : provider->schemes) schemes.push_back(check.scheme);
    EXPECT_EQ(schemes, std::vector<WebhookScheme>(kind.schemes.begin(), kind.schemes.end())) << kind.provider;
  }
  EXPECT_EQ(find_provider("sourcehut"), nullptr);
}

TEST(WebhookVectors, EverySecretInForceIsTried) {
  const auto now = from_epoch_ms(1'000'000);
  WebhookSource source;
  source.provider = "gitlab";
  source.scheme = WebhookScheme::Token;
  source.secrets = {{Secret("the old one"), now}, {Secret("the new one")}, {Secret("a third one")}};
  const auto sent = [](const char* token) {
    auto request = testing::post("{}");
    request.headers.push_back({"x-gitlab-token", token});
    return request;
  };
  const auto& gitlab = *find_provider("gitlab");
  for (const auto* token : {"the old one", "the new one", "a third one"}) {
    EXPECT_TRUE(proves(gitlab, source, sent(token), now)) << token;
  }
  EXPECT_FALSE(proves(gitlab, source, sent("another one"), now));
  EXPECT_FALSE(proves(gitlab, source, sent("the old one"), now + std::chrono::milliseconds(1)));
  EXPECT_TRUE(proves(gitlab, source, sent("the new one"), now + std::chrono::hours(24)));
  source.secrets.clear();
  EXPECT_FALSE(proves(gitlab, source, sent(""), now));
}

TEST(WebhookVectors, OnlyWhatIsSignedIsAnIdOfDuplicates) {
  auto request = testing::post(
      R"({"ref":"refs/heads/main","before":"1111111111111111111111111111111111111111",
          "after":"2222222222222222222222222222222222222222","repository":{"full_name":"acme/robot"},
          "project":{"path_with_namespace":"acme/robot"}})");
  request.headers = {{"x-gitlab-event", "Push Hook"}, {"webhook-id", "msg_1"}, {"idempotency-key", "msg_1"}};
  for (const auto* name : {"gitlab", "standard"}) {
    const auto& provider = *find_provider(name);
    request.headers.resize(3);
    auto event = provider.parse(provider, request);
    ASSERT_TRUE(event) << event.error().text();
    EXPECT_EQ(event->signed_id, "") << name;
    request.headers.push_back({"webhook-signature", "v1,x"});
    event = provider.parse(provider, request);
    ASSERT_TRUE(event) << event.error().text();
    EXPECT_EQ(event->signed_id, "msg_1") << name;
  }
}

}  // namespace
}  // namespace gitferry::api::webhook

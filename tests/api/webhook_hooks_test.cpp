// Hooks of organisations, and what every hook has in common: limits, refusals, rates, what is told to the
// reconcile.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/base/crypto.h"
#include "agent/base/text.h"
#include "api/json.h"
#include "api/request_guard.h"
#include "api/router_table.h"
#include "api/webhook/webhook_routes.h"
#include "tests/api/api_fixture.h"
#include "tests/api/webhook_deliveries.h"

namespace gitferry::api {
namespace {

using ::testing::AllOf;
using testing::ApiTest;
using testing::body_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::json_of;
using ::testing::Not;
using ::testing::Pair;
using testing::Sent;
using testing::sent_to;
using testing::status_of;

constexpr const char* kRefused = R"({"reason":"unauthenticated","status":"refused"})";

RemoteUrl instance(const std::string& text) {
  auto made = testing::url(text + "/x");
  made.path.resize(made.path.size() - 2);
  return made;
}

OrganisationHook hook_at(const std::string& name, const std::string& provider, const std::string& at,
                         const char* secret = testing::kSecret) {
  OrganisationHook hook;
  hook.name = name;
  hook.source.provider = provider;
  hook.source.scheme = find_webhook_kind(provider)->schemes.front();
  hook.source.secrets = {{Secret(secret)}};
  hook.instance = instance(at);
  return hook;
}

class WebhookHooks : public ApiTest {
 protected:
  void SetUp() override {
    snapshot = std::make_shared<BindingSnapshot>();
    bind("one", "https://git.corp.example/acme/robot.git", "git@mirror.example:public/robot.git");
    bind("two", "https://elsewhere.example/x/y.git", "ssh://git@git.corp.example:2222/acme/robot.git");
    bind("other", "https://git.corp.example/acme/tool.git", "git@mirror.example:public/tool.git");
    snapshot->hooks = {hook_at("corp", "gitea", "https://git.corp.example")};
    put();
    ApiTest::SetUp();
  }

  void bind(const std::string& name, const std::string& internal, const std::string& external) {
    RepositoryBinding binding;
    binding.name = name;
    binding.internal = testing::url(internal);
    binding.external = testing::url(external);
    binding.branches.push_back({"main", "main", true});
    snapshot->repositories.emplace(name, std::move(binding));
  }
  void put() { world.sync.bindings = std::make_shared<const BindingSnapshot>(*snapshot); }

  static SendRequest push(const std::string& provider = "gitea", const std::string& full_name = "acme/robot",
                          const char* secret = testing::kSecret) {
    SendRequest request;
    request.provider = provider;
    request.secret = Secret(secret);
    request.repository_url = "https://git.corp.example/" + full_name + ".git";
    request.full_name = full_name;
    request.ref = "refs/heads/main";
    request.before = std::string(40, '1');
    request.after = std::string(40, '2');
    return request;
  }
  std::string post(const SendRequest& request, const std::string& more = {}) {
    const auto composed = compose_webhook(request);
    EXPECT_TRUE(composed) << composed.error().text();
    return ask(sent_to("/webhooks/" + request.provider + more, *composed));
  }
  std::vector<std::pair<std::string, Side>> last_targets() {
    std::vector<std::pair<std::string, Side>> targets;
    const auto delivered = world.sync.delivered();
    if (delivered.empty()) return targets;
    for (const auto& target : delivered.back().targets) targets.emplace_back(target.repository, target.side);
    return targets;
  }

  std::shared_ptr<BindingSnapshot> snapshot;
};

TEST_F(WebhookHooks, EveryBindingOfTheRepositoryFires) {
  const auto answer = post(push());
  EXPECT_EQ(status_of(answer), 202) << answer;
  EXPECT_THAT(last_targets(), ElementsAre(Pair("one", Side::Internal), Pair("two", Side::External)));
  EXPECT_EQ(world.sync.delivered().back().hook, "gitea:corp");
  const auto body = json_of(body_of(answer));
  EXPECT_EQ(body["status"].asString(), "accepted");
  ASSERT_EQ(body["deliveries"].size(), 2U);
  EXPECT_EQ(body["deliveries"][0]["repo_name"].asString(), "one");
  EXPECT_EQ(body["deliveries"][1]["repo_name"].asString(), "two");
  EXPECT_EQ(body["deliveries"][1]["refs"][0]["ref"].asString(), "refs/heads/main");
}

TEST_F(WebhookHooks, OneBindingIsToldFlat) {
  const auto body = json_of(body_of(post(push("gitea", "acme/tool"))));
  EXPECT_EQ(body["repo_name"].asString(), "other");
  EXPECT_EQ(body["delivery_id"].asInt(), 1);
  EXPECT_FALSE(body.isMember("deliveries"));
}

TEST_F(WebhookHooks, ARepositoryThatIsNotBoundIsRecordedAndIgnored) {
  const auto answer = post(push("gitea", "acme/nothing"));
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_THAT(answer, HasSubstr(R"("reason":"not_bound")"));
  ASSERT_EQ(world.sync.delivered().size(), 1U);
  EXPECT_THAT(last_targets(), IsEmpty());
}

TEST_F(WebhookHooks, S29_ARepositoryOutsideTheOwnersIsForbiddenAndRecorded) {
  snapshot->hooks[0].owners = {"group"};
  put();
  const auto answer = post(push());
  EXPECT_EQ(status_of(answer), 403);
  EXPECT_EQ(body_of(answer), R"({"reason":"other_repository","status":"refused"})");
  ASSERT_EQ(world.sync.delivered().size(), 1U);
  EXPECT_EQ(world.sync.delivered()[0].refusal, "other_repository");
  EXPECT_EQ(world.sync.delivered()[0].event.repository.full_name, "acme/robot");
  EXPECT_THAT(last_targets(), IsEmpty()) << "nothing is said about bindings that the hook is not for";
}

TEST_F(WebhookHooks, HooksOfOneSecretAreTakenTogether) {
  auto owned = hook_at("owned", "gitea", "https://git.corp.example");
  owned.owners = {"group"};
  snapshot->hooks = {owned, hook_at("elsewhere", "gitea", "https://elsewhere.example"),
                     hook_at("corp", "gitea", "https://git.corp.example"),
                     hook_at("github", "github", "https://git.corp.example")};
  put();
  EXPECT_EQ(status_of(post(push())), 202);
  EXPECT_THAT(last_targets(), ElementsAre(Pair("one", Side::Internal), Pair("two", Side::External)));
  EXPECT_EQ(world.sync.delivered().back().hook, "gitea:elsewhere") << "the first that is for the repository";
}

TEST_F(WebhookHooks, S13_OneAnswerForAWrongProofAndForNoHookAtAll) {
  auto wrong = post(push("gitea", "acme/robot", "another-secret-of-the-test"));
  EXPECT_EQ(status_of(wrong), 401);
  EXPECT_EQ(body_of(wrong), kRefused);
  EXPECT_EQ(body_of(post(push("github"))), kRefused) << "no hook of that kind";
  snapshot->hooks.clear();
  put();
  EXPECT_EQ(body_of(post(push())), kRefused);
  EXPECT_EQ(status_of(post(push("gogs"))), 401);
  EXPECT_EQ(status_of(ask("POST", "/webhooks/unknown", nullptr)), 404);
  EXPECT_EQ(status_of(ask("GET", "/webhooks/gitea", nullptr)), 405);
  EXPECT_TRUE(world.sync.delivered().empty());
}

TEST_F(WebhookHooks, S13_ASecretOfABindingIsNoSecretOfTheOrganisation) {
  snapshot->hooks.clear();
  WebhookSource source;
  source.provider = "gitea";
  source.secrets = {{Secret(testing::kSecret)}};
  snapshot->repositories.at("one").internal_webhook = source;
  put();
  EXPECT_EQ(status_of(post(push())), 401);
  auto named = push();
  named.repo_name = "one";
  EXPECT_EQ(status_of(post(named, "/one")), 202);
}

TEST_F(WebhookHooks, APingOfAnOrganisationNamesNoRepository) {
  snapshot->hooks = {hook_at("github", "github", "https://github.com")};
  snapshot->hooks[0].owners = {"acme"};
  put();
  const auto mac = to_hex(hmac_sha256(Secret(testing::kSecret), R"({"zen":"x"})"));
  const auto answer = ask({"POST",
                           "/webhooks/github",
                           {{"X-GitHub-Event", "ping"}, {"X-Hub-Signature-256", "sha256=" + mac}},
                           R"({"zen":"x"})"});
  EXPECT_EQ(status_of(answer), 200) << answer;
  EXPECT_THAT(answer, HasSubstr(R"("reason":"ping")"));
}

TEST_F(WebhookHooks, S15_ADuplicateIsSaidToBeOne) {
  // FakeSync never says so; the real service does (sync_service_test). Only the answer is checked here.
  DeliveryOutcome outcome;
  outcome.verdict = Verdict::Duplicate;
  outcome.delivery_id = 2;
  outcome.duplicate_of = 1;
  outcome.repository = "one";
  world.sync.next_outcomes = {outcome};
  const auto answer = post(push("gitea", "acme/tool"));
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_EQ(body_of(answer), R"({"delivery_id":2,"duplicate_of":1,"repo_name":"one","status":"duplicate"})");
}

TEST_F(WebhookHooks, AHookCountsOnlyFromItsAddresses) {
  snapshot->hooks[0].source.allow_addresses = {AddressRange{mapped_ipv4({192, 0, 2, 0}), 120}};
  put();
  EXPECT_EQ(body_of(post(push())), kRefused);
  snapshot->hooks[0].source.allow_addresses.push_back(AddressRange{mapped_ipv4({127, 0, 0, 1}), 128});
  put();
  EXPECT_EQ(status_of(post(push())), 202);
}

TEST_F(WebhookHooks, AnUnsignedPingOfBitbucketHasOneAnswerForEveryName) {
  for (const auto* path : {"", "/one", "/nobody"}) {
    const auto answer = ask({"POST",
                             std::string("/webhooks/bitbucket-server") + path,
                             {{"X-Event-Key", "diagnostics:ping"}},
                             "{}"});
    EXPECT_EQ(status_of(answer), 200) << path;
    EXPECT_EQ(body_of(answer), R"({"reason":"ping","status":"ignored"})");
  }
  EXPECT_TRUE(world.sync.delivered().empty());
}

TEST_F(WebhookHooks, S37_ABodyIsAsLargeAsTheHostsOfItsKindSendAtMost) {
  for (const auto& [provider, limit] : std::vector<std::pair<std::string, std::size_t>>{
           {"github", 25U << 20U}, {"gitlab", 25U << 20U}, {"bitbucket", 1U << 20U}, {"gitea", 8U << 20U}}) {
    for (const auto* path : {"", "/one"}) {
      testing::RawClient client(port);
      client.send("POST /webhooks/" + provider + path +
                  " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(limit + 1) + "\r\n\r\n");
      const auto status = status_of(client.receive());
      EXPECT_TRUE(status == 413 || (provider == "gitlab" && status == 401)) << provider << path << status;
    }
  }
}

TEST_F(WebhookHooks, S37_ALongSecurityHeaderIsMalformed) {
  for (const auto* name :
       {"Authorization", "X-Gitee-Timestamp", "webhook-id", "X-Any-Token", "X-Gitea-Signature"}) {
    const auto answer = ask({"POST", "/webhooks/gitea", {{name, std::string(1025, 'a')}}, "{}"});
    EXPECT_EQ(status_of(answer), 400) << name;
    EXPECT_EQ(status_of(ask({"POST", "/webhooks/gitea", {{name, std::string(1024, 'a')}}, "{}"})), 401)
        << name;
  }
}

TEST_F(WebhookHooks, S13_WhetherTheBodyIsWaitedForSaysNothingAboutAName) {
  // Of GitLab's two schemes one needs the body. Names that are not bound pretend to either, each to one.
  const auto refused_early = [&](const std::string& name) {
    Request request;
    request.method = "POST";
    request.segments = {"webhooks", "gitlab", name};
    request.headers = {{"x-gitlab-event", "Push Hook"}, {"content-length", "2"}};
    request.client_address = "192.0.2.1";
    const RouterTable table(webhook_routes(world.context), world.context);
    const bool first = table.admit(request).refusal.has_value();
    EXPECT_EQ(table.admit(request).refusal.has_value(), first) << name << " changes its mind";
    return first;
  };
  int early = 0;
  for (int i = 0; i < 100; ++i) early += refused_early("name-" + std::to_string(i)) ? 1 : 0;
  EXPECT_GT(early, 10);
  EXPECT_LT(early, 90);
}

TEST_F(WebhookHooks, WhatWasNotStoredIsComparedForEveryBinding) {
  world.sync.delivery_error = Error{ErrorCode::StoreBusy, "too many writes", {}, {}};
  const auto answer = post(push());
  EXPECT_EQ(status_of(answer), 503);
  EXPECT_THAT(answer, HasSubstr("Retry-After: "));
  EXPECT_THAT(world.sync.told, ElementsAre(Pair("one", Claim::Proven), Pair("two", Claim::Proven)));
}

TEST_F(WebhookHooks, ARefusalThatCannotBeRecordedIsOneAllTheSame) {
  world.sync.delivery_error = Error{ErrorCode::StoreFull, "disk full", {}, {}};
  snapshot->hooks[0].owners = {"group"};
  put();
  EXPECT_EQ(status_of(post(push())), 403);
  EXPECT_TRUE(world.sync.told.empty());
}

TEST_F(WebhookHooks, S37_AHookOverItsRateIsPostponedAndCompared) {
  RateLimits limits = testing::Fixture::kNoLimits;
  limits.hook = {0.001, 2};
  world.context.guard = std::make_shared<RequestGuard>(limits, world.clock);
  WebhookSource source;
  source.provider = "gitea";
  source.secrets = {{Secret(testing::kSecret)}};
  snapshot->repositories.at("other").internal_webhook = source;
  put();
  EXPECT_EQ(status_of(post(push())), 202);
  EXPECT_EQ(status_of(post(push("gitea", "acme/tool"))), 202);
  const auto late = post(push());
  EXPECT_EQ(status_of(late), 429);
  EXPECT_THAT(late, AllOf(HasSubstr("Retry-After: "), HasSubstr(R"("reason":"rate_limited")")));
  EXPECT_THAT(world.sync.told, ElementsAre(Pair("one", Claim::Proven), Pair("two", Claim::Proven)));
  EXPECT_EQ(world.sync.delivered().size(), 2U);

  auto named = push("gitea", "acme/tool");
  named.repo_name = "other";
  for (int i = 0; i < 2; ++i) EXPECT_EQ(status_of(post(named, "/other")), 202) << "another hook";
  EXPECT_EQ(status_of(post(named, "/other")), 429);
  EXPECT_THAT(world.sync.told.back(), Pair("other", Claim::Proven));
  EXPECT_EQ(status_of(post(push("gitea", "acme/robot", "another-secret-of-the-test"))), 401)
      << "the unproven are not told of the rate";
}

TEST_F(WebhookHooks, S37_ManyUnprovenRequestsAreToldToWait) {
  RateLimits limits = testing::Fixture::kNoLimits;
  limits.refusals = {0.001, 3};
  world.context.guard = std::make_shared<RequestGuard>(limits, world.clock);
  const auto wrong = push("gitea", "acme/robot", "another-secret-of-the-test");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(status_of(post(wrong)), 401);
  EXPECT_EQ(status_of(post(wrong)), 429);
  EXPECT_EQ(status_of(post(push())), 202) << "a proven one of the same address";
}

TEST_F(WebhookHooks, WhatThereWasNoRoomForIsHeardOf) {
  WebhookSource source;
  source.provider = "gitea";
  source.secrets = {{Secret(testing::kSecret)}};
  snapshot->repositories.at("one").internal_webhook = source;
  put();
  const auto hear = [&](std::vector<std::string> segments, const std::string& method = "POST") {
    Request request;
    request.method = method;
    request.segments = std::move(segments);
    hear_of_unread_webhook(world.context, request);
  };
  hear({"webhooks", "gitea", "one"});
  EXPECT_THAT(world.sync.told, ElementsAre(Pair("one", Claim::Heard)));
  hear({"webhooks", "github", "one"});
  hear({"webhooks", "gitea", "two"});
  hear({"webhooks", "gitea", "nobody"});
  hear({"webhooks", "gitea"});
  hear({"webhooks"});
  hear({});
  hear({"cerobot", "gitea", "one"});
  hear({"webhooks", "gitea", "one"}, "GET");
  EXPECT_EQ(world.sync.told.size(), 1U);
}

TEST_F(WebhookHooks, S37_WhatCameTooFastFromItsAddressIsHeardOf) {
  WebhookSource source;
  source.provider = "gitea";
  source.secrets = {{Secret(testing::kSecret)}};
  snapshot->repositories.at("one").internal_webhook = source;
  put();
  RateLimits limits = testing::Fixture::kNoLimits;
  limits.address = {0.001, 2};
  world.context.guard = std::make_shared<RequestGuard>(limits, world.clock);
  const RouterTable table(webhook_routes(world.context), world.context);
  Request request;
  request.method = "POST";
  request.segments = {"webhooks", "gitea", "one"};
  request.headers = {{"content-length", "2"}};
  request.client_address = "192.0.2.1";
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(table.admit(request).refusal);
  EXPECT_THAT(world.sync.told, IsEmpty());
  const auto refused = table.admit(request).refusal;
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 429);
  EXPECT_THAT(world.sync.told, ElementsAre(Pair("one", Claim::Heard)));
  request.segments.back() = "nobody";
  EXPECT_TRUE(table.admit(request).refusal);
  EXPECT_EQ(world.sync.told.size(), 1U);
}

TEST_F(WebhookHooks, AnEventThatDoesNotSayWhatMovedIsOfTheProvenSide) {
  snapshot->repositories.at("one").external_webhook =
      testing::hook_of(*find_webhook_kind("azure"), WebhookScheme::Basic);
  put();
  auto request = push("azure", "public/robot");
  request.document = R"({"eventType":"git.push","id":"1","resource":{}})";
  EXPECT_EQ(status_of(post(request, "/one")), 202);
  EXPECT_THAT(last_targets(), ElementsAre(Pair("one", Side::External)));
  EXPECT_TRUE(world.sync.delivered().back().event.is_unspecific);
}

TEST_F(WebhookHooks, S29_AnEventThatDoesNotSayWhatMovedIsOfItsRepositoryAlone) {
  snapshot->repositories.at("one").external_webhook =
      testing::hook_of(*find_webhook_kind("standard"), WebhookScheme::Signing);
  put();
  auto request = push("standard", "public/robot");
  request.document = R"({"type":"push","repository":{"full_name":"public/robot"}})";
  EXPECT_EQ(status_of(post(request, "/one")), 202);
  EXPECT_TRUE(world.sync.delivered().back().event.is_unspecific);
  request.document = R"({"type":"push","repository":{"full_name":"evil/robot"}})";
  EXPECT_EQ(status_of(post(request, "/one")), 403);
}

TEST_F(WebhookHooks, GerritsHttpAddressesHaveASegmentBeforeTheProject) {
  bind("gerrit", "https://gerrit.example/a/tools/robot", "git@mirror.example:public/g.git");
  snapshot->repositories.at("gerrit").internal_webhook =
      testing::hook_of(*find_webhook_kind("gerrit"), WebhookScheme::None);
  put();
  auto request = push("gerrit", "tools/robot");
  request.secret = Secret();
  EXPECT_EQ(status_of(post(request, "/gerrit")), 202);
  request.full_name = "robot";
  EXPECT_EQ(status_of(post(request, "/gerrit")), 403);
}

}  // namespace
}  // namespace gitferry::api

// Webhooks through the hosts' web APIs, at a server that speaks them as they are published.

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/api/hosting_fixture.h"

namespace gitferry::api::hosting {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Hook = test::HostingApi::Hook;
using Fault = test::HostingApi::Fault;

std::string error_text(const Result<SetUpHook>& result) {
  return result ? "no error" : result.error().text();
}

Hook hook_at(const std::string& url) {
  Hook hook;
  hook.url = url;
  hook.secret = "somebody's own secret";
  hook.type = "slack";
  return hook;
}

class EveryHost : public ::testing::TestWithParam<std::string> {
 protected:
  HostAndClient host{GetParam()};
  WantedHook wanted = host.wanted();
};

TEST_P(EveryHost, GetsTheHookOnceAndIsLeftAloneAfterwards) {
  EXPECT_FALSE(*host.check(wanted));

  const auto made = host.install(wanted);
  ASSERT_TRUE(made) << error_text(made);
  EXPECT_EQ(made->action, HookAction::Created);
  ASSERT_EQ(host.hooks().size(), 1U);
  const auto hook = host.hooks().front();
  EXPECT_EQ(made->id, hook.id);
  EXPECT_EQ(hook.url, wanted.url);
  EXPECT_EQ(hook.secret, kHookSecret);
  EXPECT_TRUE(hook.active);
  EXPECT_TRUE(hook.verifies_tls);
  EXPECT_EQ(hook.content_type, "json");
  EXPECT_THAT(hook.events, ElementsAre("push"));
  EXPECT_EQ(hook.encryption_type, GetParam() == "gitee" ? 1 : 0);

  const auto writes = host.api.writes();
  const auto again = host.install(wanted);
  ASSERT_TRUE(again) << error_text(again);
  EXPECT_EQ(again->action, HookAction::None);
  EXPECT_EQ(again->id, made->id);
  EXPECT_EQ(host.api.writes(), writes);
  EXPECT_EQ(host.hooks().size(), 1U);

  const auto found = host.check(wanted);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->id, made->id);
  EXPECT_THAT((*found)->flaws, IsEmpty());
  EXPECT_FALSE((*found)->last_delivery);
}

TEST_P(EveryHost, IsOnlyReadByADryRun) {
  const auto would = host.install(wanted, {.dry_run = true});
  ASSERT_TRUE(would) << error_text(would);
  EXPECT_EQ(would->action, HookAction::Created);
  EXPECT_EQ(would->id, 0);
  EXPECT_EQ(host.api.writes(), 0);
  EXPECT_THAT(host.hooks(), IsEmpty());
}

TEST_P(EveryHost, KeepsTheHooksOfOthers) {
  const auto other = host.api.add_hook(kProject, hook_at("https://ci.example.org/webhooks/x/robot"));
  const auto near = host.api.add_hook(kProject, hook_at(wanted.url + "-2"));
  const auto elsewhere =
      host.api.add_hook(kProject, hook_at("https://staging.example.org/webhooks/" + GetParam() + "/robot"));
  ASSERT_TRUE(host.install(wanted));
  ASSERT_TRUE(host.install(wanted, {.rotate = true}));
  const auto hooks = host.hooks();
  ASSERT_EQ(hooks.size(), 4U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(hooks[i].secret, "somebody's own secret");
  EXPECT_THAT((std::vector{hooks[0].id, hooks[1].id, hooks[2].id}), ElementsAre(other, near, elsewhere));
}

TEST_P(EveryHost, FindsTheHookOnItsLastPageWhateverTheirSize) {
  for (int i = 0; i < 130; ++i)
    host.api.add_hook(kProject, hook_at("https://ci.example.org/" + std::to_string(i)));
  ASSERT_EQ(host.install(wanted)->action, HookAction::Created);
  for (const int size : {100, 30, 7}) {
    host.api.set_largest_page(size);
    const auto again = host.install(wanted);
    ASSERT_TRUE(again) << error_text(again);
    EXPECT_EQ(again->action, HookAction::None) << size;
  }
  EXPECT_EQ(host.hooks().size(), 131U);
}

TEST_P(EveryHost, KnowsTheHookInWhateverFormItsAddressIsWritten) {
  auto hook = hook_at("https://proxy:pass@Ferry.example.org:443/webhooks/" + GetParam() + "/r%6Fbot/");
  hook.type = GetParam();
  host.api.add_hook(kProject, hook);
  const auto changed = host.install(wanted, {.rotate = true});
  ASSERT_TRUE(changed) << error_text(changed);
  ASSERT_EQ(host.hooks().size(), 1U);
  EXPECT_EQ(host.hooks().front().secret, kHookSecret);
  // A proxy in front may want its user info, and GitLab forgets the token of an address that changes.
  EXPECT_EQ(host.hooks().front().url, GetParam() == "gogs" ? wanted.url : hook.url);
}

TEST_P(EveryHost, IsGivenAnotherSecretOnDemand) {
  ASSERT_TRUE(host.install(wanted));
  wanted.secret = Secret("another-secret-of-the-tests");
  EXPECT_EQ(host.install(wanted)->action, HookAction::None);  // no host tells which secret it has
  const auto rotated = host.install(wanted, {.rotate = true});
  ASSERT_TRUE(rotated) << error_text(rotated);
  EXPECT_EQ(rotated->action, GetParam() == "gogs" ? HookAction::Replaced : HookAction::Changed);
  ASSERT_EQ(host.hooks().size(), 1U);
  EXPECT_EQ(host.hooks().front().secret, "another-secret-of-the-tests");
  EXPECT_EQ(host.hooks().front().id, rotated->id);
}

TEST_P(EveryHost, NeverGetsASecondHookAndSaysWhereThereAreTwo) {
  auto worse = hook_at(wanted.url);
  worse.events = {"issues"};
  auto better = hook_at(wanted.url);
  const auto spare = host.api.add_hook(kProject, worse);
  const auto kept = host.api.add_hook(kProject, better);
  const auto done = host.install(wanted);
  ASSERT_TRUE(done) << error_text(done);
  EXPECT_EQ(done->action, HookAction::None);
  EXPECT_EQ(done->id, kept);
  EXPECT_THAT(done->spare_ids, ElementsAre(spare));
  EXPECT_EQ(host.hooks().size(), 2U);
  EXPECT_THAT((*host.check(wanted))->spare_ids, ElementsAre(spare));
}

TEST_P(EveryHost, GoesOnToTellOfWhatItToldOf) {
  auto hook = hook_at(wanted.url);
  hook.events = {"issues"};
  host.api.add_hook(kProject, hook);
  wanted.with_tags = true;
  wanted.with_deletions = true;
  const auto done = host.install(wanted);
  ASSERT_TRUE(done) << error_text(done);
  EXPECT_THAT(done->mended, ElementsAre(Flaw::EventsMissing));
  std::set<std::string> expected{"issues", "push"};
  if (GetParam() == "gitlab" || GetParam() == "gitee") expected.insert("tag_push");
  if (GetParam() == "gogs") expected.insert("create");
  if (GetParam() == "gogs" || GetParam() == "gitea" || GetParam() == "forgejo") expected.insert("delete");
  EXPECT_EQ(host.hooks().front().events, expected);
  EXPECT_EQ(host.install(wanted)->action, HookAction::None);
}

TEST_P(EveryHost, SaysWhatTheTokenNeeds) {
  HostAndClient stranger(GetParam(), {}, "S3CR3T-of-somebody-else");
  const auto refused = stranger.install(wanted);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::AuthenticationFailed) << error_text(refused);

  host.api.set_power(test::HostingApi::Power::None);
  const auto forbidden = host.install(wanted);
  ASSERT_FALSE(forbidden);
  EXPECT_EQ(forbidden.error().code, ErrorCode::AccessDenied);
  host.api.set_power(test::HostingApi::Power::Hidden);
  const auto hidden = host.install(wanted);
  ASSERT_FALSE(hidden);
  EXPECT_EQ(hidden.error().code, ErrorCode::RepositoryMissing);
  for (const auto& result : {refused, forbidden, hidden}) {
    EXPECT_THAT(result.error().hint, HasSubstr(find_hook_dialect(GetParam())->rights)) << error_text(result);
    EXPECT_THAT(error_text(result), Not(HasSubstr("S3CR3T")));
  }
}

TEST_P(EveryHost, ShowsNoSecretInAddressesAndErrors) {
  ASSERT_TRUE(host.install(wanted));
  ASSERT_TRUE(host.check(wanted));
  for (const auto& line : host.api.requests()) {
    EXPECT_THAT(line, Not(HasSubstr("S3CR3T")));
    EXPECT_THAT(line, Not(HasSubstr("whsec_")));
    EXPECT_THAT(line, Not(HasSubstr("token=")));
  }
  const auto said = "no " + std::string(kHookSecret) + " and no " + test::HostingApi::kToken;
  host.api.fail({422, R"({"message": ")" + said + "\\u001b[31m\"}", {}, ""});
  const auto refused = host.install(wanted);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::RejectedByRemote);
  EXPECT_THAT(error_text(refused), HasSubstr("*** "));
  EXPECT_THAT(error_text(refused), Not(HasSubstr("S3CR3T")));
  EXPECT_THAT(error_text(refused), Not(HasSubstr("\x1b")));
}

TEST_P(EveryHost, MayRefuseFailAndRedirect) {
  const auto code_of = [&](const Fault& fault) {
    host.api.fail(fault);
    const auto result = host.install(wanted);
    EXPECT_FALSE(result) << fault.status;
    return result ? ErrorCode::Internal : result.error().code;
  };
  EXPECT_EQ(code_of({422, R"({"message": "Validation Failed"})", {}, "POST"}), ErrorCode::RejectedByRemote);
  EXPECT_EQ(code_of({429, "{}", {{"Retry-After", "60"}}}), ErrorCode::HostBusy);
  EXPECT_EQ(code_of({403, "{}", {{"Retry-After", "60"}}}), ErrorCode::HostBusy);
  EXPECT_EQ(code_of({500, "<html>", {}}), ErrorCode::HostError);
  EXPECT_EQ(code_of({502, "", {}, "POST"}), ErrorCode::HostError);
  EXPECT_EQ(code_of({301, "", {{"Location", "http://127.0.0.2:1/"}}}), ErrorCode::AddressRefused);
  EXPECT_EQ(code_of({418, "[]", {}}), ErrorCode::RejectedByRemote);
  for (const auto& line : host.api.requests()) EXPECT_THAT(line, Not(HasSubstr("127.0.0.2")));
  EXPECT_THAT(host.hooks(), IsEmpty());
  EXPECT_TRUE(host.install(wanted));
}

TEST_P(EveryHost, MayAnswerAnything) {
  std::string many = "[";
  for (int i = 1; i < 6'000; ++i) many += R"({"id":)" + std::to_string(i) + R"(,"a":1,"b":2,"c":3},)";
  many += "{\"id\":9999}]";
  for (const std::string& body :
       {std::string(), std::string("{}"), std::string("null"), std::string("[}"), std::string("[1, 2]"),
        std::string(R"([{"id": "x"}])"), std::string(R"([{"id": -1}])"),
        std::string("[{\"id\": 1, \"id\": 2}]"), std::string("<html>login</html>"), std::string("[\"\xff\"]"),
        std::string(200, '['), many}) {
    host.api.fail({200, body});
    const auto result = host.install(wanted);
    ASSERT_FALSE(result) << body.substr(0, 60);
    EXPECT_EQ(result.error().code, ErrorCode::ProtocolError) << body.substr(0, 60);
  }
  host.api.fail({200, std::string(5'000'000, ' ')});
  EXPECT_EQ(host.install(wanted).error().code, ErrorCode::LimitExceeded);
  EXPECT_EQ(host.api.writes(), 0);
}

TEST_P(EveryHost, MayListHooksOfOddTypes) {
  host.api.fail({200,
                 R"([{"id": 7, "url": 5, "config": [], "events": "push", "active": "yes", "last_response": 1},
                          {"id": "8", "config": {"url": ["x"]}, "events": [null, 1, {}]}])",
                 {},
                 ""});
  const auto result = host.install(wanted);
  ASSERT_TRUE(result) << error_text(result);
  EXPECT_EQ(result->action, HookAction::Created);
}

TEST_P(EveryHost, MayBeTooSlow) {
  HostAndClient slow(GetParam(),
                     {.connect = std::chrono::seconds(5), .total = std::chrono::milliseconds(200)});
  slow.api.fail({0, ""});
  const auto result = slow.install(wanted);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::Timeout) << error_text(result);
  EXPECT_THAT(error_text(result), HasSubstr("no whole answer within 200 ms"));
}

TEST_P(EveryHost, IsNotBelievedWhereItTookAChangeAndStillSaysOtherwise) {
  host.api.fail({201, "{}", {}, "POST"});
  const auto result = host.install(wanted);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::RejectedByRemote);
  EXPECT_THAT(error_text(result), HasSubstr("does not list the webhook"));
}

INSTANTIATE_TEST_SUITE_P(Hosting, EveryHost,
                         ::testing::Values("github", "gitlab", "gitea", "forgejo", "gogs", "gitee"),
                         [](const auto& test) { return test.param; });

struct FlawCase {
  std::string kind;
  Flaw flaw;
  std::function<void(Hook&)> break_it;
};

class EveryFlaw : public ::testing::TestWithParam<FlawCase> {};

TEST_P(EveryFlaw, IsSeenAndMended) {
  HostAndClient host(GetParam().kind);
  auto wanted = host.wanted();
  if (GetParam().flaw == Flaw::Authorization) wanted.authorization = Secret("Bearer of-the-hook");
  const auto made = host.install(wanted);
  ASSERT_TRUE(made) << error_text(made);
  host.api.change_hook(kProject, static_cast<int>(made->id), GetParam().break_it);
  EXPECT_THAT((*host.check(wanted))->flaws, ElementsAre(GetParam().flaw));

  const auto would = host.install(wanted, {.dry_run = true});
  ASSERT_TRUE(would);
  EXPECT_EQ(would->action, HookAction::Changed);
  EXPECT_THAT((*host.check(wanted))->flaws, ElementsAre(GetParam().flaw));

  const auto mended = host.install(wanted);
  ASSERT_TRUE(mended) << error_text(mended);
  EXPECT_EQ(mended->id, made->id);
  EXPECT_THAT(mended->mended, ElementsAre(GetParam().flaw));
  EXPECT_THAT((*host.check(wanted))->flaws, IsEmpty());
  // Some hosts take the secret away with a change that does not name it.
  EXPECT_EQ(host.hooks().front().secret, kHookSecret);
  EXPECT_EQ(host.install(wanted)->action, HookAction::None);
}

INSTANTIATE_TEST_SUITE_P(
    Hosting, EveryFlaw,
    ::testing::Values(
        FlawCase{"github", Flaw::Inactive, [](Hook& hook) { hook.active = false; }},
        FlawCase{"github", Flaw::EventsMissing, [](Hook& hook) { hook.events = {"issues"}; }},
        FlawCase{"github", Flaw::NotJson, [](Hook& hook) { hook.content_type = "form"; }},
        FlawCase{"github", Flaw::TlsUnverified, [](Hook& hook) { hook.verifies_tls = false; }},
        FlawCase{"github", Flaw::NoSecret, [](Hook& hook) { hook.secret.clear(); }},
        FlawCase{"gitlab", Flaw::Disabled, [](Hook& hook) { hook.alert_status = "disabled"; }},
        FlawCase{"gitlab", Flaw::Disabled, [](Hook& hook) { hook.alert_status = "temporarily_disabled"; }},
        FlawCase{"gitlab", Flaw::EventsMissing, [](Hook& hook) { hook.events = {"issues"}; }},
        FlawCase{"gitlab", Flaw::BranchFilter, [](Hook& hook) { hook.branch_filter = "release/*"; }},
        FlawCase{"gitlab", Flaw::OtherDocument, [](Hook& hook) { hook.template_text = "{}"; }},
        FlawCase{"gitlab", Flaw::TlsUnverified, [](Hook& hook) { hook.verifies_tls = false; }},
        FlawCase{"gitlab", Flaw::NoSecret, [](Hook& hook) { hook.secret.clear(); }},
        FlawCase{"gitlab", Flaw::OtherScheme, [](Hook& hook) { hook.signing_token = kHookSecret; }},
        FlawCase{"gitea", Flaw::Inactive, [](Hook& hook) { hook.active = false; }},
        FlawCase{"gitea", Flaw::EventsMissing, [](Hook& hook) { hook.events = {"issues"}; }},
        FlawCase{"gitea", Flaw::NotJson, [](Hook& hook) { hook.content_type = "form"; }},
        FlawCase{"gitea", Flaw::BranchFilter, [](Hook& hook) { hook.branch_filter = "main"; }},
        FlawCase{"forgejo", Flaw::Authorization, [](Hook& hook) { hook.authorization = "Bearer x"; }},
        FlawCase{"gogs", Flaw::Inactive, [](Hook& hook) { hook.active = false; }},
        FlawCase{"gogs", Flaw::NotJson, [](Hook& hook) { hook.content_type = "form"; }},
        FlawCase{"gitee", Flaw::EventsMissing, [](Hook& hook) { hook.events = {"issues"}; }}),
    [](const auto& test) {
      return test.param.kind + "_" + std::string(name_of(test.param.flaw)) + "_" + std::to_string(test.index);
    });

TEST(Hosting, KeepsTheHeaderThatAHookSendsToAProxyInFront) {
  HostAndClient host("gitea");
  const auto wanted = host.wanted();
  const auto made = host.install(wanted);
  ASSERT_TRUE(made);
  host.api.change_hook(kProject, static_cast<int>(made->id), [](Hook& hook) {
    hook.authorization = "Basic of-the-proxy";
    hook.active = false;
  });
  ASSERT_TRUE(host.install(wanted));
  EXPECT_TRUE(host.hooks().front().active);
  EXPECT_EQ(host.hooks().front().authorization, "Basic of-the-proxy");
}

TEST(Hosting, SetsTheSigningTokenOfGitLab) {
  HostAndClient host("gitlab");
  auto wanted = host.wanted();
  wanted.scheme = WebhookScheme::Signing;
  for (const auto& secret : {std::string(kHookSecret), std::string(kHookSecret).substr(6)}) {
    wanted.secret = Secret(secret);
    ASSERT_TRUE(host.install(wanted, {.rotate = true}));
    EXPECT_EQ(host.hooks().front().signing_token, kHookSecret);
    EXPECT_EQ(host.hooks().front().secret, "");
  }
  host.api.change_hook(kProject, host.hooks().front().id, [](Hook& hook) { hook.signing_token.clear(); });
  EXPECT_THAT((*host.check(wanted))->flaws, ElementsAre(Flaw::NoSecret));
}

TEST(Hosting, ReportsAGitLabHookWhoseTestFails) {
  HostAndClient host("gitlab");
  const auto wanted = host.wanted();
  const auto made = host.install(wanted);
  ASSERT_TRUE(made);
  host.api.change_hook(kProject, static_cast<int>(made->id),
                       [](Hook& hook) { hook.alert_status = "disabled"; });
  host.api.fail({422, R"({"message": "Hook execution failed: connection refused"})", {}, "POST"});
  const auto failed = host.install(wanted);
  ASSERT_FALSE(failed);
  EXPECT_THAT(error_text(failed), HasSubstr("Hook execution failed: connection refused"));
}

TEST(Hosting, TellsWhatTheHostSaysOfTheLatestDelivery) {
  for (const auto* kind : {"github", "gitlab", "gitee"}) {
    HostAndClient host(kind);
    const auto wanted = host.wanted();
    const auto made = host.install(wanted);
    ASSERT_TRUE(made) << error_text(made);
    for (const int status : {202, 401, -1}) {
      host.api.change_hook(kProject, static_cast<int>(made->id), [&](Hook& hook) {
        hook.status = status;
        hook.delivered_at = "2026-11-27T10:00:00Z";
      });
      const auto last = (*host.check(wanted))->last_delivery;
      ASSERT_TRUE(last) << kind;
      EXPECT_EQ(last->arrived, status == 202) << kind << status;
      EXPECT_TRUE(last->status == status || status < 0) << kind;
      EXPECT_EQ(last->at_ms, std::string(kind) == "github" ? 1'795'773'600'000 : 0) << kind;
    }
  }
}

TEST(Hosting, DoesWithoutDeliveriesWhereTheHostIsOlder) {
  HostAndClient host("github");
  const auto wanted = host.wanted();
  const auto made = host.install(wanted);
  ASSERT_TRUE(made);
  host.api.change_hook(kProject, static_cast<int>(made->id), [](Hook& hook) { hook.status = 404; });
  auto client = host.client();
  const auto hooks = client.list();
  ASSERT_TRUE(hooks);
  host.api.fail({404, "{}"});
  const auto last = client.last_delivery(hooks->front());
  ASSERT_TRUE(last && *last);
  EXPECT_EQ((*last)->status, 404);
  host.api.fail({500, "{}"});
  EXPECT_FALSE(client.last_delivery(hooks->front()));
}

TEST(Hosting, RefusesAHostWithMoreHooksThanAnybodyHas) {
  HostAndClient host("gitea");
  for (int i = 0; i < 2'050; ++i) host.api.add_hook(kProject, hook_at("https://ci.example.org/"));
  const auto result = host.install(host.wanted());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::LimitExceeded) << error_text(result);
  EXPECT_EQ(host.api.writes(), 0);
}

class EveryOrganisation : public ::testing::TestWithParam<std::pair<std::string, std::string>> {
 protected:
  EveryOrganisation() {
    host.turn_to(GetParam().second);
    wanted = host.wanted();
  }
  HostAndClient host{GetParam().first};
  WantedHook wanted;
};

TEST_P(EveryOrganisation, GetsTheHookOnceAndRepairsIt) {
  const auto made = host.install(wanted);
  ASSERT_TRUE(made) << error_text(made);
  EXPECT_EQ(made->action, HookAction::Created);
  ASSERT_EQ(host.hooks().size(), 1U);
  EXPECT_EQ(host.hooks().front().url, wanted.url);
  EXPECT_EQ(host.hooks().front().secret, kHookSecret);
  EXPECT_THAT(host.api.hooks(kProject), IsEmpty());
  EXPECT_EQ(host.install(wanted)->action, HookAction::None);

  host.api.change_hook(host.whose(), static_cast<int>(made->id), [](Hook& hook) {
    hook.events = {"issues"};
    hook.status = 401;
  });
  const auto found = host.check(wanted);
  ASSERT_TRUE(found && *found);
  EXPECT_THAT((*found)->flaws, ElementsAre(Flaw::EventsMissing));
  EXPECT_EQ((*found)->last_delivery.has_value(),
            GetParam().first == "github" || GetParam().first == "gitlab");
  const auto mended = host.install(wanted);
  ASSERT_TRUE(mended) << error_text(mended);
  EXPECT_EQ(mended->id, made->id);
  EXPECT_THAT((*host.check(wanted))->flaws, IsEmpty());
}

TEST_P(EveryOrganisation, SaysWhatTheTokenNeedsAndWhoIsUnknown) {
  host.api.set_power(test::HostingApi::Power::None);
  const auto forbidden = host.install(wanted);
  ASSERT_FALSE(forbidden);
  EXPECT_EQ(forbidden.error().code, ErrorCode::AccessDenied);
  host.api.set_power(test::HostingApi::Power::Hidden);
  const auto unknown = host.install(wanted);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::RepositoryMissing);
  EXPECT_THAT(error_text(unknown), HasSubstr("no such organisation"));
  EXPECT_THAT(error_text(unknown), HasSubstr("of '" + GetParam().second + "'"));
  const auto rights = find_hook_dialect(GetParam().first)->organisation_rights;
  for (const auto& result : {forbidden, unknown}) EXPECT_THAT(result.error().hint, HasSubstr(rights));
}

INSTANTIATE_TEST_SUITE_P(Hosting, EveryOrganisation,
                         ::testing::Values(std::pair("github", "acme"), std::pair("gitlab", "group/sub"),
                                           std::pair("gitea", "acme"), std::pair("forgejo", "acme")),
                         [](const auto& test) { return test.param.first; });

TEST(Hosting, NamesOrganisationsAsTheHostDoes) {
  const auto path_of = [](const std::string& kind, const std::string& owner) {
    return find_hook_dialect(kind)->organisation_hooks_path(owner);
  };
  EXPECT_EQ(path_of("github", "acme"), "/orgs/acme/hooks");
  EXPECT_EQ(path_of("github", "acme/robot"), "") << "that is a repository";
  EXPECT_EQ(path_of("gitlab", "group"), "/groups/group/hooks");
  EXPECT_EQ(path_of("gitlab", "group/sub"), "/groups/group%2Fsub/hooks");
  EXPECT_EQ(path_of("gitea", "a?b"), "/orgs/a%3Fb/hooks");
  for (const auto* kind : {"gogs", "gitee"})
    EXPECT_EQ(find_hook_dialect(kind)->organisation_hooks_path, nullptr) << kind;
}

std::string api_of(const std::string& kind, const std::string& address) {
  return find_hook_dialect(kind)->api_of(parse_remote_url(address, any_scheme())->url);
}

TEST(Hosting, KnowsWhereTheApiIs) {
  EXPECT_EQ(api_of("github", "https://github.com/acme/robot.git"), "https://api.github.com");
  EXPECT_EQ(api_of("github", "git@github.com:acme/robot.git"), "https://api.github.com");
  EXPECT_EQ(api_of("github", "ssh://git@ssh.github.com:443/acme/robot"), "https://api.github.com");
  EXPECT_EQ(api_of("github", "https://acme.ghe.com/acme/robot"), "https://api.acme.ghe.com");
  EXPECT_EQ(api_of("github", "https://git.corp:8443/acme/robot"), "https://git.corp:8443/api/v3");
  EXPECT_EQ(api_of("gitlab", "https://gitlab.com/a/b/c"), "https://gitlab.com/api/v4");
  EXPECT_EQ(api_of("gitlab", "ssh://git@gitlab.corp:2222/a/b"), "https://gitlab.corp/api/v4");
  EXPECT_EQ(api_of("gitlab", "git@altssh.gitlab.com:a/b.git"), "https://gitlab.com/api/v4");
  EXPECT_EQ(api_of("gitea", "http://[::1]:3000/a/b"), "http://[::1]:3000/api/v1");
  EXPECT_EQ(api_of("forgejo", "https://codeberg.org/a/b"), "https://codeberg.org/api/v1");
  EXPECT_EQ(api_of("gogs", "https://gogs.corp/a/b"), "https://gogs.corp/api/v1");
  EXPECT_EQ(api_of("gitee", "git@gitee.com:a/b.git"), "https://gitee.com/api/v5");
  EXPECT_EQ(find_hook_dialect("bitbucket"), nullptr);
}

TEST(Hosting, NamesTheProjectAsTheHostDoes) {
  const auto path_of = [](const std::string& kind, const std::string& address) {
    return find_hook_dialect(kind)->hooks_path(project_of(parse_remote_url(address, any_scheme())->url));
  };
  EXPECT_EQ(path_of("github", "https://github.com/Acme/Robot.git/"), "/repos/Acme/Robot/hooks");
  EXPECT_EQ(path_of("gitlab", "git@gitlab.com:group/sub/Robot.git"), "/projects/group%2Fsub%2FRobot/hooks");
  EXPECT_EQ(path_of("gitea", "https://git.corp/a/b%2Dc"), "/repos/a/b-c/hooks");
}

TEST(Hosting, ReadsTimesAsHostsWriteThem) {
  EXPECT_EQ(time_in("2026-11-27T10:00:00Z"), 1'795'773'600'000);
  EXPECT_EQ(time_in("2026-11-27T10:00:00.5Z"), 1'795'773'600'500);
  EXPECT_EQ(time_in("2026-11-27T10:00:00.123456789Z"), 1'795'773'600'123);
  for (const auto* wrong : {"", "Z", "yesterday", "2026-11-27T10:00:00+08:00", "2026-11-27T10:00:00xZ"})
    EXPECT_EQ(time_in(wrong), 0) << wrong;
  EXPECT_EQ(time_in(Json::Value(5)), 0);
}

class HookHealthTest : public ::testing::Test {
 protected:
  static constexpr std::int64_t kNow = 1'795'773'600'000;
  static constexpr std::int64_t kDay = 86'400'000;
  HookHealth judged() const { return judge(found, arrival, "robot --side internal"); }

  std::optional<FoundHook> found = FoundHook{7, {}, HostDelivery{kNow, true, 202, "OK"}, {}};
  KnownArrival arrival{HookArrival{kNow, "push", Verdict::Accepted, ""}, kNow - 7 * kDay};
};

TEST_F(HookHealthTest, DeliversWhereTheHostAndTheDatabaseAgree) {
  EXPECT_TRUE(judged().delivers);
  EXPECT_EQ(judged().advice, "");
  arrival.last->received_at_ms = kNow - 60'000;
  EXPECT_TRUE(judged().delivers);
  found->spare_ids = {8};
  EXPECT_THAT(judged().advice, HasSubstr("more than one"));
}

TEST_F(HookHealthTest, SaysWhatToDoWhereItDoesNot) {
  const auto expect = [&](const std::string& problem, const std::string& advice) {
    const auto health = judged();
    EXPECT_FALSE(health.delivers);
    EXPECT_THAT(health.problem, HasSubstr(problem));
    EXPECT_THAT(health.advice, HasSubstr(advice));
  };
  found->last_delivery = HostDelivery{kNow, false, 401, "Unauthorized"};
  expect("(401): Unauthorized", "hooks install robot --side internal --rotate");
  found->last_delivery = HostDelivery{kNow, false, 0, "timed out"};
  expect("failed: timed out", "server.public_url");
  found->flaws = {Flaw::Inactive, Flaw::NotJson};
  expect("it is not active, it sends forms", "gitferry hooks install robot --side internal");
  found.reset();
  expect("no webhook with our address", "gitferry hooks install robot --side internal");
}

TEST_F(HookHealthTest, SeesThatSomethingElseAnswers) {
  arrival.last->received_at_ms = kNow - kDay;
  EXPECT_FALSE(judged().delivers);
  EXPECT_THAT(judged().problem, HasSubstr("not by this agent"));
  arrival.last.reset();
  EXPECT_FALSE(judged().delivers);
  // Longer ago than deliveries are kept, or without a time, that is no sign of anything.
  found->last_delivery->at_ms = kNow - 30 * kDay;
  EXPECT_TRUE(judged().delivers);
  found->last_delivery->at_ms = 0;
  EXPECT_TRUE(judged().delivers);
  EXPECT_THAT(judged().advice, HasSubstr("nothing has arrived"));
}

TEST_F(HookHealthTest, MindsWhatTheAgentRefused) {
  arrival.last->verdict = Verdict::Refused;
  arrival.last->reason = "other_repository";
  EXPECT_FALSE(judged().delivers);
  EXPECT_THAT(judged().problem, HasSubstr("other_repository"));
  arrival.last->verdict = Verdict::Ignored;
  EXPECT_TRUE(judged().delivers);
}

TEST(Hosting, ReachesNoAddressThatThePolicyRefuses) {
  test::HostingApi api("github");
  WebClient web({}, {});
  const auto url = parse_remote_url(api.repository_url(kProject), any_scheme())->url;
  HookClient client(web, *find_hook_dialect("github"), {url, Secret("S3CR3T"), ""});
  const auto hooks = client.list();
  ASSERT_FALSE(hooks);
  EXPECT_EQ(hooks.error().code, ErrorCode::AddressRefused) << hooks.error().text();
  EXPECT_THAT(api.requests(), IsEmpty());
}

}  // namespace
}  // namespace gitferry::api::hosting

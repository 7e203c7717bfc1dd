#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "agent/base/crypto.h"
#include "agent/base/text.h"
#include "api/json.h"
#include "api/webhook/webhook_sender.h"
#include "tests/api/api_fixture.h"

namespace gitferry::api {
namespace {

using namespace std::string_literals;
using testing::answer_to;
using testing::ApiTest;
using testing::body_of;
using testing::json_of;
using testing::Sent;
using testing::status_of;

const std::string kZero(40, '0');
const std::string kOld = "1111111111111111111111111111111111111111";
const std::string kNew = "2222222222222222222222222222222222222222";
const std::vector<std::string> kProviders{"github", "gitlab", "gitea", "forgejo", "gogs"};

SendRequest push_of(const std::string& provider) {
  SendRequest request;
  request.provider = provider;
  request.repo_name = provider;
  request.secret = Secret(testing::kSecret);
  request.repository_url = "https://git.corp.example/acme/robot.git";
  request.full_name = "acme/robot";
  request.ref = "refs/heads/main";
  request.before = kOld;
  request.after = kNew;
  return request;
}

/// A right delivery of `provider`, whose parts a test then changes.
Sent delivery_of(const std::string& provider, const SendRequest& request) {
  const auto composed = compose_webhook(request);
  Sent sent{"POST", "/webhooks/" + provider + "/" + request.repo_name, composed->headers, composed->body};
  sent.headers.emplace_back("Content-Type", "application/json");
  return sent;
}
Sent delivery_of(const std::string& provider) {
  return delivery_of(provider, push_of(provider));
}

/// Signs `body` as `provider` does.
Sent signed_body(const std::string& provider, const std::string& event, const std::string& body) {
  const auto mac = to_hex(hmac_sha256(Secret(testing::kSecret), body));
  Sent sent{"POST", "/webhooks/" + provider + "/" + provider, {}, body};
  if (provider == "github") {
    sent.headers = {{"X-GitHub-Event", event}, {"X-Hub-Signature-256", "sha256=" + mac}};
  } else if (provider == "gitlab") {
    sent.headers = {{"X-Gitlab-Event", event}, {"X-Gitlab-Token", testing::kSecret}};
  } else {
    const auto name = "X-" + provider + "-";
    sent.headers = {{name + "Event", event}, {name + "Signature", mac}};
  }
  return sent;
}

std::string push_event(const std::string& provider) {
  return provider == "gitlab" ? "Push Hook" : "push";
}

class WebhookTest : public ApiTest {
 protected:
  [[nodiscard]] std::pair<int, Json::Value> post(const Sent& sent) const {
    const auto answer = ask(sent);
    return {status_of(answer), json_of(body_of(answer))};
  }
};

TEST_F(WebhookTest, AcceptsASignedPushOfEveryProvider) {
  std::size_t count = 0;
  for (const auto& provider : kProviders) {
    const auto [status, body] = post(delivery_of(provider));
    EXPECT_EQ(status, 202) << provider;
    EXPECT_EQ(body["status"].asString(), "accepted");
    EXPECT_EQ(body["delivery_id"].asUInt64(), ++count);
    const auto delivered = world.sync.delivered();
    ASSERT_EQ(delivered.size(), count);
    const auto& delivery = delivered.back();
    EXPECT_EQ(delivery.targets.at(0).repository, provider);
    EXPECT_EQ(delivery.targets.at(0).side, Side::Internal);
    EXPECT_EQ(delivery.event.provider, provider);
    EXPECT_EQ(delivery.source_address, "127.0.0.1");
    EXPECT_EQ(delivery.body_sha256.size(), 64U);
    EXPECT_EQ(delivery.event.delivery_id.size(), 36U);
    ASSERT_EQ(delivery.event.changes.size(), 1U);
    EXPECT_EQ(delivery.event.changes[0].ref, "refs/heads/main");
    EXPECT_EQ(delivery.event.changes[0].before->hex(), kOld);
    EXPECT_EQ(delivery.event.changes[0].after->hex(), kNew);
    EXPECT_FALSE(delivery.event.changes[0].deleted);
  }
}

TEST_F(WebhookTest, EverySecretOfTheHookCounts) {
  auto request = push_of("github");
  request.secret = Secret("older");
  EXPECT_EQ(post(delivery_of("github", request)).first, 202);
}

TEST_F(WebhookTest, S13_OneConstantAnswerForEverythingUnproven) {
  std::vector<std::string> answers;
  for (const auto& provider : kProviders) {
    for (const auto* name :
         {"nobody", "without-hook", provider == "github" ? "gitea" : "github", "%2e%2e%2fx%20y"}) {
      auto request = push_of(provider);
      auto sent = delivery_of(provider, request);
      sent.target = "/webhooks/" + provider + "/" + name;
      if (std::string_view(name).starts_with('%')) sent.target = "/webhooks/" + provider + "/x%20y";
      answers.push_back(ask(sent));
    }
    auto wrong = push_of(provider);
    wrong.secret = Secret("wrong");
    answers.push_back(ask(delivery_of(provider, wrong)));
    auto unsigned_delivery = delivery_of(provider);
    unsigned_delivery.headers.clear();
    answers.push_back(ask(unsigned_delivery));
    auto empty = delivery_of(provider);
    for (auto& [name, value] : empty.headers) {
      if (name.find("Signature") != std::string::npos || name.find("Token") != std::string::npos)
        value.clear();
    }
    answers.push_back(ask(empty));
  }
  for (const auto& answer : answers) {
    EXPECT_EQ(status_of(answer), 401);
    EXPECT_EQ(body_of(answer), R"({"reason":"unauthenticated","status":"refused"})");
  }
  EXPECT_TRUE(world.sync.delivered().empty());
}

TEST_F(WebhookTest, AChangedByteOfTheBodyBreaksTheSignature) {
  for (const auto& provider : {"github"s, "gitea"s, "forgejo"s, "gogs"s}) {
    auto sent = delivery_of(provider);
    sent.body.back() = ' ';
    EXPECT_EQ(post(sent).first, 401) << provider;
    sent = delivery_of(provider);
    sent.body.pop_back();
    EXPECT_EQ(post(sent).first, 401) << provider << " truncated";
  }
}

TEST_F(WebhookTest, NoProviderTakesAnothersDelivery) {
  for (const auto& sender : kProviders) {
    for (const auto& route : kProviders) {
      if (sender == route || (sender == "forgejo" && route == "gitea")) continue;
      auto request = push_of(sender);
      request.repo_name = route;
      EXPECT_EQ(post(delivery_of(route, request)).first, 401) << sender << " on the route of " << route;
    }
  }
}

TEST_F(WebhookTest, SignatureFormsThatDoNotCount) {
  const auto good = delivery_of("github");
  const auto body = good.body;
  const auto mac = to_hex(hmac_sha256(Secret(testing::kSecret), body));
  const auto with = [&](std::vector<std::pair<std::string, std::string>> headers) {
    headers.emplace_back("X-GitHub-Event", "push");
    return post(Sent{"POST", "/webhooks/github/github", std::move(headers), body}).first;
  };
  EXPECT_EQ(with({{"X-Hub-Signature-256", "sha256=" + mac}}), 202);
  EXPECT_EQ(with({{"X-Hub-Signature-256", mac}}), 401) << "no prefix";
  EXPECT_EQ(with({{"X-Hub-Signature-256", "sha256=" + mac.substr(0, 63)}}), 401);
  EXPECT_EQ(with({{"X-Hub-Signature-256", "sha256=" + mac.substr(0, 2)}}), 401);
  EXPECT_EQ(with({{"X-Hub-Signature-256", "sha256="}}), 401);
  EXPECT_EQ(with({{"X-Hub-Signature-256", "sha"}}), 401);
  EXPECT_EQ(with({{"X-Hub-Signature-256", "sha256=" + mac + ",sha256=" + mac}}), 401);
  EXPECT_EQ(with({{"X-Hub-Signature-256", "sha256=" + mac}, {"X-Hub-Signature-256", "sha256=" + mac}}), 400);
  EXPECT_EQ(with({{"X-Hub-Signature-256", "sha256=" + mac + std::string(2'000, 'a')}}), 400);
  EXPECT_EQ(with({{"X-Hub-Signature", "sha1=ca5d9a2b42732da6779a57fd80ac97cfdf0e7635"}}), 401)
      << "SHA-1 only";
  EXPECT_EQ(with({{"X-Gogs-Signature", mac}}), 401) << "another provider's header";
  EXPECT_EQ(with({{"X-Hub-Signature-256", "sha256=" + mac}, {"X-Gitea-Event", "push"}}), 401)
      << "a Gitea in disguise";
  Sent in_query{
      "POST", "/webhooks/github/github?secret="s + testing::kSecret, {{"X-GitHub-Event", "push"}}, body};
  EXPECT_EQ(post(in_query).first, 401);
}

TEST_F(WebhookTest, APreferredGiteaHeaderThatIsWrongIsFinal) {
  auto sent = delivery_of("forgejo");
  for (auto& [name, value] : sent.headers) {
    if (name == "X-Forgejo-Signature") value = std::string(64, '0');
  }
  EXPECT_EQ(post(sent).first, 401);
}

TEST_F(WebhookTest, GitlabTokensAreNotADowngradeFromSignatures) {
  auto sent = delivery_of("gitlab");
  sent.headers.emplace_back("webhook-signature", "v1,AAAA");
  EXPECT_EQ(post(sent).first, 401);
}

TEST_F(WebhookTest, ABadGitlabTokenIsRefusedBeforeTheBodyIsRead) {
  testing::RawClient client(port);
  client.send(
      "POST /webhooks/gitlab/gitlab HTTP/1.1\r\nHost: h\r\nX-Gitlab-Event: Push Hook\r\nX-Gitlab-Token: "
      "no\r\n"
      "Content-Length: 20000000\r\n\r\n");
  EXPECT_EQ(status_of(client.receive()), 401);
}

std::string as_form(const std::string& json) {
  return "payload=" + percent_encode(json);
}

TEST_F(WebhookTest, FormsAreVerifiedAsTheirSenderSignsThem) {
  const auto padded = [](std::string json) {
    json.pop_back();
    return json + R"(,"padding":")" + std::string(32 * 1024, 'p') +
           "+ \"}";  // more than the library's form limit
  };
  for (const auto& provider : kProviders) {
    const auto json = padded(compose_webhook(push_of(provider))->body);
    const auto form = as_form(json);
    const bool signs_json = provider != "github";
    auto sent = signed_body(provider, push_event(provider), signs_json ? json : form);
    sent.body = form;
    sent.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
    EXPECT_EQ(post(sent).first, 202) << provider;
  }
  const auto json = compose_webhook(push_of("github"))->body;
  auto wrong = signed_body("github", "push", json);
  wrong.body = as_form(json);
  wrong.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  EXPECT_EQ(post(wrong).first, 401) << "GitHub signs the form itself";
}

TEST_F(WebhookTest, BadFormsAreRefusedAfterVerification) {
  for (const auto* form : {"", "x=1", "payload=%7B%7D&payload=%7B%7D", "payload=%zz", "payload="}) {
    auto sent = signed_body("github", "push", form);
    sent.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    EXPECT_EQ(post(sent).first, 400) << form;
  }
}

TEST_F(WebhookTest, S29_APayloadOfAnotherRepositoryIsForbiddenAndRecorded) {
  for (const auto& provider : kProviders) {
    auto request = push_of(provider);
    request.full_name = "evil/robot";
    request.repository_url = "https://git.corp.example/evil/robot.git";
    EXPECT_EQ(post(delivery_of(provider, request)).first, 403) << provider;
    // The external repository is bound, but it is not the one whose hook has this secret.
    request.full_name = "public/robot";
    request.repository_url = "https://mirror.example/public/robot.git";
    EXPECT_EQ(post(delivery_of(provider, request)).first, 403) << provider;
  }
  const auto recorded = world.sync.delivered();
  EXPECT_EQ(recorded.size(), 2 * kProviders.size());
  for (const auto& delivery : recorded) {
    EXPECT_EQ(delivery.refusal, "other_repository");
    EXPECT_EQ(delivery.targets.at(0).repository, delivery.event.provider);
    EXPECT_TRUE(delivery.event.signed_id.empty());
  }
}

TEST_F(WebhookTest, TheSideIsThatOfTheProvenHookWhichThePayloadNames) {
  auto snapshot = std::make_shared<BindingSnapshot>(*world.sync.bindings);
  auto& binding = snapshot->repositories.at("github");
  binding.external =
      testing::url("https://mirror.example/acme/robot.git");  // the same full name on another host
  binding.external_webhook = WebhookSource{"github", WebhookScheme::Hmac, {{Secret(testing::kSecret)}}};
  world.sync.bindings = snapshot;
  auto request = push_of("github");
  EXPECT_EQ(post(delivery_of("github", request)).first, 202);
  request.repository_url = "https://mirror.example/acme/robot.git";
  EXPECT_EQ(post(delivery_of("github", request)).first, 202);
  const auto delivered = world.sync.delivered();
  ASSERT_EQ(delivered.size(), 2U);
  EXPECT_EQ(delivered[0].targets.at(0).side, Side::Internal);
  EXPECT_EQ(delivered[1].targets.at(0).side, Side::External);
}

TEST_F(WebhookTest, PingsTestsAndForeignEventsAreIgnoredWithAReason) {
  auto ping = push_of("github");
  ping.event = "ping";
  auto [status, body] = post(delivery_of("github", ping));
  EXPECT_EQ(status, 200);
  EXPECT_EQ(body["status"].asString(), "ignored");
  EXPECT_EQ(body["reason"].asString(), "ping");
  for (const auto& provider : kProviders) {
    auto empty = push_of(provider);
    empty.before = empty.after = kZero;
    EXPECT_EQ(post(delivery_of(provider, empty)).second["reason"].asString(), "test_delivery") << provider;
    EXPECT_EQ(post(signed_body(provider, "issues", "{}")).second["reason"].asString(), "unsupported_event")
        << provider;
  }
  for (const auto& delivery : world.sync.delivered()) EXPECT_TRUE(delivery.event.changes.empty());
}

TEST_F(WebhookTest, DeletionsAreMarkedAsSuch) {
  for (const auto& provider : kProviders) {
    auto request = push_of(provider);
    request.after = kZero;
    EXPECT_EQ(post(delivery_of(provider, request)).first, 202);
    EXPECT_TRUE(world.sync.delivered().back().event.changes.at(0).deleted) << provider;
  }
}

TEST_F(WebhookTest, TheGiteaFamilyAnnouncesSomeChangesByCreateAndDelete) {
  const auto document = [](const std::string& ref, const std::string& type, const std::string& more = {}) {
    return R"({"ref":")" + ref + R"(","ref_type":")" + type + R"(",)" + more +
           R"("repository":{"full_name":"acme/robot","clone_url":"https://git.corp.example/acme/robot.git"}})";
  };
  for (const auto& provider : {"gitea"s, "forgejo"s, "gogs"s}) {
    EXPECT_EQ(post(signed_body(provider, "delete", document("old/branch", "branch"))).first, 202);
    EXPECT_EQ(world.sync.delivered().back().event.changes.at(0).ref, "refs/heads/old/branch");
    EXPECT_TRUE(world.sync.delivered().back().event.changes.at(0).deleted);
    EXPECT_EQ(post(signed_body(provider, "delete", document("refs/tags/v1", "tag"))).first, 202);
    EXPECT_EQ(world.sync.delivered().back().event.changes.at(0).ref, "refs/tags/v1");
    EXPECT_EQ(
        post(signed_body(provider, "create", document("v1", "tag", R"("sha":")" + kNew + R"(",)"))).first,
        202);
    EXPECT_EQ(world.sync.delivered().back().event.changes.at(0).after->hex(), kNew);
    EXPECT_EQ(post(signed_body(provider, "delete", document("x", "note"))).first, 400);
    EXPECT_EQ(post(signed_body(provider, "delete", document("../x", "branch"))).first, 400);
  }
}

TEST_F(WebhookTest, GitlabSystemHooksMayNameManyRefs) {
  const auto change = [](const std::string& ref, const std::string& before, const std::string& after) {
    return R"({"ref":")" + ref + R"(","before":")" + before + R"(","after":")" + after + R"("})";
  };
  const auto with = [](const std::string& changes) {
    return R"({"event_name":"repository_update","project":{"path_with_namespace":"acme/robot",)"
           R"("git_http_url":"https://git.corp.example/acme/robot.git"},"changes":[)" +
           changes + "]}";
  };
  const auto body = with(change("refs/heads/a", kOld, kNew) + "," + change("refs/heads/b", kZero, kNew) +
                         "," + change("refs/tags/c", kOld, kZero));
  EXPECT_EQ(post(signed_body("gitlab", "System Hook", body)).first, 202);
  const auto changes = world.sync.delivered().back().event.changes;
  ASSERT_EQ(changes.size(), 3U);
  EXPECT_EQ(changes[1].ref, "refs/heads/b");
  EXPECT_TRUE(changes[2].deleted);
  EXPECT_EQ(post(signed_body("gitlab", "System Hook", with(""))).second["reason"].asString(), "no_changes");
  EXPECT_EQ(post(signed_body("gitlab", "System Hook", with("1"))).first, 400);
  EXPECT_EQ(post(signed_body("gitlab", "System Hook", R"({"event_name":"user_create"})")).first, 200);
  const auto good = change("refs/heads/a", kOld, kNew);
  EXPECT_EQ(post(signed_body("gitlab", "System Hook", with("1," + good))).first, 202);
  EXPECT_EQ(world.sync.delivered().back().event.changes.size(), 1U) << "one bad ref keeps no other from it";
}

TEST_F(WebhookTest, RefNamesThatGitRefusesAreRefusedAndRecorded) {
  for (const auto& provider : kProviders) {
    for (const auto* ref :
         {"refs/heads/--upload-pack=x", "refs/heads/a..b", "refs/heads/a.lock", "refs/heads/", "main",
          "refs/heads/a b", "refs/heads/a\x01", "refs/heads/../../x", "HEAD", ""}) {
      auto request = push_of(provider);
      request.ref = ref;
      const auto [status, body] = post(delivery_of(provider, request));
      EXPECT_EQ(status, 400) << provider << " " << ref;
      EXPECT_NE(body["detail"].asString().find("ref"), std::string::npos);
    }
  }
  const auto recorded = world.sync.delivered();
  EXPECT_FALSE(recorded.empty());
  for (const auto& delivery : recorded) EXPECT_EQ(delivery.refusal, "malformed");
}

TEST_F(WebhookTest, MalformedDocumentsAreRefused) {
  const auto with_nul = R"({"ref":"refs/heads/a\u0000b"})"s;
  for (const auto& body : {""s, "{"s, "[]"s, "null"s, "{} x"s, R"({"ref":1,"ref":2})"s, "\xEF\xBB\xBF{}"s,
                           "{\"a\":\"\xff\"}"s, "{}\0"s, std::string(5'000, '['), std::string(1'500, '{'),
                           with_nul, "{\"a\":[" + std::string(2'100'000, ',') + "]}"}) {
    for (const auto& provider : kProviders) {
      EXPECT_EQ(post(signed_body(provider, push_event(provider), body)).first, 400)
          << provider << body.substr(0, 40);
    }
  }
}

void for_each_mutation(const Json::Value& document,
                       const std::function<void(const Json::Value&, const std::string&)>& act) {
  const Json::Value values[] = {Json::Value(), 7, Json::Value(Json::arrayValue),
                                Json::Value(Json::objectValue), "text"};
  for (const auto& name : document.getMemberNames()) {
    auto changed = document;
    changed.removeMember(name);
    act(changed, name + " missing");
    for (const auto& value : values) {
      changed = document;
      changed[name] = value;
      act(changed, name + " " + to_text(value));
    }
    if (!document[name].isObject()) continue;
    for_each_mutation(document[name], [&](const Json::Value& inner, const std::string& what) {
      changed = document;
      changed[name] = inner;
      act(changed, name + "." + what);
    });
  }
}

TEST_F(WebhookTest, NoFieldOfAnyTypeKillsTheServer) {
  for (const auto& provider : kProviders) {
    const auto document = json_of(compose_webhook(push_of(provider))->body);
    for_each_mutation(document, [&](const Json::Value& changed, const std::string& what) {
      const auto status = post(signed_body(provider, push_event(provider), to_text(changed))).first;
      EXPECT_TRUE(status == 202 || status == 200 || status == 400 || status == 403)
          << provider << " " << what << status;
      const bool essential =
          what.starts_with("ref ") || what.starts_with("before ") || what.starts_with("after ");
      EXPECT_TRUE(!essential || status == 400) << provider << " " << what;
    });
  }
  EXPECT_EQ(status_of(ask("GET", "/livez", nullptr)), 200);
}

TEST_F(WebhookTest, AnswersUnavailableWhenNothingWasStored) {
  world.sync.delivery_error = Error{ErrorCode::StoreFull, "write: disk full", {}, {}};
  const auto answer = ask(delivery_of("github"));
  EXPECT_EQ(status_of(answer), 503);
  EXPECT_NE(answer.find("Retry-After: 5"), std::string::npos);
  EXPECT_EQ(answer.find("disk full"), std::string::npos);
  ASSERT_EQ(world.sync.told.size(), 1U) << "what was not stored is to be compared";
  EXPECT_EQ(world.sync.told[0], (std::pair<std::string, Claim>{"github", Claim::Proven}));
}

TEST_F(WebhookTest, OnlyPostAndOnlyKnownProviders) {
  const auto get = ask("GET", "/webhooks/github/github", nullptr);
  EXPECT_EQ(status_of(get), 405);
  EXPECT_NE(get.find("Allow: POST"), std::string::npos);
  auto sent = delivery_of("github");
  sent.target = "/webhooks/unknown/github";
  EXPECT_EQ(post(sent).first, 404);
}

TEST_F(WebhookTest, H03_WithoutALengthNothingIsRead) {
  for (const auto& provider : kProviders) {
    for (const auto* name : {"nobody", provider.c_str()}) {
      const auto answer = answer_to(port, "POST /webhooks/" + provider + "/" + name +
                                              " HTTP/1.1\r\nHost: h\r\n\r\n" + std::string(30'000, 'a'));
      EXPECT_EQ(status_of(answer), 411) << provider;
      EXPECT_EQ(json_of(body_of(answer))["reason"].asString(), "length_required");
    }
  }
}

TEST_F(WebhookTest, RefusesHugeBodiesFromTheirLength) {
  testing::RawClient client(port);
  client.send("POST /webhooks/github/github HTTP/1.1\r\nHost: h\r\nContent-Length: 26214401\r\n\r\n");
  EXPECT_EQ(status_of(client.receive()), 413);
}

}  // namespace
}  // namespace gitferry::api

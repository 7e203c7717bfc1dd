#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "agent/base/crypto.h"
#include "api/webhook/basic_authentication.h"
#include "api/webhook/provider.h"
#include "tests/api/fakes.h"

namespace gitferry::api::webhook {
namespace {

using namespace std::chrono_literals;

const std::string kZeros(40, '0');
const std::string kOnes(40, '1');
const std::string kTwos(40, '2');

Request request_with(std::vector<Header> headers, std::string body = "{}") {
  Request request;
  request.method = "POST";
  request.headers = std::move(headers);
  request.body = std::move(body);
  return request;
}

WebhookSource source_of(const std::string& provider, WebhookScheme scheme, const std::string& secret) {
  WebhookSource source;
  source.provider = provider;
  source.scheme = scheme;
  source.secrets = {{Secret(secret)}};
  return source;
}

bool is_proven(const WebhookSource& source, const Request& request, WallTime now = from_epoch_ms(0)) {
  return proves(*find_provider(source.provider), source, request, now);
}

Result<PushEvent> parsed(const std::string& provider, std::vector<Header> headers, std::string body) {
  const auto* found = find_provider(provider);
  return found->parse(*found, request_with(std::move(headers), std::move(body)));
}

// ---- Gitee ----

/// A published pair: the test secret of drone/go-scm.
constexpr const char* kGiteeSecret = "bBg5lrt03VixkX85CNqYIcecC0SIGASE";
constexpr const char* kGiteeSign = "Xvh4YPVe6l31XpDRL9J2yeaEXabsckIoUUschpXiVck=";
constexpr std::int64_t kGiteeTime = 1633679083918;

Request gitee_request(const std::string& token, const std::string& timestamp) {
  return request_with(
      {{"x-gitee-event", "Push Hook"}, {"x-gitee-token", token}, {"x-gitee-timestamp", timestamp}});
}

TEST(Gitee, S13_OnlyThePublishedSignatureInOneOfItsFormsCounts) {
  const auto source = source_of("gitee", WebhookScheme::Sign, kGiteeSecret);
  const auto now = from_epoch_ms(kGiteeTime);
  const std::string sign = kGiteeSign;
  const auto time = std::to_string(kGiteeTime);
  EXPECT_TRUE(is_proven(source, gitee_request(sign, time), now));
  EXPECT_TRUE(is_proven(source, gitee_request(sign.substr(0, sign.size() - 1) + "%3D", time), now));
  for (const auto& wrong :
       {sign.substr(0, sign.size() - 1), sign + "=", sign + "%3D", std::string("%zz"),
        sign.substr(0, sign.size() - 1) + "%253D", std::string(kGiteeSecret), " " + sign, std::string()}) {
    EXPECT_FALSE(is_proven(source, gitee_request(wrong, time), now)) << wrong;
  }
  for (const auto* wrong : {"1633679083917", "163367908391", "16336790839180", "+163367908391",
                            "0x63367908391", "1633679083918 ", "", "163367908391.8"}) {
    EXPECT_FALSE(is_proven(source, gitee_request(sign, wrong), now)) << wrong;
  }
  EXPECT_FALSE(is_proven(source, request_with({{"x-gitee-token", sign}}), now)) << "no time";
}

TEST(Gitee, S15_ASignatureCountsForTenMinutesUnlessTheSourceSaysOtherwise) {
  auto source = source_of("gitee", WebhookScheme::Sign, kGiteeSecret);
  const auto request = gitee_request(kGiteeSign, std::to_string(kGiteeTime));
  const auto sent_at = from_epoch_ms(kGiteeTime);
  for (const auto age : {-600'000ms, 600'000ms}) EXPECT_TRUE(is_proven(source, request, sent_at + age));
  for (const auto age : {-600'001ms, 600'001ms}) EXPECT_FALSE(is_proven(source, request, sent_at + age));
  source.tolerance = 60s;
  EXPECT_TRUE(is_proven(source, request, sent_at + 60s));
  EXPECT_FALSE(is_proven(source, request, sent_at + 60'001ms));
}

TEST(Gitee, APlusIsNoSpace) {
  // Found by search: the first time whose signature under this secret holds a '+'.
  const Secret secret("a secret of the test");
  for (std::int64_t time = kGiteeTime;; ++time) {
    const auto text = std::to_string(time);
    const auto sign = to_base64(hmac_sha256(secret, text + "\na secret of the test"));
    if (sign.find('+') == std::string::npos) continue;
    const auto source = source_of("gitee", WebhookScheme::Sign, "a secret of the test");
    EXPECT_TRUE(is_proven(source, gitee_request(sign, text), from_epoch_ms(time)));
    break;
  }
}

TEST(Gitee, S13_ThePasswordOfTheBodyIsNoProof) {
  const auto source = source_of("gitee", WebhookScheme::Password, "pwd");
  EXPECT_TRUE(is_proven(source, gitee_request("pwd", "1")));
  auto request = gitee_request("no", "1");
  request.body = R"({"password":"pwd"})";
  EXPECT_FALSE(is_proven(source, request));
  request.headers.pop_back();
  request.headers.pop_back();
  EXPECT_FALSE(is_proven(source, request));
}

TEST(Gitee, ReadsBothNamesOfTheRepositoryAndTheOldWordsForEvents) {
  const auto body = [](const std::string& field, const std::string& name) {
    return R"({"ref":"refs/heads/main","before":")" + kOnes + R"(","after":")" + kTwos +
           R"(","commits":null,")" + field + R"(":{")" + name +
           R"(":"acme/robot","ssh_url":"git@gitee.com:acme/robot.git"}})";
  };
  for (const auto* field : {"repository", "project"}) {
    for (const auto* name : {"full_name", "path_with_namespace"}) {
      const auto event = parsed("gitee", {{"x-gitee-event", "push_hooks"}}, body(field, name));
      ASSERT_TRUE(event) << field << name;
      EXPECT_EQ(event->repository.full_name, "acme/robot");
      EXPECT_EQ(event->repository.urls.size(), 1U);
      EXPECT_EQ(event->changes.size(), 1U);
    }
  }
  EXPECT_FALSE(parsed("gitee", {{"x-gitee-event", "Push Hook"}}, body("repository", "name")));
  EXPECT_EQ(parsed("gitee", {{"x-gitee-event", "Issue Hook"}}, "{}")->ignored_reason, "unsupported_event");
}

// ---- CODING ----

TEST(Coding, S13_ItsSha1CountsOnlyWhereTheSourceAllowsIt) {
  auto source = source_of("coding", WebhookScheme::Hmac, "s3cr3t");
  const auto request = request_with(
      {{"x-coding-event", "push"}, {"x-coding-signature", "sha1=ca5d9a2b42732da6779a57fd80ac97cfdf0e7635"}},
      R"({"ref":"refs/heads/main"})");
  EXPECT_FALSE(is_proven(source, request));
  source.allow_sha1 = true;
  EXPECT_TRUE(is_proven(source, request));
}

TEST(Coding, ANameThatIsNotGivenComesFromAnAddress) {
  const auto body = [](const std::string& repository) {
    return R"({"ref":"refs/heads/main","before":")" + kOnes + R"(","after":")" + kTwos +
           R"(","repository":)" + repository + "}";
  };
  const std::vector<Header> push{{"x-coding-event", "push"}};
  EXPECT_EQ(parsed("coding", push, body(R"({"full_name":"a/b/c"})"))->repository.full_name, "a/b/c");
  const auto event =
      parsed("coding", push, body(R"({"name":"robot","https_url":"https://e.coding.net/acme/p/robot.git"})"));
  ASSERT_TRUE(event);
  EXPECT_EQ(event->repository.full_name, "acme/p/robot");
  EXPECT_FALSE(parsed("coding", push, body(R"({"name":"robot"})")));
  EXPECT_EQ(parsed("coding", {{"x-coding-event", "push"}}, R"({"token":"t","zen":"z"})")->ignored_reason,
            "ping");
}

// ---- Bitbucket ----

TEST(Bitbucket, CloudAndDataCenterAreToldApartByTheirIds) {
  const std::vector<Header> plain{{"x-event-key", "repo:push"}};
  auto cloud = plain;
  cloud.push_back({"x-hook-uuid", "1"});
  EXPECT_TRUE(came_from(*find_provider("bitbucket"), request_with(cloud)));
  EXPECT_FALSE(came_from(*find_provider("bitbucket-server"), request_with(cloud)));
  EXPECT_FALSE(came_from(*find_provider("bitbucket"), request_with(plain)));
  EXPECT_TRUE(came_from(*find_provider("bitbucket-server"), request_with(plain)));
}

std::string cloud_body(const std::string& changes) {
  return R"({"repository":{"full_name":"acme/robot"},"push":{"changes":[)" + changes + "]}}";
}

std::string cloud_end(const std::string& type, const std::string& name, const std::string& tip) {
  return R"({"type":")" + type + R"(","name":")" + name + R"(","target":{"hash":")" + tip + R"("}})";
}

TEST(Bitbucket, EveryChangeOfThePushIsRead) {
  const std::vector<Header> push{{"x-event-key", "repo:push"}, {"x-hook-uuid", "1"}};
  const auto event =
      parsed("bitbucket", push,
             cloud_body(R"({"old":)" + cloud_end("branch", "main", kOnes) + R"(,"new":)" +
                        cloud_end("branch", "main", kTwos) + R"(},{"old":null,"new":)" +
                        cloud_end("tag", "v/1", kTwos) + R"(},{"new":null,"old":)" +
                        cloud_end("branch", "gone", std::string(64, 'a')) + R"(},{"old":null,"new":)" +
                        cloud_end("named_branch", "of-mercurial", kTwos) + "}"));
  ASSERT_TRUE(event);
  ASSERT_EQ(event->changes.size(), 3U);
  EXPECT_EQ(event->changes[0].ref, "refs/heads/main");
  EXPECT_EQ(event->changes[1].ref, "refs/tags/v/1");
  EXPECT_TRUE(event->changes[1].before->is_null());
  EXPECT_EQ(event->changes[2].ref, "refs/heads/gone");
  EXPECT_TRUE(event->changes[2].deleted);
  EXPECT_EQ(event->changes[2].after->hex(), std::string(64, '0')) << "zeros of the same object format";
}

TEST(Bitbucket, DataCenterNamesItsRepositoriesByKeyAndSlug) {
  const auto body = R"({"repository":{"slug":"robot","project":{"key":"~jane"},"links":{"clone":[)"
                    R"({"name":"ssh","href":"ssh://git@b.example:7999/~jane/robot.git"}]}},"changes":[)"
                    R"({"refId":"refs/tags/v1","fromHash":")" +
                    kOnes + R"(","toHash":")" + kZeros + R"(","type":"DELETE"}]})";
  const auto event = parsed("bitbucket-server", {{"x-event-key", "repo:refs_changed"}}, body);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->repository.full_name, "~jane/robot");
  EXPECT_EQ(event->repository.urls.size(), 1U);
  ASSERT_EQ(event->changes.size(), 1U);
  EXPECT_TRUE(event->changes[0].deleted);
  EXPECT_EQ(parsed("bitbucket-server", {{"x-event-key", "pr:opened"}}, "{}")->ignored_reason,
            "unsupported_event");
}

TEST(Bitbucket, APingIsUnsignedOnlyWithoutAnyProof) {
  const auto& server = *find_provider("bitbucket-server");
  const std::vector<Header> ping{{"x-event-key", "diagnostics:ping"}};
  EXPECT_TRUE(is_unsigned_ping(server, request_with(ping, "")));
  for (const auto* proof : {"x-hub-signature", "authorization"}) {
    auto with_proof = ping;
    with_proof.push_back({proof, "x"});
    EXPECT_FALSE(is_unsigned_ping(server, request_with(with_proof))) << proof;
  }
  EXPECT_FALSE(is_unsigned_ping(server, request_with({{"x-event-key", "repo:refs_changed"}})));
  EXPECT_FALSE(is_unsigned_ping(*find_provider("bitbucket"), request_with(ping)));
  EXPECT_EQ(parsed("bitbucket-server", ping, "no JSON at all")->ignored_reason, "ping");
}

// ---- Basic ----

TEST(Basic, S13_UserAndPasswordAreComparedWhole) {
  WebhookSource source = source_of("azure", WebhookScheme::Basic, "pass:word");
  const auto proves_as = [&](const std::string& header) {
    return is_proven(source, request_with({{"authorization", header}}));
  };
  EXPECT_TRUE(proves_as("Basic " + to_base64("anyone:pass:word")));
  EXPECT_TRUE(proves_as("basic " + to_base64(":pass:word")));
  for (const auto& wrong :
       {to_base64("pass:word"), to_base64("anyone:pass:wor"), to_base64("anyone:pass:word2"),
        to_base64("anyone"), std::string("anyone:pass:word"), to_base64("anyone:"), std::string()}) {
    EXPECT_FALSE(proves_as("Basic " + wrong)) << wrong;
  }
  EXPECT_FALSE(proves_as("Bearer " + to_base64("anyone:pass:word")));
  EXPECT_FALSE(proves_as(to_base64("anyone:pass:word")));
  source.username = "bot";
  EXPECT_TRUE(proves_as("Basic " + to_base64("bot:pass:word")));
  EXPECT_FALSE(proves_as("Basic " + to_base64("anyone:pass:word")));
  source.secrets = {{Secret()}};
  EXPECT_FALSE(proves_as("Basic " + to_base64("bot:"))) << "an empty secret proves nothing";
}

// ---- Azure DevOps ----

TEST(Azure, TheFullNameIsThePathOfTheAddress) {
  const auto event = parsed("azure", {},
                            R"({"id":"e1","eventType":"git.push","resource":{"refUpdates":[{"name":)"
                            R"("refs/heads/main","oldObjectId":")" +
                                kOnes + R"(","newObjectId":")" + kTwos +
                                R"("}],"repository":{"remoteUrl":)"
                                R"("https://acme@dev.azure.com/acme/Robots/_git/Robot"}}})");
  ASSERT_TRUE(event);
  EXPECT_EQ(event->event, "git.push");
  EXPECT_EQ(event->delivery_id, "e1");
  EXPECT_EQ(event->repository.full_name, "acme/robots/_git/robot");
  EXPECT_EQ(event->changes.size(), 1U);
}

TEST(Azure, WhereTheSubscriptionSaysNothingOnlyAPushIsKnown) {
  for (const auto* body : {R"({"eventType":"git.push","resource":null})", R"({"eventType":"git.push"})",
                           R"({"eventType":"git.push","resource":{"pushId":1}})"}) {
    const auto event = parsed("azure", {}, body);
    ASSERT_TRUE(event) << body;
    EXPECT_TRUE(event->is_unspecific) << body;
    EXPECT_EQ(event->repository.full_name, "") << body;
  }
  EXPECT_EQ(parsed("azure", {}, R"({"eventType":"git.pullrequest.created"})")->ignored_reason,
            "unsupported_event");
  EXPECT_FALSE(parsed("azure", {}, "{}"));
}

// ---- Gerrit ----

std::string gerrit_body(const std::string& ref) {
  return R"({"type":"ref-updated","refUpdate":{"project":"group/robot","refName":")" + ref +
         R"(","oldRev":")" + kOnes + R"(","newRev":")" + kTwos + R"("}})";
}

TEST(Gerrit, ShortNamesAreBranchesAndItsOwnRefsAreNobodysBusiness) {
  for (const auto* ref : {"main", "refs/heads/main"}) {
    const auto event = parsed("gerrit", {}, gerrit_body(ref));
    ASSERT_TRUE(event) << ref;
    EXPECT_EQ(event->repository.full_name, "group/robot");
    ASSERT_EQ(event->changes.size(), 1U);
    EXPECT_EQ(event->changes[0].ref, "refs/heads/main");
  }
  for (const auto* ref : {"refs/changes/01/1/1", "refs/meta/config"}) {
    EXPECT_EQ(parsed("gerrit", {}, gerrit_body(ref))->ignored_reason, "not_a_branch") << ref;
  }
  EXPECT_EQ(parsed("gerrit", {}, R"({"type":"patchset-created"})")->ignored_reason, "unsupported_event");
  EXPECT_FALSE(parsed("gerrit", {}, gerrit_body("refs/heads/-x")));
  EXPECT_FALSE(parsed("gerrit", {}, R"({"type":"ref-updated"})"));
}

TEST(Gerrit, ItsMarkIsTheHeaderWithItsOwnAddress) {
  const auto& gerrit = *find_provider("gerrit");
  EXPECT_TRUE(came_from(gerrit, request_with({{"x-origin-url", "https://gerrit.example"}})));
  EXPECT_FALSE(came_from(gerrit, request_with({})));
  EXPECT_FALSE(came_from(gerrit, request_with({{"x-origin-url", "x"}, {"x-gitlab-event", "Push Hook"}})));
}

}  // namespace
}  // namespace gitferry::api::webhook

#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "api/json.h"
#include "api/webhook/change_list.h"
#include "api/webhook/payload.h"
#include "api/webhook/provider.h"
#include "webhook_vectors.h"

namespace gitferry::api::webhook {
namespace {

using testing::json_file;

/// Deliveries in the shapes that the hosts document, with what is to be read from each.
const Json::Value& deliveries() {
  static const auto file = json_file(GITFERRY_SOURCE_DIR "/tests/data/webhooks/deliveries.json");
  return file["deliveries"];
}

std::string label(const Json::Value& delivery) {
  return delivery["provider"].asString() + ": " + delivery["name"].asString();
}

Request request_of(const Provider& provider, const Json::Value& delivery) {
  auto request = testing::post(to_text(delivery["body"]));
  if (!provider.event_header.empty()) {
    request.headers.push_back({std::string(provider.event_header), delivery["event"].asString()});
  }
  return request;
}

/// `refs/heads/main aaaaaaaa..bbbbbbbb`, with `-` for an id that was not sent.
std::string line_of(const RefChange& change) {
  const auto shown = [](const std::optional<ObjectId>& id) { return id ? id->hex().substr(0, 8) : "-"; };
  return change.ref + " " + shown(change.before) + ".." + shown(change.after) +
         (change.deleted ? " deleted" : "");
}

std::vector<std::string> texts(const Json::Value& list) {
  std::vector<std::string> all;
  for (const auto& text : list) all.push_back(text.asString());
  return all;
}

void expect_event(const PushEvent& event, const Json::Value& delivery) {
  const auto& expected = delivery["expected"];
  EXPECT_EQ(event.repository.full_name, expected["full_name"].asString()) << label(delivery);
  EXPECT_EQ(event.ignored_reason, expected["ignored"].asString()) << label(delivery);
  EXPECT_EQ(event.is_unspecific, expected["unspecific"].asBool()) << label(delivery);
  EXPECT_EQ(event.provider, delivery["provider"].asString());
  std::vector<std::string> changes;
  for (const auto& change : event.changes) changes.push_back(line_of(change));
  EXPECT_EQ(changes, texts(expected["changes"])) << label(delivery);
  if (expected.isMember("urls")) {
    EXPECT_EQ(event.repository.urls, texts(expected["urls"])) << label(delivery);
  }
}

TEST(WebhookPayload, S16_EveryDeliveryIsReadAsItShould) {
  ASSERT_GT(deliveries().size(), 150U);
  for (const auto& delivery : deliveries()) {
    const auto* provider = find_provider(delivery["provider"].asString());
    ASSERT_NE(provider, nullptr) << label(delivery);
    const auto event = provider->parse(*provider, request_of(*provider, delivery));
    const bool is_error = delivery["expected"]["error"].asBool();
    EXPECT_EQ(event.has_value(), !is_error) << label(delivery);
    if (event && !is_error) expect_event(*event, delivery);
    if (!event) {
      EXPECT_EQ(event.error().code, ErrorCode::InvalidArgument) << label(delivery);
    }
  }
}

std::string form_of(const std::string& json) {
  return "payload=" + percent_encode(json);
}

TEST(WebhookPayload, AFormIsReadLikeTheDocumentInIt) {
  for (const auto& delivery : deliveries()) {
    const auto* provider = find_provider(delivery["provider"].asString());
    ASSERT_NE(provider, nullptr);
    auto request = request_of(*provider, delivery);
    request.body = form_of(request.body);
    request.headers.push_back({"content-type", "application/x-www-form-urlencoded; charset=utf-8"});
    const auto event = provider->parse(*provider, request);
    EXPECT_EQ(event.has_value(), !delivery["expected"]["error"].asBool()) << label(delivery);
    if (event) expect_event(*event, delivery);
  }
}

TEST(WebhookPayload, FormsHaveOnePayload) {
  EXPECT_EQ(form_payload("payload=%7B%7D"), "{}");
  EXPECT_EQ(form_payload("a=1&payload=a+b%2Bc&z"), "a b+c");
  EXPECT_EQ(form_payload("payload="), "");
  for (const auto* body : {"", "&", "payload", "PAYLOAD=x", "xpayload=x", "payload=x&payload=x", "payload=%",
                           "payload=%4", "payload=%zz", "payload=%-1"}) {
    EXPECT_EQ(form_payload(body), std::nullopt) << body;
  }
}

/// Before a signature of the Gitea family is known to be right, the form has been looked through.
TEST(WebhookPayload, S17_AFormOfManyFieldsIsReadWithoutAListOfThem) {
  EXPECT_EQ(form_payload(std::string(8'000'000, '&') + "payload=x"), "x");
}

TEST(WebhookPayload, S16_NotJsonIsRefusedByEveryProvider) {
  for (const auto& kind : webhook_kinds()) {
    const auto* provider = find_provider(kind.provider);
    ASSERT_NE(provider, nullptr) << kind.provider;
    for (const auto* body : {"", "null", "[]", "{", "{\"ref\":\"a\",\"ref\":\"b\"}", "\xff", "payload={}"}) {
      auto request = testing::post(body);
      request.headers.push_back({std::string(provider->event_header), "push"});
      const auto event = provider->parse(*provider, request);
      EXPECT_FALSE(event) << kind.provider << ": " << body;
    }
  }
}

TEST(WebhookPayload, S18_MoreChangesThanAnyPushHasAreRefused) {
  constexpr const char* kChange =
      R"({"ref":"refs/heads/main","before":"1111111111111111111111111111111111111111",)"
      R"("after":"2222222222222222222222222222222222222222"})";
  const auto& provider = *find_provider("standard");
  for (const std::size_t count : {kChangesLimit, kChangesLimit + 1}) {
    std::string body = R"({"repository":{"full_name":"acme/robot"},"changes":[)";
    for (std::size_t i = 0; i < count; ++i) body.append(i == 0 ? "" : ",").append(kChange);
    const auto event = provider.parse(provider, testing::post(body + "]}"));
    EXPECT_EQ(event.has_value(), count == kChangesLimit) << count;
    if (event) {
      EXPECT_EQ(event->changes.size(), count);
    }
  }
}

/// The commits of a push are the bulk of its payload; nothing of them is kept, so they do not count.
TEST(WebhookPayload, S17_ABodyOfCommitsIsTaken) {
  std::string commits = "{\"id\":1,\"files\":[0,0,0,0,0,0,0,0]}";
  for (int i = 0; i < 50'000; ++i) commits += ",{\"id\":1,\"files\":[0,0,0,0,0,0,0,0]}";
  const auto& provider = *find_provider("github");
  auto request = testing::post(
      R"({"ref":"refs/heads/main","before":"1111111111111111111111111111111111111111",)"
      R"("after":"2222222222222222222222222222222222222222","repository":{"full_name":"acme/robot"},"commits":[)" +
      commits + "]}");
  request.headers.push_back({"x-github-event", "push"});
  EXPECT_TRUE(provider.parse(provider, request));
}

}  // namespace
}  // namespace gitferry::api::webhook

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "api/api_server.h"
#include "api/request_guard.h"
#include "api/router_table.h"
#include "tests/api/fakes.h"
#include "tests/api/raw_client.h"
#include "tests/support/fake_clock.h"

namespace gitferry::api {
namespace {

using namespace std::chrono_literals;
using testing::kAdminToken;

/// The routes of the server behind small limits and a clock that only the test turns.
class LimitsTest : public ::testing::Test {
 protected:
  LimitsTest() {
    RateLimits limits;
    limits.address = {1, 50};
    limits.refusals = {0.2, 3};
    context.rates = limits;
    context.guard = std::make_shared<RequestGuard>(limits, clock);
    table.emplace(all_routes(context), context);
  }

  static Request request(const std::string& path, const std::string& address,
                         const char* token = kAdminToken) {
    Request made;
    made.method = "GET";
    made.target = path;
    made.client_address = address;
    std::string segment;
    for (std::size_t i = 1; i <= path.size(); ++i) {
      if (i == path.size() || path[i] == '/')
        made.segments.push_back(std::exchange(segment, {}));
      else
        segment += path[i];
    }
    if (token != nullptr) made.headers.push_back({"authorization", "Bearer " + std::string(token)});
    return made;
  }
  /// 0: admitted.
  int status(const std::string& path, const std::string& address, const char* token = kAdminToken) {
    const auto admission = table->admit(request(path, address, token));
    return admission.refusal ? admission.refusal->status : 0;
  }
  std::string retry_after(const std::string& path, const std::string& address) {
    const auto admission = table->admit(request(path, address));
    if (!admission.refusal) return "admitted";
    for (const auto& [name, value] : admission.refusal->headers)
      if (name == "Retry-After") return value;
    return "missing";
  }

  FakeClock clock;
  testing::Fixture world;
  ApiContext& context = world.context;
  std::optional<RouterTable> table;
};

constexpr const char* kList = "/cerobot/sync/repo";

TEST_F(LimitsTest, S37_OneRequestMoreThanTheBurstGets429) {
  for (int i = 0; i < 50; ++i) ASSERT_EQ(status(kList, "192.0.2.1"), 0) << i;
  EXPECT_EQ(status(kList, "192.0.2.1"), 429);
  EXPECT_EQ(retry_after(kList, "192.0.2.1"), "1");
  EXPECT_EQ(status(kList, "192.0.2.2"), 0) << "another address is not touched";
  clock.advance(1s);
  EXPECT_EQ(status(kList, "192.0.2.1"), 0);
  EXPECT_EQ(status(kList, "192.0.2.1"), 429);
}

TEST_F(LimitsTest, S37_The429IsAnEnvelope) {
  const auto response = too_many_requests(request(kList, "192.0.2.1"), 7s, "why");
  const auto body = testing::json_of(response.body);
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(body["code_status"].asInt(), 10027);
  EXPECT_EQ(body["detail"].asString(), "why");
}

TEST_F(LimitsTest, S37_PathsWithoutARouteCountToo) {
  for (int i = 0; i < 50; ++i) ASSERT_EQ(status("/no/such/path", "192.0.2.1"), 404) << i;
  EXPECT_EQ(status("/no/such/path", "192.0.2.1"), 429);
  EXPECT_EQ(status(kList, "192.0.2.1"), 429);
}

TEST_F(LimitsTest, S37_HealthIsAnsweredHoweverMuchIsAsked) {
  for (int i = 0; i < 500; ++i) {
    for (const auto* path : {"/livez", "/readyz", "/healthz"})
      ASSERT_EQ(status(path, "192.0.2.1", nullptr), 0);
  }
  EXPECT_EQ(status(kList, "192.0.2.1"), 0) << "and takes nothing from the others";
}

TEST_F(LimitsTest, S37_AnAddressThatGuessesTokensIsNotListenedTo) {
  for (int i = 0; i < 3; ++i) ASSERT_EQ(status(kList, "192.0.2.1", "guess"), 401) << i;
  EXPECT_EQ(status(kList, "192.0.2.1", "guess"), 429);
  EXPECT_EQ(status(kList, "192.0.2.1", kAdminToken), 429) << "otherwise guessing would go on";
  EXPECT_EQ(retry_after(kList, "192.0.2.1"), "5");
  clock.advance(5s);
  EXPECT_EQ(status(kList, "192.0.2.1", kAdminToken), 0);
}

TEST_F(LimitsTest, S37_AGoodTokenIsNotLockedOutFromAnotherAddress) {
  for (int i = 0; i < 20; ++i) status(kList, "192.0.2.1", "guess");
  ASSERT_EQ(status(kList, "192.0.2.1"), 429);
  EXPECT_EQ(status(kList, "192.0.2.2"), 0);
  EXPECT_EQ(status(kList, "2001:db8::1"), 0);
}

TEST_F(LimitsTest, S37_RoutesWithoutATokenStayOpenToWhoGuessed) {
  for (int i = 0; i < 20; ++i) status(kList, "192.0.2.1", "guess");
  EXPECT_EQ(status("/livez", "192.0.2.1", nullptr), 0);
  EXPECT_EQ(status("/version", "192.0.2.1", nullptr), 0);
}

TEST_F(LimitsTest, S37_ARequestWithoutATokenIsNoGuess) {
  for (int i = 0; i < 10; ++i) ASSERT_EQ(status(kList, "192.0.2.1", nullptr), 401) << i;
  EXPECT_EQ(status(kList, "192.0.2.1"), 0);
}

TEST_F(LimitsTest, S37_ARoleThatDoesNotSufficeIsNoGuess) {
  Request change = request("/cerobot/sync/repo/github", "192.0.2.1", testing::kReadToken);
  change.method = "DELETE";
  for (int i = 0; i < 10; ++i) {
    const auto admission = table->admit(change);
    ASSERT_TRUE(admission.refusal);
    EXPECT_EQ(admission.refusal->status, 403);
  }
}

TEST_F(LimitsTest, S37_AnIpv6SubscriberIsOneAddress) {
  for (int i = 0; i < 3; ++i) status(kList, "2001:db8:1:2::" + std::to_string(i + 1), "guess");
  EXPECT_EQ(status(kList, "2001:db8:1:2:ffff::1"), 429);
  EXPECT_EQ(status(kList, "2001:db8:1:3::1"), 0);
}

TEST(RequestGuard, S37_RefusedWebhooksTakeNothingFromTokens) {
  FakeClock clock;
  RequestGuard guard({.address = {1, 10}, .refusals = {0.2, 2}, .hook = {1, 2}}, clock);
  EXPECT_EQ(guard.count_refused_webhook("192.0.2.1"), std::nullopt);
  EXPECT_EQ(guard.count_refused_webhook("192.0.2.1"), std::nullopt);
  EXPECT_EQ(guard.count_refused_webhook("192.0.2.1"), 5s);
  EXPECT_EQ(guard.look_at_tokens("192.0.2.1"), std::nullopt);
  EXPECT_EQ(guard.count_refused_webhook("192.0.2.2"), std::nullopt);
  clock.advance(5s);
  EXPECT_EQ(guard.count_refused_webhook("192.0.2.1"), std::nullopt);
}

TEST(RequestGuard, S37_EachHookHasItsOwnRate) {
  FakeClock clock;
  RequestGuard guard({.address = {1, 10}, .refusals = {0.2, 2}, .hook = {1, 2}}, clock);
  EXPECT_EQ(guard.take_delivery("github/a"), std::nullopt);
  EXPECT_EQ(guard.take_delivery("github/a"), std::nullopt);
  EXPECT_EQ(guard.take_delivery("github/a"), 1s);
  EXPECT_EQ(guard.take_delivery("github/b"), std::nullopt);
}

TEST(RequestGuard, AddressesThatAreNoneHaveOneBucketEach) {
  FakeClock clock;
  RequestGuard guard({.address = {1, 1}, .refusals = {1, 1}, .hook = {1, 1}}, clock);
  EXPECT_EQ(guard.take_request(""), std::nullopt);
  EXPECT_EQ(guard.take_request(""), 1s);
  EXPECT_EQ(guard.take_request("somewhere"), std::nullopt);
}

}  // namespace
}  // namespace gitferry::api

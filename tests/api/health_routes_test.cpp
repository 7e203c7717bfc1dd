#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "agent/base/supervision.h"
#include "tests/api/api_fixture.h"

namespace gitferry::api {
namespace {

using namespace std::string_literals;
using testing::answer_to;
using testing::ApiTest;
using testing::body_of;
using testing::json_of;
using testing::status_of;

using HealthRoutesTest = ApiTest;

TEST_F(HealthRoutesTest, HealthIsPublic) {
  for (const auto* path : {"/livez", "/readyz", "/healthz", "/version"}) {
    EXPECT_EQ(status_of(ask("GET", path, nullptr)), 200) << path;
  }
  EXPECT_EQ(json_of(body_of(ask("GET", "/version", nullptr)))["version"].asString(), GITFERRY_VERSION);
  world.store.broken = true;
  EXPECT_EQ(status_of(ask("GET", "/readyz", nullptr)), 503);
  EXPECT_EQ(status_of(ask("GET", "/livez", nullptr)), 200);
  EXPECT_EQ(status_of(ask("GET", "/cerobot/sync/status")), 503);
}

TEST_F(HealthRoutesTest, PublicRoutesReadNoBody) {
  for (const std::string path : {"/livez", "/readyz", "/healthz", "/version", "/openapi.yaml", "/"}) {
    const auto answer =
        answer_to(port, "GET " + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}");
    EXPECT_EQ(status_of(answer), 413) << path;
    EXPECT_EQ(json_of(body_of(answer))["code_status"].asInt(), 10026) << path;
  }
}

TEST_F(HealthRoutesTest, ReadinessTellsOnRequestWhatItConsistsOf) {
  const auto checks = [&](const std::string& query) {
    return json_of(body_of(ask("GET", "/readyz" + query, nullptr)))["checks"];
  };
  EXPECT_TRUE(checks("").isNull());
  EXPECT_EQ(checks("?verbose")["store"].asString(), "ok");
  EXPECT_EQ(checks("?verbose=1")["configuration"].asString(), "ok");
  EXPECT_EQ(checks("?verbose")["reconcile"].asString(), "ok");
  world.configuration.refused_at_ms = 1'700'000'000'000;
  EXPECT_EQ(checks("?verbose")["configuration"].asString(),
            "a later file was refused at 2023-11-14T22:13:20.000Z; see the log");
  EXPECT_EQ(status_of(ask("GET", "/readyz?verbose", nullptr)), 200) << "the one in force works on";
  world.store.broken = true;
  EXPECT_EQ(status_of(ask("GET", "/readyz?verbose", nullptr)), 503);
  EXPECT_EQ(checks("?verbose")["store"].asString(), "not available");
}

TEST_F(HealthRoutesTest, R39_AStuckThreadIsNamedAndAnsweredAsSuch) {
  const SupervisedThread supervised("somebody");
  const auto statuses = [&] {
    return std::vector{status_of(ask("GET", "/livez", nullptr)), status_of(ask("GET", "/readyz", nullptr)),
                       status_of(ask("GET", "/healthz", nullptr))};
  };
  EXPECT_EQ(statuses(), (std::vector{200, 200, 200}));
  beat_for(-supervision_patience());
  EXPECT_EQ(statuses(), (std::vector{503, 503, 503}));
  const auto body = json_of(body_of(ask("GET", "/readyz?verbose", nullptr)));
  EXPECT_EQ(body["status"].asString(), "a thread is stuck");
  EXPECT_EQ(body["checks"]["threads"].asString(), "stuck: somebody (overdue by 0 s)");
  EXPECT_EQ(body["checks"]["store"].asString(), "ok");
  beat();
  EXPECT_EQ(statuses(), (std::vector{200, 200, 200}));
  EXPECT_EQ(json_of(body_of(ask("GET", "/readyz?verbose", nullptr)))["checks"]["threads"].asString(), "ok");
}

}  // namespace
}  // namespace gitferry::api

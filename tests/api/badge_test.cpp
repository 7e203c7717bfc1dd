#include "api/badge.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/api/binding_fixture.h"

namespace gitferry::api {
namespace {

using ::testing::HasSubstr;

class BadgeTest : public testing::BindingTest {
 protected:
  void SetUp() override {
    BindingTest::SetUp();
    show({"docs-*"});
    bind("docs-api");
    bind("secret");
    bind_branch("docs-api", "feature/login", "from-inside");
    bind_branch("secret", "main", "main");
  }
  /// Serves with these badges shown.
  void show(const std::vector<std::string>& patterns) {
    server.reset();
    auto started = ApiServer::start(ServerOptions{}, *context, {nullptr, patterns});
    ASSERT_TRUE(started) << started.error().text();
    server = std::move(*started);
  }
  testing::Answer badge(const std::string& path, const std::string& etag = {}) const {
    testing::Sent sent{"GET", "/badges/" + path, {{"X-No-Token", "1"}}, ""};
    if (!etag.empty()) sent.headers.emplace_back("If-None-Match", etag);
    return ask(sent);
  }
  /// What stands on it.
  std::string word(const std::string& path) const {
    const auto answer = badge(path);
    EXPECT_EQ(answer.status, 200) << answer.text;
    const auto begin = answer.text.find("<title>gitferry: ") + 17;
    return answer.text.substr(begin, answer.text.find("</title>") - begin);
  }
  void run(const std::string& internal, const std::string& external, std::optional<ErrorCode> error) {
    const LaneMark mark{{"docs-api", "refs/heads/" + internal, "refs/heads/" + external}, Direction::ToOuter};
    const auto lane_id = store->mark_lanes(std::span(&mark, 1), Trigger::Manual)->marked.at(0).lane_id;
    const auto lane = **store->lane(lane_id);
    RunEnd end;
    end.run_id = *store->begin_run(lane, Direction::ToOuter, 1);
    end.lane_id = lane_id;
    end.done_seq = lane.requested_seq;
    end.finished_at_ms = 2;
    if (error) end.report.error = Error{*error, "it failed", {}, {}};
    ASSERT_TRUE(store->finish_run(end));
  }
};

TEST_F(BadgeTest, SaysHowABranchStands) {
  EXPECT_EQ(word("docs-api/feature/login.svg"), "never synced");
  run("feature/login", "from-inside", std::nullopt);
  EXPECT_EQ(word("docs-api/feature/login.svg"), "in sync");
  EXPECT_EQ(word("docs-api/feature%2Flogin.svg"), "in sync");
  EXPECT_EQ(word("docs-api/feature/login"), "in sync");
  run("feature/login", "from-inside", ErrorCode::Diverged);
  EXPECT_EQ(word("docs-api/feature/login.svg"), "diverged");
  run("feature/login", "from-inside", ErrorCode::AuthenticationFailed);
  EXPECT_EQ(word("docs-api/feature/login.svg"), "failed");
  const LaneMark mark{{"docs-api", "refs/heads/feature/login", "refs/heads/from-inside"}, Direction::ToOuter};
  ASSERT_TRUE(store->mark_lanes(std::span(&mark, 1), Trigger::Manual));
  EXPECT_EQ(word("docs-api/feature/login.svg"), "behind");
  ASSERT_EQ(api("PUT", "/docs-api/branch/feature/login?enable=false").code(), 0);
  EXPECT_EQ(word("docs-api/feature/login.svg"), "disabled");
}

TEST_F(BadgeTest, SaysTheSameOfWhatIsPrivateAndOfWhatIsNot) {
  const auto unknown = testing::body_of(badge("nothing/main.svg").text);
  EXPECT_THAT(unknown, HasSubstr("unknown"));
  for (const auto* path : {"secret/main.svg", "secret/other.svg", "docs-api/other.svg",
                           "docs-api/from-inside.svg", "docs-none/main.svg", "docs-api/%3Cscript%3E.svg"}) {
    EXPECT_EQ(testing::body_of(badge(path).text), unknown) << path;
  }
  show({});
  EXPECT_EQ(testing::body_of(badge("docs-api/feature/login.svg").text), unknown);
}

TEST_F(BadgeTest, IsAPictureThatIsAskedForAnew) {
  const auto answer = badge("docs-api/feature/login.svg");
  EXPECT_THAT(answer.text, HasSubstr("Content-Type: image/svg+xml\r\n"));
  EXPECT_THAT(answer.text, HasSubstr("Cache-Control: no-cache\r\n"));
  EXPECT_THAT(answer.text, HasSubstr("Content-Security-Policy: default-src 'none'\r\n"));
  const auto begin = answer.text.find("ETag: ") + 6;
  const auto etag = answer.text.substr(begin, answer.text.find("\r\n", begin) - begin);
  EXPECT_EQ(badge("docs-api/feature/login.svg", etag).status, 304);
  run("feature/login", "from-inside", std::nullopt);
  EXPECT_EQ(badge("docs-api/feature/login.svg", etag).status, 200);
}

}  // namespace
}  // namespace gitferry::api

#include "config/print.h"

#include <memory>

#include <json/json.h>

#include "tests/config/support.h"

namespace gitferry::config {
namespace {

constexpr const char* kFile = R"(version: 1
server: {listen: "[::1]:8081"}
auth: {tokens: [{name: ops, role: admin, token_env: OPS}]}
sync: {workers: 2, timeouts: {stall: 1500ms}}
network: {allow_schemes: [https, ssh, file], allow_cidrs: [10.0.0.0/8]}
credentials:
  - {match: "https://github.com/acme/", username: bot, password_env: PASS}
repos:
  - name: robot
    internal: /srv/git/robot.git
    external: git@github.com:acme/robot.git
    webhook: {internal: {provider: gitlab, secret_env: HOOK}}
    branches: [{internal: "yes", external: "feature/a b" }]
  - {name: whole, internal: https://a/x, external: https://b/x, granularity: all}
)";

std::string without_bad_branch() {
  std::string text = kFile;
  text.replace(text.find("a b"), 3, "a-b");
  return text;
}

Loaded loaded() {
  return load_text(without_bad_branch(), "f",
                   environment_of({{"OPS", "S3CRET-1"},
                                   {"PASS", "S3CRET-2"},
                                   {"HOOK", "S3CRET-3"},
                                   {"GITFERRY_SYNC_PER_HOST", "3"}}));
}

TEST(Print, NeverShowsASecret) {
  const auto config = loaded();
  ASSERT_TRUE(config) << text_of(config);
  for (const auto& text : {to_yaml(*config), to_json(*config)}) {
    EXPECT_EQ(text.find("S3CRET"), std::string::npos) << text;
    EXPECT_NE(text.find("HOOK"), std::string::npos) << text;
  }
}

TEST(Print, YamlIsAConfigurationThatMeansTheSame) {
  const auto config = loaded();
  ASSERT_TRUE(config) << text_of(config);
  const std::string text = to_yaml(*config);
  const auto again = load_text(text, "printed", environment_of({{"OPS", "a"}, {"PASS", "b"}, {"HOOK", "c"}}));
  ASSERT_TRUE(again) << text << text_of(again);
  EXPECT_EQ(again->sync.per_host, 3);
  EXPECT_EQ(again->sync.timeouts.stall, std::chrono::milliseconds{1500});
  EXPECT_EQ(again->bindings.find("robot")->branches.front().internal, "yes");
  // All that was printed is still there; only the origin of per_host is not.
  const std::string note = "# A value comes from GITFERRY_SYNC_PER_HOST.\n";
  ASSERT_NE(text.find(note), std::string::npos) << text;
  std::string expected = text;
  expected.erase(expected.find(note), note.size());
  EXPECT_EQ(to_yaml(*again), expected);
}

TEST(Print, JsonHasTheTypesOfTheFile) {
  const auto config = loaded();
  ASSERT_TRUE(config) << text_of(config);
  const std::string text = to_json(*config);
  Json::Value root;
  const std::unique_ptr<Json::CharReader> reader(Json::CharReaderBuilder().newCharReader());
  ASSERT_TRUE(reader->parse(text.data(), text.data() + text.size(), &root, nullptr)) << text;
  EXPECT_EQ(root["sync"]["workers"].asInt(), 2);
  EXPECT_TRUE(root["repos"][0]["enable"].isBool());
  EXPECT_EQ(root["repos"][0]["webhook"]["internal"]["secret_env"].asString(), "HOOK");
  EXPECT_EQ(root["repos"][1]["granularity"].asString(), "all");
  EXPECT_EQ(root["overridden_by"][0].asString(), "GITFERRY_SYNC_PER_HOST");
}

}  // namespace
}  // namespace gitferry::config

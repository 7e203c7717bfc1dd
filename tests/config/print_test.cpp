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
network: {allow_schemes: [https, ssh, file], allow_cidrs: [10.0.0.0/8], local_directories: [/srv//git/], proxy: "HTTPS://Proxy.corp:3128/",
          proxy_username: us, proxy_password_env: PROXY, no_proxy: [git.corp, .lan, 10.0.0.0/8], ssh_reuse: 30m}
credentials:
  - {match: "https://github.com/acme/", username: bot, password_env: PASS}
  - {match: "https://git.corp/", scheme: bearer, password_env: PASS}
  - {match: "https://git.lan/", helper: [/bin/true], use_http_path: true}
  - {match: "https://git.lan/", api_token_env: PASS, api_url: "https://git.lan/api/v1"}
repos:
  - name: robot
    internal: /srv/git/robot.git
    external: git@github.com:acme/robot.git
    webhook: {internal: {provider: gitlab, secret_env: HOOK}}
    policy: follow
    deletions: propagate
    tags: all
    backup_refs: true
    branches: [{internal: "yes", external: "feature/a b", policy: force, deletions: ignore}, {internal: b, external: b}]
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
                                   {"PROXY", "S3CRET-4"},
                                   {"HOOK", "S3CRET-3-of-sixteen"},
                                   {"GITFERRY_SYNC_PER_HOST", "3"}}));
}

Json::Value json_of(const std::string& text) {
  Json::Value root;
  const std::unique_ptr<Json::CharReader> reader(Json::CharReaderBuilder().newCharReader());
  EXPECT_TRUE(reader->parse(text.data(), text.data() + text.size(), &root, nullptr)) << text;
  return root;
}

TEST(Print, S12_NeverShowsASecret) {
  const auto config = loaded();
  ASSERT_TRUE(config) << text_of(config);
  for (const auto& text : {to_yaml(*config, config->bindings), to_json(*config, config->bindings)}) {
    EXPECT_EQ(text.find("S3CRET"), std::string::npos) << text;
    EXPECT_NE(text.find("HOOK"), std::string::npos) << text;
  }
}

TEST(Print, YamlIsAConfigurationThatMeansTheSame) {
  const auto config = loaded();
  ASSERT_TRUE(config) << text_of(config);
  const std::string text = to_yaml(*config, config->bindings);
  const auto again = load_text(
      text, "printed", environment_of({{"OPS", "a"}, {"PASS", "b"}, {"PROXY", "c"}, {"HOOK", kHookSecret}}));
  ASSERT_TRUE(again) << text << text_of(again);
  EXPECT_EQ(again->sync.per_host, 3);
  EXPECT_EQ(again->network, config->network);
  EXPECT_EQ(again->network.proxy, "https://proxy.corp:3128");
  EXPECT_EQ(*again->network.local_directories.named(), std::vector<std::string>{"/srv/git"});
  EXPECT_EQ(again->credentials, config->credentials);
  EXPECT_EQ(again->sync.timeouts.stall, std::chrono::milliseconds{1500});
  const auto* robot = again->bindings.find("robot");
  EXPECT_EQ(robot->branches.front().internal, "yes");
  EXPECT_EQ(robot->policy, Policy::Follow);
  EXPECT_EQ(robot->deletions, Deletions::Propagate);
  EXPECT_EQ(robot->tags, Tags::All);
  EXPECT_EQ(robot->branches.front().deletions, Deletions::Ignore);
  EXPECT_FALSE(robot->branches.back().deletions);
  EXPECT_TRUE(robot->backup_refs);
  EXPECT_EQ(robot->branches.front().policy, Policy::Force);
  EXPECT_FALSE(robot->branches.back().policy);
  // All that was printed is still there; only the origin of per_host is not.
  const std::string note = "# A value comes from GITFERRY_SYNC_PER_HOST.\n";
  ASSERT_NE(text.find(note), std::string::npos) << text;
  std::string expected = text;
  expected.erase(expected.find(note), note.size());
  EXPECT_EQ(to_yaml(*again, again->bindings), expected);
}

TEST(Print, ShowsOfAHelperTheProgramAlone) {
  const auto config =
      load_text("version: 1\ncredentials: [{match: \"https://h/\", helper: [/bin/true, --token=S3CRET, x]}]",
                "f", environment_of({}));
  ASSERT_TRUE(config) << text_of(config);
  const auto text = to_yaml(*config, config->bindings);
  EXPECT_EQ(text.find("S3CRET"), std::string::npos) << text;
  EXPECT_NE(text.find("/bin/true"), std::string::npos) << text;
}

TEST(Print, JsonHasTheTypesOfTheFile) {
  const auto config = loaded();
  ASSERT_TRUE(config) << text_of(config);
  const Json::Value root = json_of(to_json(*config, config->bindings));
  EXPECT_EQ(root["sync"]["workers"].asInt(), 2);
  EXPECT_TRUE(root["repos"][0]["enable"].isBool());
  EXPECT_EQ(root["repos"][0]["webhook"]["internal"]["secret_env"].asString(), "HOOK");
  EXPECT_EQ(root["credentials"][3]["api_token_env"].asString(), "PASS");
  EXPECT_EQ(root["credentials"][3]["api_url"].asString(), "https://git.lan/api/v1");
  EXPECT_EQ(root["repos"][0]["policy"].asString(), "follow");
  EXPECT_TRUE(root["repos"][0]["backup_refs"].isBool());
  EXPECT_EQ(root["repos"][0]["branches"][0]["policy"].asString(), "force");
  EXPECT_EQ(root["repos"][1]["granularity"].asString(), "all");
  EXPECT_EQ(root["overridden_by"][0].asString(), "GITFERRY_SYNC_PER_HOST");
}

constexpr const char* kAllOfIt = R"(version: 1
server:
  listen: "0.0.0.0:8443"
  public_url: "https://ferry.example.org/git"
  behind_proxy: true
  trusted_proxies: [10.0.0.0/8, "fd00::/8", 192.0.2.1]
  limits:
    connections: 10
    connections_per_address: 3
    requests: {per_second: 0, burst: 1}
    deliveries: {per_second: 7, burst: 8}
storage:
  keep: {deliveries: {count: 1000, age: 4d}, runs: {count: 2, age: 36h}, audit: {count: 3, age: 1d}}
sync: {reconcile_interval: off}
webhooks:
  - {name: a, provider: gitlab, instance: "https://gitlab.corp/git", scheme: signing, secret_env: HOOK, owners: [acme, x/y], tolerance: 90s}
  - {provider: gerrit, instance: "https://review.corp", allow_cidrs: [192.0.2.0/24]}
repos:
  - name: robot
    internal: https://a/x
    external: https://b/x
    webhook:
      internal: {provider: github, allow_sha1: true, secrets: [{env: HOOK}, {env: OLD, not_after: "2001-01-31T00:00:00Z"}]}
      external: {provider: gitea, secret_env: OLD, authorization_env: AUTH}
  - name: other
    internal: https://a/y
    external: https://b/y
    webhook: {internal: {provider: azure, username: bot, secrets: [{env: OLD, not_after: "2101-01-31T00:00:00.5Z"}]}}
)";

Environment secrets() {
  return environment_of(
      {{"HOOK", kHookSecret}, {"OLD", "S3CRET-of-the-old-hook"}, {"AUTH", "Bearer S3CRET-of-the-header"}});
}

TEST(Print, ShowsEverySettingAsItWouldBeReadAgain) {
  std::string file = kAllOfIt;
  file.replace(file.find("00.5Z"), 5, "00.500Z");
  const auto config = load_text(file, "f", secrets());
  ASSERT_TRUE(config) << text_of(config);
  const std::string text = to_yaml(*config, config->bindings);
  const auto again = load_text(text, "printed", secrets());
  ASSERT_TRUE(again) << text << text_of(again);
  EXPECT_EQ(to_yaml(*again, again->bindings), text);
  EXPECT_EQ(again->server, config->server);
  EXPECT_EQ(again->history, config->history);
  EXPECT_EQ(again->sync, config->sync);
  EXPECT_EQ(again->webhook_sources, config->webhook_sources);
  EXPECT_EQ(again->hook_sources, config->hook_sources);
  EXPECT_EQ(text.find("S3CRET"), std::string::npos) << text;
  EXPECT_EQ(text.find(kHookSecret), std::string::npos) << text;
}

TEST(Print, JsonHasHooksLimitsAndWhereSecretsComeFrom) {
  std::string file = kAllOfIt;
  file.replace(file.find("00.5Z"), 5, "00.500Z");
  const auto config = load_text(file, "f", secrets());
  ASSERT_TRUE(config) << text_of(config);
  const std::string text = to_json(*config, config->bindings);
  EXPECT_EQ(text.find("S3CRET"), std::string::npos) << text;
  const Json::Value root = json_of(text);
  EXPECT_EQ(root["server"]["public_url"].asString(), "https://ferry.example.org/git");
  EXPECT_EQ(root["server"]["trusted_proxies"][2].asString(), "192.0.2.1/32");
  EXPECT_EQ(root["server"]["limits"]["deliveries"]["burst"].asInt(), 8);
  EXPECT_EQ(root["storage"]["keep"]["runs"]["age"].asString(), "36h");
  EXPECT_EQ(root["sync"]["reconcile_interval"].asString(), "off");
  const Json::Value& hook = root["webhooks"][0];
  EXPECT_EQ(hook["name"].asString(), "a");
  EXPECT_EQ(hook["instance"].asString(), "https://gitlab.corp/git");
  EXPECT_EQ(hook["owners"][1].asString(), "x/y");
  EXPECT_EQ(hook["tolerance"].asString(), "90s");
  EXPECT_EQ(hook["secret_env"].asString(), "HOOK");
  EXPECT_EQ(root["webhooks"][1]["allow_cidrs"][0].asString(), "192.0.2.0/24");
  const Json::Value& robot = root["repos"][1]["webhook"];
  EXPECT_EQ(robot["internal"]["secrets"][1]["not_after"].asString(), "2001-01-31T00:00:00Z");
  EXPECT_EQ(robot["external"]["authorization_env"].asString(), "AUTH");
}

TEST(Print, ShowsTheDefaultsOfWhatIsNotThere) {
  const auto config = load_text("version: 1\n", "f", environment_of({}));
  ASSERT_TRUE(config) << text_of(config);
  const Json::Value root = json_of(to_json(*config, config->bindings));
  EXPECT_FALSE(root["server"].isMember("tls"));
  EXPECT_FALSE(root["server"].isMember("public_url"));
  EXPECT_EQ(root["server"]["trusted_proxies"].size(), 0U);
  EXPECT_EQ(root["server"]["limits"]["requests"]["per_second"].asInt(), 500);
  EXPECT_EQ(root["storage"]["keep"]["deliveries"]["age"].asString(), "7d");
  EXPECT_EQ(root["sync"]["reconcile_interval"].asString(), "10m");
  EXPECT_EQ(root["webhooks"].size(), 0U);
}

/// The file's bindings, changed as the API may change them.
BindingSnapshot overridden(const Config& config) {
  BindingSnapshot in_force = config.bindings;
  auto& robot = in_force.repositories.at("robot");
  robot.origin = Origin::FileAndOverride;
  robot.enabled = false;
  robot.file.enabled = true;
  robot.file.direction = BindingDirection::ToInter;
  robot.branches = {{.internal = "main", .external = "main", .origin = Origin::Api},
                    {.internal = "dev",
                     .external = "dev",
                     .enabled = false,
                     .origin = Origin::FileAndOverride,
                     .file_enabled = true}};
  RepositoryBinding bound = in_force.repositories.at("whole");
  bound.name = "bound";
  bound.origin = Origin::Api;
  in_force.repositories.emplace("bound", bound);
  bound.name = "lost";
  bound.problem = "the scheme of\nits address is not allowed";
  in_force.repositories.emplace("lost", bound);
  in_force.repositories.erase("whole");
  in_force.unbound = {"whole"};
  return in_force;
}

TEST(Print, YamlSaysInCommentsWhatTheApiChangedAndStaysAConfiguration) {
  const auto config = loaded();
  ASSERT_TRUE(config) << text_of(config);
  const std::string text = to_yaml(*config, overridden(*config));
  for (const auto* expected :
       {"  # origin: file+override; the file says enable: true, direction: to_inter\n  - name: robot\n    "
        "enable: false\n",
        "      # origin: api\n      - internal: main\n",
        "      # origin: file+override; the file says enable: true\n      - internal: dev\n",
        "    # unbound through the API, though in the file: yes -> feature/a-b\n",
        "  # origin: api\n  - name: bound\n",
        "  # cannot be used: the scheme of its address is not allowed\n  # - name: lost\n  #   enable: "
        "true\n",
        "# unbound through the API, though in the file: whole\n"})
    EXPECT_NE(text.find(expected), std::string::npos) << expected << text;
  const auto again = load_text(
      text, "printed", environment_of({{"OPS", "a"}, {"PASS", "b"}, {"PROXY", "c"}, {"HOOK", kHookSecret}}));
  ASSERT_TRUE(again) << text << text_of(again);
  EXPECT_EQ(again->bindings.repositories.size(), 2U);
  EXPECT_FALSE(again->bindings.find("robot")->enabled);
  EXPECT_EQ(again->bindings.find("robot")->branches.size(), 2U);
  ASSERT_TRUE(again->bindings.find("robot")->internal_webhook);
}

TEST(Print, OnlyBindingsThatCannotBeUsedAreAnEmptyList) {
  const auto config = loaded();
  ASSERT_TRUE(config) << text_of(config);
  BindingSnapshot in_force = config->bindings;
  in_force.repositories.erase("whole");
  in_force.repositories.at("robot").problem = "no more";
  const std::string text = to_yaml(*config, in_force);
  const auto again = load_text(
      text, "printed", environment_of({{"OPS", "a"}, {"PASS", "b"}, {"PROXY", "c"}, {"HOOK", kHookSecret}}));
  ASSERT_TRUE(again) << text << text_of(again);
  EXPECT_TRUE(again->bindings.repositories.empty());
}

TEST(Print, JsonHasOriginsAndTheFilesValuesAsFields) {
  const auto config = loaded();
  ASSERT_TRUE(config) << text_of(config);
  const Json::Value root = json_of(to_json(*config, overridden(*config)));
  ASSERT_EQ(root["repos"].size(), 3U);
  const Json::Value& robot = root["repos"][2];
  EXPECT_EQ(robot["name"].asString(), "robot");
  EXPECT_EQ(robot["origin"].asString(), "file+override");
  EXPECT_TRUE(robot["file"]["enable"].asBool());
  EXPECT_EQ(robot["file"]["direction"].asString(), "to_inter");
  EXPECT_FALSE(robot["file"].isMember("internal"));
  EXPECT_TRUE(robot["problem"].isNull());
  EXPECT_EQ(robot["unbound_branches"][0].asString(), "yes -> feature/a-b");
  EXPECT_EQ(robot["branches"][0]["origin"].asString(), "api");
  EXPECT_TRUE(robot["branches"][0]["file"].isNull());
  EXPECT_TRUE(robot["branches"][1]["file"]["enable"].asBool());
  EXPECT_EQ(root["repos"][1]["name"].asString(), "lost");
  EXPECT_FALSE(root["repos"][1]["problem"].asString().empty());
  EXPECT_EQ(root["unbound"][0].asString(), "whole");
}

}  // namespace
}  // namespace gitferry::config

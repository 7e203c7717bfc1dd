#include "config/loader.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <sys/resource.h>

#include "config/yaml_tree.h"
#include "tests/config/support.h"

namespace gitferry::config {
namespace {

const Environment kNoEnvironment = environment_of({});

Loaded load(const std::string& text) {
  return load_text(text, "f.yaml", environment_of({{"HOOK", kHookSecret}, {"TOKEN", "t"}, {"EMPTY", ""}}));
}

/// One repository whose body is `lines`, each with four spaces before it; the first is line 3.
std::string repository(const std::string& lines) {
  return "version: 1\nrepos:\n  - name: x\n    internal: https://a/x\n    external: https://b/x\n" + lines;
}

TEST(Loader, ReadsEveryKey) {
  const TempDir dir;
  const std::string secret = dir.write("secret", "a secret of the test\n");
  const auto config = load_text(R"(version: 1
server: {listen: "0.0.0.0:9000", behind_proxy: true}
watch: true
storage: {url: "sqlite:/var/lib/x.db", key_file: /etc/x.key}
auth:
  tokens:
    - {name: ops, role: operate, token_file: )" +
                                    secret + R"(}
sync:
  workers: 3
  per_host: 2
  sync_dir: /var/tmp/x
  log_detail: no
  timeouts: {connect: 500ms, stall: 5s, total: 2h}
network: {allow_schemes: [https, http, file, ssh], allow_cidrs: ["10.0.0.0/8", "fd00::/8"]}
credentials:
  - {match: "http://git.corp/", username: bot, password_file: )" +
                                    secret + R"(}
  - {match: "ssh://git@host/", key_file: /k, known_hosts_file: /h}
repos:
  - name: robot
    enable: false
    internal: http://git.corp/acme/robot.git
    external: git@github.com:acme/robot.git
    granularity: one
    direction: to_inter
    policy: follow
    backup_refs: true
    webhook:
      internal: {provider: gitlab, scheme: token, secret_file: )" +
                                    secret + R"(}
      external: {provider: github, secret_env: HOOK}
    branches:
      - {internal: main, external: master}
      - {internal: release/1.x, external: stable, enable: false, policy: force}
)",
                                "f.yaml", environment_of({{"HOOK", kHookSecret}}));
  ASSERT_TRUE(config) << text_of(config);
  EXPECT_EQ(config->server.listen_host, "0.0.0.0");
  EXPECT_EQ(config->server.listen_port, 9000);
  EXPECT_TRUE(config->server.behind_proxy);
  EXPECT_TRUE(config->watch);
  EXPECT_EQ(config->database_path, "/var/lib/x.db");
  EXPECT_EQ(config->key_file, "/etc/x.key");
  ASSERT_EQ(config->tokens.size(), 1U);
  EXPECT_EQ(config->tokens[0].role, "operate");
  EXPECT_EQ(config->sync.workers, 3);
  EXPECT_EQ(config->sync.per_host, 2);
  EXPECT_EQ(config->sync.sync_dir, "/var/tmp/x");
  EXPECT_FALSE(config->sync.log_detail);
  EXPECT_EQ(config->sync.timeouts.connect.count(), 500);
  EXPECT_EQ(config->sync.timeouts.total.count(), 7'200'000);
  EXPECT_EQ(config->network.allow_schemes.size(), 4U);
  EXPECT_EQ(config->network.allow_cidrs.size(), 2U);
  ASSERT_EQ(config->credentials.size(), 2U);
  EXPECT_EQ(config->credentials[0].password->file, secret);
  EXPECT_EQ(config->credentials[1].key_file, "/k");
  const auto* robot = config->bindings.find("robot");
  ASSERT_NE(robot, nullptr);
  EXPECT_FALSE(robot->enabled);
  EXPECT_EQ(robot->direction, BindingDirection::ToInter);
  ASSERT_TRUE(robot->internal_webhook);
  EXPECT_EQ(robot->internal_webhook->secrets.at(0).value.reveal(), "a secret of the test");
  EXPECT_EQ(robot->external_webhook->scheme, WebhookScheme::Hmac);
  EXPECT_EQ(robot->policy, Policy::Follow);
  EXPECT_TRUE(robot->backup_refs);
  EXPECT_EQ(robot->branches, (std::vector<BranchBinding>{{"main", "master", true},
                                                         {"release/1.x", "stable", false, Policy::Force}}));
  EXPECT_EQ(robot->policy_of(robot->branches[0]), Policy::Follow);
  EXPECT_EQ(robot->policy_of(robot->branches[1]), Policy::Force);
}

TEST(Loader, TakesDefaultsForWhatIsNotThere) {
  const auto config = load("version: 1\n");
  ASSERT_TRUE(config) << text_of(config);
  EXPECT_EQ(config->server.listen_host, "127.0.0.1");
  EXPECT_EQ(config->server.listen_port, 8080);
  EXPECT_FALSE(config->watch);
  EXPECT_EQ(config->database_path, "./data/gitferry.db");
  EXPECT_EQ(config->key_file, "./data/sealing-key");
  EXPECT_EQ(config->sync.workers, 8);
  EXPECT_EQ(config->sync.sync_dir, "/tmp/sync_dir/");
  EXPECT_EQ(config->network.allow_schemes, (std::set<Scheme>{Scheme::Https, Scheme::Ssh}));
  EXPECT_TRUE(config->bindings.repositories.empty());
}

struct Bad {
  std::string text;
  std::string expected;  ///< beginning of a line of the errors: position and message
};

void expect_error(const Bad& bad) {
  const auto loaded = load(bad.text);
  ASSERT_FALSE(loaded) << bad.text;
  EXPECT_NE(("\n" + text_of(loaded)).find("\nf.yaml:" + bad.expected), std::string::npos)
      << "expected f.yaml:" << bad.expected << "\ngot " << text_of(loaded);
}

TEST(Loader, AWrongSchemeIsOneErrorAndNotOneForEveryAddress) {
  const auto loaded = load(
      "version: 1\nnetwork: {allow_schemes: [htps]}\nrepos:\n  - {name: x, internal: https://a/x, "
      "external: https://b/x}\n");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().size(), 1U) << text_of(loaded);
}

TEST(Loader, S20_RefusesYamlThatIsMoreThanPlain) {
  const std::string deep = "version: 1\nrepos: " + std::string(200, '[') + std::string(200, ']');
  for (const Bad& bad : {
           Bad{"", " error: the file is empty"},
           Bad{"version: 1\n\x04", "2:1: error: a control character"},
           Bad{"version: \xff", " error: the file is not valid UTF-8"},
           Bad{"- version", "1:1: error: the file must hold keys and values"},
           Bad{"just text", "1:1: error: the file must hold keys and values"},
           Bad{"version: [1",
               "2:1: error: not valid YAML: did not find expected ',' or ']' while parsing a flow "
               "sequence that begins in line 1"},
           Bad{"version: 1\n\tserver: {}", "2:1: error: not valid YAML"},
           Bad{"version: 1\n---\nversion: 1", "2:1: error: a second document"},
           Bad{"version: 1\nsync: &a {workers: 1}", "2:7: error: anchors (&name) are not allowed"},
           Bad{"version: 1\nsync: &a [*a]", "2:11: error: aliases (*name) are not allowed"},
           Bad{"version: 1\nserver: !x {}", "2:9: error: tags (!name) are not allowed"},
           Bad{"version: 1\nserver: {<<: {listen: x}}", "2:10: error: merge keys (<<) are not allowed"},
           Bad{"version: 1\nversion: 1", "2:1: error: duplicate key 'version' (first given in line 1)"},
           Bad{"version: 1\n? [a]\n: b", "2:3: error: a key must be plain text"},
           Bad{deep, "2:39: error: nested deeper than 32 levels"},
       })
    expect_error(bad);
  EXPECT_FALSE(load("version: 1\n#" + std::string(kFileLimit, 'x')));
  std::string keys;
  for (std::size_t i = 0; i <= kKeysLimit; ++i) keys += "k" + std::to_string(i) + ": 1\n";
  expect_error({keys, "1001:1: error: more than 1000 keys in one mapping"});
}

/// What costs a parser much more than it costs whoever writes it.
TEST(Loader, S20_BombsEndAtOnceWithTheirPlace) {
  constexpr std::size_t kDeep = 200'000;
  std::string levels = "version: 1\na: &a [x]\n";
  for (char name = 'b'; name <= 'j'; ++name) {
    const auto inner = "*" + std::string(1, static_cast<char>(name - 1));
    levels += std::string(1, name) + ": &" + name + " [";
    for (int i = 0; i < 10; ++i) levels += inner + (i < 9 ? "," : "]\n");
  }
  std::string blocks = "version: 1\nrepos:\n";
  for (std::size_t i = 0; i < 1'000; ++i) blocks += std::string(i, ' ') + "- \n";
  for (const auto& bomb : std::vector<std::string>{
           "version: 1\nrepos: " + std::string(kDeep, '['), "version: 1\nrepos: " + std::string(kDeep, '{'),
           "version: 1\nrepos: " + std::string(kDeep, '-'), "version: 1\nsync: &a [*a]", levels, blocks,
           "version: 1\n" + std::string(kDeep, '?') + " a", "version: 1\nsync: {workers: 0123}",
           "version: 1\nsync: {workers: 0x10}", "version: 1\nsync: {workers: 1_0}"}) {
    rusage before{};
    ::getrusage(RUSAGE_THREAD, &before);
    const auto loaded = load(bomb);
    rusage after{};
    ::getrusage(RUSAGE_THREAD, &after);
    ASSERT_FALSE(loaded) << bomb.substr(0, 60);
    EXPECT_TRUE(std::regex_search(text_of(loaded), std::regex("f\\.yaml:[0-9]+:[0-9]+: error: ")))
        << text_of(loaded);
    const auto took_ms = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000 +
                         (after.ru_utime.tv_usec - before.ru_utime.tv_usec) / 1000;
    EXPECT_LT(took_ms, 1000) << bomb.substr(0, 60);
    EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 64 * 1024) << bomb.substr(0, 60);
  }
}

TEST(Loader, NamesUnknownKeysWithASuggestion) {
  for (const Bad& bad : {
           Bad{"version: 1\nrepo: []", "2:1: error: unknown key 'repo' (did you mean 'repos'?)"},
           Bad{"version: 1\nserver:\n  lissten: x",
               "3:3: error: unknown key 'lissten' in server (did you mean 'listen'?)"},
           Bad{"version: 1\nstorage:\n  zzzzzz: x",
               "3:3: error: unknown key 'zzzzzz' in storage (known are: url, key_file, keep, password_file, "
               "password_env, lease)"},
           Bad{repository("    brnches: []\n"),
               "6:5: error: unknown key 'brnches' in repos[0] (did you mean 'branches'?)"},
           Bad{repository("    branches:\n      - {internal: a, external: b, enabled: true}\n"),
               "7:36: error: unknown key 'enabled' in repos[0].branches[0] (did you mean 'enable'?)"},
       })
    expect_error(bad);
}

TEST(Loader, ReadsTwoWayBindingsDeletionsAndTags) {
  const auto config =
      load_text(repository("    direction: both\n    policy: ff_only\n    deletions: propagate\n"
                           "    tags: all\n    branches:\n"
                           "      - {internal: a, external: a}\n"
                           "      - {internal: b, external: b, deletions: ignore}\n"),
                "f.yaml", environment_of({}));
  ASSERT_TRUE(config) << text_of(config);
  const auto& binding = config->bindings.repositories.begin()->second;
  EXPECT_EQ(binding.direction, BindingDirection::Both);
  EXPECT_EQ(binding.deletions, Deletions::Propagate);
  EXPECT_EQ(binding.tags, Tags::All);
  EXPECT_EQ(binding.deletions_of(binding.branches.at(0)), Deletions::Propagate);
  EXPECT_EQ(binding.deletions_of(binding.branches.at(1)), Deletions::Ignore);
  const auto plain = load_text(repository(""), "f.yaml", environment_of({}));
  ASSERT_TRUE(plain) << text_of(plain);
  EXPECT_EQ(plain->bindings.repositories.begin()->second.deletions, Deletions::Ignore);
  EXPECT_EQ(plain->bindings.repositories.begin()->second.tags, Tags::None);
}

TEST(Loader, RefusesPoliciesOfTwoWayBindingsAndWordsThatAreNone) {
  for (const Bad& bad : {
           Bad{repository("    direction: both\n    policy: force\n"),
               "7:13: error: direction both allows no policy but ff_only"},
           Bad{repository("    direction: both\n    policy: follow\n"),
               "7:13: error: direction both allows no policy but ff_only"},
           Bad{repository("    policy: force\n    direction: both\n"),
               "6:13: error: direction both allows no policy but ff_only"},
           Bad{repository("    direction: both\n    branches:\n"
                          "      - {internal: a, external: a, policy: force}\n"),
               "8:44: error: direction both allows no policy but ff_only"},
           Bad{repository("    direction: outer\n"), "6:16: error:"},
           Bad{repository("    deletions: yes\n"), "6:16: error:"},
           Bad{repository("    deletions: true\n"), "6:16: error:"},
           Bad{repository("    tags: some\n"), "6:11: error:"},
           Bad{repository("    tags: [v1]\n"), "6:11: error:"},
           Bad{repository("    branches:\n      - {internal: a, external: a, deletions: no}\n"),
               "7:47: error:"},
           Bad{repository("    branches:\n      - {internal: a, external: a, tags: all}\n"), "7:36: error:"},
       })
    expect_error(bad);
}

TEST(Loader, ReadsASharedDatabase) {
  const auto config = load_text(
      "version: 1\nstorage: {url: \"postgresql://gitferry@db,other/gitferry?sslmode=verify-full\", "
      "password_env: DB, lease: 1m, key_file: /keys/x}",
      "f.yaml", environment_of({{"DB", "db-pass"}}));
  ASSERT_TRUE(config) << text_of(config);
  EXPECT_EQ(config->database_url, "postgresql://gitferry@db,other/gitferry?sslmode=verify-full");
  ASSERT_TRUE(config->database_password);
  EXPECT_EQ(config->database_password->env, "DB");
  EXPECT_EQ(config->database_lease, std::chrono::minutes(1));
  EXPECT_EQ(data_directory(*config), "/keys");
  EXPECT_TRUE(load_text("version: 1\nstorage: {url: \"sqlite:x.db\"}", "f.yaml", environment_of({}))
                  ->database_url.empty());
}

TEST(Loader, RefusesAPasswordInADatabasesAddress) {
  for (const auto* url : {"postgresql://me:h4nd@db/x", "postgres://:h4nd@db/x",
                          "postgresql://db/x?password=h4nd", "postgresql://me@db/x?a=b&%70assword=h4nd",
                          "postgresql://db/x?sslpassword=h4nd", "postgresql://db/x?%zz=h4nd"}) {
    const auto config = load_text("version: 1\nstorage: {key_file: k, url: \"" + std::string(url) + "\"}",
                                  "f.yaml", environment_of({}));
    ASSERT_FALSE(config) << url;
    EXPECT_THAT(text_of(config), ::testing::HasSubstr("2:29: error: storage.url has a password in it"))
        << url;
    EXPECT_THAT(text_of(config), ::testing::Not(::testing::HasSubstr("h4nd")));
  }
}

TEST(Loader, SaysWhatBelongsToWhichDatabase) {
  for (const Bad& bad : {
           Bad{"version: 1\nstorage: {url: \"postgresql://x\"}", "2:10: error: storage.key_file is missing"},
           Bad{"version: 1\nstorage: {url: \"postgresql://x\", key_file: k, lease: 1s}", "2:54: error:"},
           Bad{"version: 1\nstorage: {url: \"postgresql://x\", key_file: k, password: h4nd}", "2:47: error:"},
           Bad{"version: 1\nstorage: {lease: 30s}", "2:18: error: storage.lease is for postgresql:// alone"},
           Bad{"version: 1\nstorage: {password_env: X}",
               "2:25: error: storage.password_env is for postgresql:// alone"},
           Bad{"version: 1\nstorage: {url: \"mysql://x\"}",
               "2:16: error: storage.url must be sqlite: and the path of a file, or a postgresql:// address"},
       })
    expect_error(bad);
}

TEST(Loader, SaysWhatIsPlannedButNotAvailable) {
  for (const Bad& bad : {
           Bad{"version: 1\nsync: {verify: true}", "2:8: error: 'verify' is not available in this version"},
       })
    expect_error(bad);
}

TEST(Loader, SaysWhichTypeIsWanted) {
  for (const Bad& bad : {
           Bad{"server: {}", "1:1: error: version is missing (for example: version: 1)"},
           Bad{"version: 2", "1:10: error: version must be 1, not '2'"},
           Bad{"version: 1\nserver: []", "2:9: error: server must be a mapping of keys, not a list"},
           Bad{"version: 1\nserver:", "2:1: error: 'server' has no value"},
           Bad{"version: 1\nrepos: {}", "2:8: error: repos must be a list, not a mapping"},
           Bad{"version: 1\nrepos: [x]",
               "2:9: error: repos[0] must be a mapping of keys, not a single value"},
           Bad{"version: 1\nserver: {behind_proxy: \"true\"}",
               "2:24: error: server.behind_proxy must be true or false"},
           Bad{"version: 1\nserver: {behind_proxy: 1}",
               "2:24: error: server.behind_proxy must be true or false, not '1'"},
           Bad{"version: 1\nserver: {listen: [a]}", "2:18: error: server.listen must be text, not a list"},
           Bad{"version: 1\nserver: {listen: \"8080\"}", "2:18: error: server.listen must be host:port"},
           Bad{"version: 1\nserver: {listen: \"0.0.0.0:8080\"}",
               "2:18: error: '0.0.0.0' can be reached from other machines"},
           Bad{"version: 1\nstorage: {url: data.db}",
               "2:16: error: storage.url must be sqlite: and the path"},
           Bad{"version: 1\nstorage: {key_file: [x]}",
               "2:21: error: storage.key_file must be text, not a list"},
           Bad{"version: 1\nstorage: {key_file: \"\"}", "2:21: error: storage.key_file must be text"},
           Bad{"version: 1\nwatch: 2s", "2:8: error: watch must be true or false, not '2s'"},
           Bad{"version: 1\nwatch: \"true\"", "2:8: error: watch must be true or false"},
           Bad{"version: 1\nsync: {workers: 0}",
               "2:17: error: sync.workers must be a whole number from 1 to 256, not '0'"},
           Bad{"version: 1\nsync: {workers: 010}", "2:17: error: sync.workers must be a whole number"},
           Bad{"version: 1\nsync: {workers: 99999999999999999999}",
               "2:17: error: sync.workers must be a whole number"},
           Bad{"version: 1\nsync: {per_host: \"4\"}", "2:18: error: sync.per_host must be a whole number"},
           Bad{"version: 1\nsync: {sync_dir: tmp}", "2:18: error: sync.sync_dir must be an absolute path"},
           Bad{"version: 1\nsync: {timeouts: {stall: 30}}",
               "2:26: error: sync.timeouts.stall must be a duration"},
           Bad{"version: 1\nsync: {timeouts: {stall: 0s}}",
               "2:26: error: sync.timeouts.stall must be a duration"},
           Bad{"version: 1\nnetwork: {allow_schemes: [htps]}",
               "2:27: error: network.allow_schemes knows https, ssh, http and file (did you mean 'https'?)"},
           Bad{"version: 1\nnetwork: {allow_cidrs: [10.0.0.0/99]}",
               "2:25: error: network.allow_cidrs takes address ranges"},
           Bad{repository("    policy: rebase\n"),
               "6:13: error: repos[0].policy must be one of ff_only, follow, force"},
           Bad{repository("    policy: [force]\n"), "6:13: error: repos[0].policy must be one of"},
           Bad{repository("    backup_refs: 1\n"), "6:18: error: repos[0].backup_refs must be true or false"},
           Bad{repository("    branches: [{internal: a, external: b, policy: none}]\n"),
               "6:51: error: repos[0].branches[0].policy must be one of ff_only, follow, force"},
           Bad{repository("    granularity: every\n"),
               "6:18: error: repos[0].granularity must be one of one, all"},
           Bad{repository("    direction: to_outter\n"),
               "6:16: error: repos[0].direction must be one of to_outer, to_inter, both (did you mean "
               "'to_outer'?)"},
       })
    expect_error(bad);
}

TEST(Loader, ReadsHowMuchHistoryIsKept) {
  const auto config = load(
      "version: 1\nstorage: {keep: {deliveries: {count: 1000, age: 4d}, runs: {age: 36h}, audit: {count: "
      "1}}}\n");
  ASSERT_TRUE(config) << text_of(config);
  EXPECT_EQ(config->history.deliveries, (Retention{1000, std::chrono::days{4}}));
  EXPECT_EQ(config->history.runs, (Retention{100'000, std::chrono::hours{36}}));
  EXPECT_EQ(config->history.audit, (Retention{1, std::chrono::days{400}}));
  for (const Bad& bad : {
           Bad{"version: 1\nstorage: {keep: {deliveries: {count: 999}}}",
               "2:38: error: storage.keep.deliveries.count must be a whole number from 1000 to 1000000000, "
               "not '999'"},
           Bad{"version: 1\nstorage: {keep: {deliveries: {age: 95h}}}",
               "2:36: error: storage.keep.deliveries.age must be a duration from 4d to 3650d in steps of 1h"},
           Bad{"version: 1\nstorage: {keep: {runs: {age: 90m}}}",
               "2:30: error: storage.keep.runs.age must be a dur"},
           Bad{"version: 1\nstorage: {keep: {runs: {age: 3651d}}}",
               "2:30: error: storage.keep.runs.age must be a d"},
           Bad{"version: 1\nstorage: {keep: {audit: {count: 0}}}",
               "2:33: error: storage.keep.audit.count must be a"},
           Bad{"version: 1\nstorage: {keep: {audits: {}}}",
               "2:18: error: unknown key 'audits' in storage.keep (did you mean 'audit'?)"},
           Bad{"version: 1\nstorage: {keep: 7d}", "2:17: error: storage.keep must be a mapping of keys"},
           Bad{"version: 1\nstorage: {keep: {runs: 7d}}",
               "2:24: error: storage.keep.runs must be a mapping of keys"},
       })
    expect_error(bad);
}

TEST(Loader, ReadsHowOftenRepositoriesAreCompared) {
  const auto often = load("version: 1\nsync: {reconcile_interval: 1s}\n");
  ASSERT_TRUE(often) << text_of(often);
  EXPECT_EQ(often->sync.reconcile_interval.count(), 1'000);
  EXPECT_TRUE(often->warnings.empty());
  for (const auto* off : {"off", "\"off\""}) {
    const auto never = load("version: 1\nsync: {reconcile_interval: " + std::string(off) + "}\n");
    ASSERT_TRUE(never) << text_of(never);
    EXPECT_EQ(never->sync.reconcile_interval.count(), 0);
    ASSERT_EQ(never->warnings.size(), 1U);
    EXPECT_EQ(never->warnings[0].str().find("f.yaml:2:28: warning: without a reconcile"), 0U)
        << never->warnings[0].str();
  }
  for (const auto* bad : {"0s", "999ms", "8d", "never", "10", "[off]"})
    expect_error({"version: 1\nsync: {reconcile_interval: " + std::string(bad) + "}\n",
                  "2:28: error: sync.reconcile_interval must be a duration from 1s to 7d"});
}

TEST(Loader, S34_TakesSecretsFromFilesAndVariablesOnly) {
  for (const Bad& bad : {
           Bad{"version: 1\nauth: {tokens: [{name: a, role: admin, token: S3CRET}]}",
               "2:40: error: secrets are never written into the configuration (use token_file or token_env)"},
           Bad{"version: 1\ncredentials: [{match: \"https://a/\", password: S3CRET}]",
               "2:37: error: secrets are never written into the configuration (use password_file or "
               "password_env)"},
           Bad{repository("    webhook: {internal: {provider: github, secret: S3CRET}}\n"),
               "6:44: error: secrets are never written into the configuration (use secret_file or "
               "secret_env)"},
           Bad{repository("    inter_token: S3CRET\n"),
               "6:5: error: secrets are never written into the configuration"},
           Bad{"version: 1\nauth: {tokens: [{name: a, role: admin}]}",
               "2:17: error: auth.tokens[0] has no secret"},
           Bad{"version: 1\nauth: {tokens: [{name: a, role: admin, token_env: MISSING}]}",
               "2:51: error: the environment variable MISSING is not set"},
           Bad{"version: 1\nauth: {tokens: [{name: a, role: admin, token_env: EMPTY}]}",
               "2:51: error: the environment variable EMPTY is empty"},
           Bad{"version: 1\nauth: {tokens: [{name: a, role: admin, token_env: TOKEN, token_file: /x}]}",
               "2:51: error: auth.tokens[0].token_file and token_env exclude each other"},
           Bad{"version: 1\nauth: {tokens: [{name: a, role: root, token_env: TOKEN}]}",
               "2:33: error: auth.tokens[0].role must be one of read, operate, admin"},
           Bad{repository("    webhook: {internal: {provider: github}}\n"),
               "6:25: error: repos[0].webhook.internal has no secret"},
           Bad{repository("    webhook: {internal: {secret_env: HOOK}}\n"),
               "6:25: error: repos[0].webhook.internal.provider is missing"},
           Bad{repository("    webhook: {internal: {provider: github, scheme: token, secret_env: HOOK}}\n"),
               "6:52: error: a webhook of github proves itself by hmac, not token (use scheme: hmac)"},
           Bad{repository("    webhook: {internal: {provider: githb, secret_env: HOOK}}\n"),
               "6:36: error: repos[0].webhook.internal.provider must be one of"},
       }) {
    expect_error(bad);
    EXPECT_EQ(text_of(load(bad.text)).find("S3CRET"), std::string::npos);
  }
}

TEST(Loader, S34_RefusesASecretFileThatOthersMayReadAtItsPosition) {
  const TempDir dir;
  const std::string open = dir.write("open", "s", 0644);
  expect_error(
      {"version: 1\nauth: {tokens: [{name: a, role: admin, token_file: " + open + "}]}",
       "2:52: error: the secret file '" + open + "' can be read by others (chmod 600 " + open + ")"});
}

TEST(Loader, ChecksCredentials) {
  for (const Bad& bad : {
           Bad{"version: 1\ncredentials: [{password_env: TOKEN}]",
               "2:15: error: credentials[0].match is missing"},
           Bad{"version: 1\ncredentials: [{match: github.com, password_env: TOKEN}]",
               "2:23: error: credentials[0].match must begin with https://, http:// or ssh://"},
           Bad{"version: 1\ncredentials: [{match: \"https://bot:S3CRET@h/\", password_env: TOKEN}]",
               "2:23: error: credentials[0].match holds a user name or password"},
           Bad{"version: 1\ncredentials: [{match: \"https:///x\", password_env: TOKEN}]",
               "2:23: error: credentials[0].match is not the beginning of an address"},
           Bad{"version: 1\ncredentials: [{match: \"https://h/\"}]",
               "2:15: error: credentials[0] has no password"},
           Bad{"version: 1\ncredentials: [{match: \"ssh://h/\", password_env: TOKEN}]",
               "2:23: error: ssh takes a key"},
           Bad{"version: 1\ncredentials: [{match: \"https://h/\", key_file: /k}]",
               "2:23: error: key_file and known_hosts_file"},
           Bad{"version: 1\ncredentials: [{match: \"ssh://h/\", helper: [/bin/true]}]",
               "2:23: error: helper and use_http_path are for https:// and http:// only"},
           Bad{"version: 1\ncredentials: [{match: \"https://h/\", helper: [true]}]",
               "2:45: error: credentials[0].helper must begin with the absolute path of a program"},
           Bad{"version: 1\ncredentials: [{match: \"https://h/\", helper: []}]",
               "2:45: error: credentials[0].helper must be a list"},
           Bad{"version: 1\ncredentials: [{match: \"https://h/\", helper: [/nowhere/helper]}]",
               "2:45: error: cannot run '/nowhere/helper'"},
           Bad{"version: 1\ncredentials: [{match: \"https://h/\", helper: [/bin/true], password_env: TOKEN}]",
               "2:45: error: credentials[0] has a helper and a password"},
           Bad{"version: 1\ncredentials: [{match: \"https://h/\", api_token: S3CRET}]",
               "2:37: error: secrets are never written into the configuration (use api_token_file or "
               "api_token_env)"},
           Bad{"version: 1\ncredentials: [{match: \"https://h/\", api_token_env: NOT_THERE}]",
               "2:52: error: the environment variable NOT_THERE is not set"},
           Bad{"version: 1\ncredentials: [{match: \"https://h/\", api_url: \"https://h/api\", password_env: "
               "TOKEN}]",
               "2:46: error: credentials[0].api_url without a token"},
           Bad{"version: 1\ncredentials: [{match: \"https://h/\", api_token_env: TOKEN, api_url: "
               "\"https://a:S3CRET@h/\"}]",
               "2:68: error: credentials[0].api_url must be http:// or https://"},
           Bad{"version: 1\ncredentials: [{match: \"https://h/\", api_token_env: TOKEN, username: bot}]",
               "2:15: error: credentials[0] has no password"},
           Bad{"version: 1\ncredentials: [{match: \"https://h/\", password_env: TOKEN, use_http_path: true}]",
               "2:73: error: credentials[0].use_http_path without helper"},
       }) {
    expect_error(bad);
    EXPECT_EQ(text_of(load(bad.text)).find("S3CRET"), std::string::npos);
  }
}

TEST(Loader, ReadsACredentialHelperAndHowLongSshIsReused) {
  const auto config = load(
      "version: 1\nnetwork: {ssh_reuse: 30m}\n"
      "credentials: [{match: \"https://h/\", username: bot, use_http_path: true,\n"
      "               helper: [/usr/bin/git, credential-store, --file, /etc/s]}]");
  ASSERT_TRUE(config) << text_of(config);
  const std::vector<std::string> helper{"/usr/bin/git", "credential-store", "--file", "/etc/s"};
  EXPECT_EQ(config->credentials.front().helper, helper);
  EXPECT_TRUE(config->credentials.front().use_http_path);
  EXPECT_EQ(config->network.ssh_reuse, std::chrono::minutes(30));
  EXPECT_EQ(load("version: 1\nnetwork: {ssh_reuse: off}")->network.ssh_reuse.count(), 0);
  EXPECT_EQ(load("version: 1")->network.ssh_reuse, std::chrono::hours(1));
  expect_error({"version: 1\nnetwork: {ssh_reuse: 1ms}", "2:22: error: "});
}

TEST(Loader, ReadsTokensOfWebApis) {
  const auto config = load(
      "version: 1\ncredentials: [{match: \"https://h/\", api_token_env: TOKEN},\n"
      "  {match: \"ssh://git@h/\", key_file: /k, api_token_env: TOKEN, api_url: \"https://H/git/api/v4/\"}]");
  ASSERT_TRUE(config) << text_of(config);
  EXPECT_EQ(config->credentials.at(0).api_token->env, "TOKEN");
  EXPECT_FALSE(config->credentials.at(0).password);
  EXPECT_EQ(config->credentials.at(0).api_url, "");
  EXPECT_EQ(config->credentials.at(1).key_file, "/k");
  EXPECT_EQ(config->credentials.at(1).api_url, "https://h/git/api/v4");
}

TEST(Loader, ChecksRepositories) {
  for (const Bad& bad : {
           Bad{"version: 1\nrepos: [{internal: https://a/x, external: https://b/x}]",
               "2:9: error: repos[0].name is missing"},
           Bad{"version: 1\nrepos: [{name: x, external: https://b/x}]",
               "2:9: error: repos[0].internal is missing"},
           Bad{"version: 1\nrepos: [{name: ../x, internal: https://a/x, external: https://b/x}]",
               "2:16: error: "},
           Bad{"version: 1\nrepos: [{name: x, internal: http://a/x, external: https://b/x}]",
               "2:29: error: "},
           Bad{"version: 1\nrepos: [{name: x, internal: \"https://u:S3CRET@a/x\", external: https://b/x}]",
               "2:29: error: the address holds a user name or password"},
           Bad{"version: 1\nrepos: [{name: x, internal: \"https://S3CRET@a/x\", external: https://b/x}]",
               "2:29: error: the address holds a user name or password"},
           Bad{"version: 1\nrepos: [{name: x, internal: https://a/X.git, external: \"git@a:x\"}]",
               "2:56: error: internal and external are the same repository"},
           Bad{repository("  - {name: x, internal: https://a/y, external: https://b/y}\n"),
               "6:12: error: a second repository named 'x'"},
           Bad{repository("    granularity: all\n    branches: [{internal: a, external: a}]\n"),
               "7:15: error: granularity all syncs every branch"},
           Bad{repository("    branches: [{internal: a, external: b}, {internal: a, external: b}]\n"),
               "6:44: error: this pair of branches is bound twice"},
           Bad{repository("    branches: [{internal: a}]\n"),
               "6:16: error: repos[0].branches[0].external is missing"},
           Bad{repository("    branches: [{internal: --upload-pack=x, external: b}]\n"), "6:27: error: "},
           Bad{repository("    branches: [{internal: a, external: \"b c\"}]\n"), "6:40: error: "},
       }) {
    expect_error(bad);
    EXPECT_EQ(text_of(load(bad.text)).find("S3CRET"), std::string::npos);
  }
}

TEST(Loader, ReportsEverythingThatIsWrongAtOnce) {
  const auto loaded = load("version: 1\nserver: {listen: x}\nsync: {workers: none}\nrepos: [{name: .x}]\n");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().size(), 5U) << text_of(loaded);
}

TEST(Loader, BoundsTheNumberOfErrors) {
  std::string text = "version: 1\nrepos:\n";
  for (int i = 0; i < 1000; ++i) text += "  - x\n";
  const auto loaded = load(text);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().size(), 100U);
}

TEST(Loader, TakesLevelAndFormOfTheLog) {
  const auto plain = load("version: 1\n");
  ASSERT_TRUE(plain) << text_of(plain);
  EXPECT_EQ(plain->log, (Log{"info", "auto"}));
  const auto written = load("version: 1\nlog: {level: debug, format: logfmt}\n");
  ASSERT_TRUE(written) << text_of(written);
  EXPECT_EQ(written->log, (Log{"debug", "logfmt"}));
  const auto variables =
      load_text("version: 1\nlog: {level: debug}\n", "f",
                environment_of({{"GITFERRY_LOG_LEVEL", "error"}, {"GITFERRY_LOG_FORMAT", "json"}}));
  ASSERT_TRUE(variables) << text_of(variables);
  EXPECT_EQ(variables->log, (Log{"error", "json"}));
  for (const auto* wrong : {"level: loud", "format: xml", "levle: info"}) {
    const auto loaded = load(std::string("version: 1\nlog: {") + wrong + "}\n");
    ASSERT_FALSE(loaded) << wrong;
    EXPECT_NE(text_of(loaded).find(":2:"), std::string::npos) << text_of(loaded);
  }
}

TEST(Loader, LetsTheEnvironmentReplaceScalars) {
  const auto config = load_text("version: 1\nsync: {workers: 2}\n", "f",
                                environment_of({{"GITFERRY_SERVER_LISTEN", "127.0.0.1:1"},
                                                {"GITFERRY_STORAGE_URL", "sqlite:/x.db"},
                                                {"GITFERRY_STORAGE_KEY_FILE", "/keys/x"},
                                                {"GITFERRY_SYNC_WORKERS", "5"},
                                                {"GITFERRY_SYNC_TIMEOUTS_TOTAL", "1m"},
                                                {"GITFERRY_SYNC_RECONCILE_INTERVAL", "off"},
                                                {"GITFERRY_STORAGE_KEEP_RUNS_AGE", "2d"},
                                                {"SYNC_DIR", "/short"},
                                                {"GITFERRY_SYNC_SYNC_DIR", "/long"},
                                                {"GITFERRY_SYNC_PER_HOST", ""},
                                                {"LOG_DETAIL", "False"},
                                                {"DELETE_SYNC_DIR", "True"},
                                                {"GITFERRY_SYNC_ENGINE", "mirror"}}));
  ASSERT_TRUE(config) << text_of(config);
  EXPECT_EQ(config->server.listen_port, 1);
  EXPECT_EQ(config->database_path, "/x.db");
  EXPECT_EQ(config->key_file, "/keys/x");
  EXPECT_EQ(config->sync.workers, 5);
  EXPECT_EQ(config->sync.timeouts.total.count(), 60'000);
  EXPECT_EQ(config->sync.reconcile_interval.count(), 0);
  EXPECT_EQ(config->history.runs, (Retention{100'000, std::chrono::days{2}}));
  EXPECT_EQ(config->sync.sync_dir, "/long");
  EXPECT_EQ(config->sync.per_host, 4);
  EXPECT_TRUE(config->sync.delete_sync_dir);
  EXPECT_EQ(config->sync.engine, "mirror");
  EXPECT_FALSE(config->sync.log_detail);
  EXPECT_EQ(std::count(config->overridden_by.begin(), config->overridden_by.end(), "GITFERRY_SYNC_WORKERS"),
            1);
}

TEST(Loader, TakesTheUsualBooleansFromTheEnvironment) {
  for (const auto& [text, expected] : std::map<std::string, bool>{{"true", true},
                                                                  {"TRUE", true},
                                                                  {"1", true},
                                                                  {"yes", true},
                                                                  {"on", true},
                                                                  {"false", false},
                                                                  {"False", false},
                                                                  {"0", false},
                                                                  {"no", false},
                                                                  {"OFF", false}}) {
    const auto config = load_text("version: 1", "f", environment_of({{"LOG_DETAIL", text}}));
    ASSERT_TRUE(config) << text_of(config);
    EXPECT_EQ(config->sync.log_detail, expected) << text;
  }
}

TEST(Loader, NamesTheVariableOfABadValue) {
  for (const auto& [variable, value] :
       std::map<std::string, std::string>{{"LOG_DETAIL", "maybe"},
                                          {"DELETE_SYNC_DIR", "2"},
                                          {"GITFERRY_SYNC_WORKERS", "many"},
                                          {"GITFERRY_SERVER_LISTEN", "0.0.0.0:80"},
                                          {"SYNC_DIR", "tmp"},
                                          {"GITFERRY_SERVER_BEHIND_PROXY", "x"},
                                          {"GITFERRY_STORAGE_URL", "x"},
                                          {"GITFERRY_SYNC_TIMEOUTS_STALL", "1"},
                                          {"GITFERRY_SYNC_RECONCILE_INTERVAL", "no"},
                                          {"GITFERRY_SERVER_LIMITS_REQUESTS_BURST", "0"},
                                          {"GITFERRY_STORAGE_KEEP_DELIVERIES_AGE", "1h"}}) {
    const auto loaded = load_text("version: 1", "f", environment_of({{variable, value}}));
    ASSERT_FALSE(loaded) << variable;
    ASSERT_EQ(loaded.error().size(), 1U) << text_of(loaded);
    EXPECT_TRUE(loaded.error()[0].str().starts_with("environment variable " + variable + ": error: "))
        << text_of(loaded);
  }
}

TEST(Loader, TakesTheExampleThatUsersStartFrom) {
  const auto config = load_file(std::string(GITFERRY_SOURCE_DIR) + "/examples/gitferry.yaml",
                                [](const std::string& name) -> std::optional<std::string> {
                                  const bool is_secret = name.find("TOKEN") != std::string::npos ||
                                                         name.find("HOOK") != std::string::npos;
                                  if (!is_secret) return std::nullopt;
                                  return kHookSecret;
                                });
  ASSERT_TRUE(config) << text_of(config);
  EXPECT_EQ(config->bindings.repositories.size(), 5U);
}

TEST(Loader, KeepsTheKeyInTheDataDirectoryUnlessToldOtherwise) {
  for (const auto& [url, expected] : std::map<std::string, std::string>{
           {"sqlite:/var/lib/x/g.db", "/var/lib/x/sealing-key"}, {"sqlite:g.db", "./sealing-key"}}) {
    const auto config = load("version: 1\nstorage: {url: \"" + url + "\"}\n");
    ASSERT_TRUE(config) << text_of(config);
    EXPECT_EQ(config->key_file, expected);
  }
}

TEST(Loader, ReadsAFileOfManyRepositories) {
  std::string text = "version: 1\nrepos:\n";
  for (int i = 0; i < 10'000; ++i)
    text += "  - {name: r" + std::to_string(i) + ", internal: \"https://a.example/r" + std::to_string(i) +
            "\", external: \"https://b.example/r" + std::to_string(i) +
            "\", branches: [{internal: main, external: main}]}\n";
  ASSERT_GT(text.size(), 1024U * 1024U);
  const TempDir dir;
  const auto config = load_file(dir.write("many.yaml", text), kNoEnvironment);
  ASSERT_TRUE(config) << text_of(config);
  EXPECT_EQ(config->bindings.repositories.size(), 10'000U);
}

TEST(Loader, S20_RefusesAFileBeyondTheLimitWithoutReadingItToItsEnd) {
  const TempDir dir;
  const std::string path = dir.write("endless.yaml", "version: 1\n");
  std::filesystem::resize_file(path, std::uintmax_t{1} << 40);  // sparse: nothing of it is on the disk
  const auto config = load_file(path, kNoEnvironment);
  ASSERT_FALSE(config);
  EXPECT_NE(text_of(config).find("larger than 16 MiB"), std::string::npos) << text_of(config);
}

TEST(Loader, SaysWhenTheFileCannotBeRead) {
  const TempDir dir;
  for (const auto& path : {dir.path("missing.yaml"), dir.path("")}) {
    const auto loaded = load_file(path, kNoEnvironment);
    ASSERT_FALSE(loaded);
    EXPECT_NE(text_of(loaded).find("cannot read the configuration"), std::string::npos);
  }
}

}  // namespace
}  // namespace gitferry::config

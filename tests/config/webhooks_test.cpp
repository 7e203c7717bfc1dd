#include "config/webhooks.h"

#include <string>
#include <vector>

#include "tests/config/support.h"

namespace gitferry::config {
namespace {

const Environment kSecrets =
    environment_of({{"HOOK", kHookSecret},
                    {"OLD", "the old secret of the test"},
                    {"PLAIN", "0123456789abcdef"},
                    {"SHORT", "S3CRET-short-15"},
                    {"BLANK", "                    "},
                    {"ENDS", "S3CRET with an end "},
                    {"EMPTY", ""},
                    {"NOKEY", "whsec_S3CRET-not-base64!"},
                    {"KEY23", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="},
                    {"KEY65",
                     "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3"
                     "ODkwMTIzNDU2Nzg5MDEyMzQ="}});

/// A repository with one webhook; its keys begin in line 6, column 26.
Loaded load_side(const std::string& webhook) {
  return load_text(
      "version: 1\nrepos:\n  - name: x\n    internal: https://a/x\n    external: https://b/x\n    webhook: "
      "{internal: {" +
          webhook + "}}\n",
      "f.yaml", kSecrets);
}

/// One hook of an organisation; its keys begin in line 3, column 6.
Loaded load_hook(const std::string& hook) {
  return load_text("version: 1\nwebhooks:\n  - {" + hook + "}\n", "f.yaml", kSecrets);
}

const WebhookSource& source_of(const Loaded& loaded) {
  return *loaded->bindings.find("x")->internal_webhook;
}

struct Bad {
  std::string text;
  std::string expected;  ///< position and beginning of the message of the only error
};

void expect_one_error(const Loaded& loaded, const Bad& bad) {
  ASSERT_FALSE(loaded) << bad.text;
  EXPECT_EQ(loaded.error().size(), 1U) << bad.text << "\n" << text_of(loaded);
  EXPECT_EQ(text_of(loaded).find("f.yaml:" + bad.expected), 0U)
      << "expected f.yaml:" << bad.expected << "\ngot " << text_of(loaded);
  EXPECT_EQ(text_of(loaded).find("S3CRET"), std::string::npos) << text_of(loaded);
}

TEST(Webhooks, EveryProviderCanBeConfiguredWithEachOfItsSchemes) {
  for (const auto& kind : webhook_kinds()) {
    for (const auto scheme : kind.schemes) {
      std::string text =
          "provider: " + std::string(kind.provider) + ", scheme: " + std::string(name_of(scheme));
      text += scheme == WebhookScheme::None ? ", allow_cidrs: [192.0.2.1]" : ", secret_env: HOOK";
      if (kind.is_sha1_only) text += ", allow_sha1: true";
      const auto loaded = load_side(text);
      ASSERT_TRUE(loaded) << text << text_of(loaded);
      EXPECT_EQ(source_of(loaded).provider, kind.provider);
      EXPECT_EQ(source_of(loaded).scheme, scheme);
      EXPECT_EQ(source_of(loaded).secrets.size(), scheme == WebhookScheme::None ? 0U : 1U);
      EXPECT_TRUE(load_hook(text + ", instance: \"https://git.example.org\"")) << text;
    }
  }
}

TEST(Webhooks, TheFirstSchemeOfAProviderIsItsDefault) {
  EXPECT_EQ(source_of(load_side("provider: gitlab, secret_env: PLAIN")).scheme, WebhookScheme::Token);
  EXPECT_EQ(source_of(load_side("provider: github, secret_env: PLAIN")).scheme, WebhookScheme::Hmac);
  EXPECT_EQ(source_of(load_side("provider: azure, secret_env: PLAIN")).scheme, WebhookScheme::Basic);
}

TEST(Webhooks, TakeSeveralSecretsEachWithAnEnd) {
  const auto loaded = load_side(
      "provider: github, secrets: [{env: HOOK}, {env: OLD, not_after: \"2001-01-31T00:00:00Z\"}, {env: "
      "PLAIN, "
      "not_after: 2101-01-31T00:00:00Z}]");
  ASSERT_TRUE(loaded) << text_of(loaded);
  const auto& secrets = source_of(loaded).secrets;
  ASSERT_EQ(secrets.size(), 3U);
  EXPECT_FALSE(secrets[0].not_after);
  EXPECT_EQ(secrets[1].value.reveal(), "the old secret of the test") << "an expired one is loaded, too";
  EXPECT_EQ(to_epoch_ms(secrets[1].not_after.value_or(WallTime{})), 980'899'200'000);
  EXPECT_TRUE(loaded->warnings.empty());
  const auto& origins = loaded->webhook_sources.at({"x", Side::Internal});
  EXPECT_EQ(origins.secrets, (std::vector<SecretSource>{{"", "HOOK"}, {"", "OLD"}, {"", "PLAIN"}}));
}

TEST(Webhooks, TakeWhatTheirSchemeHas) {
  const auto basic = load_side("provider: bitbucket-server, scheme: basic, username: bot, secret_env: PLAIN");
  ASSERT_TRUE(basic) << text_of(basic);
  EXPECT_EQ(source_of(basic).username, "bot");
  const auto gitea = load_side("provider: gitea, secret_env: PLAIN, authorization_env: OLD");
  ASSERT_TRUE(gitea) << text_of(gitea);
  ASSERT_TRUE(source_of(gitea).authorization);
  EXPECT_EQ(source_of(gitea).authorization->reveal(), "the old secret of the test");
  EXPECT_EQ(gitea->webhook_sources.at({"x", Side::Internal}).authorization, (SecretSource{"", "OLD"}));
  const auto signing = load_side("provider: gitlab, scheme: signing, secret_env: HOOK, tolerance: 1h");
  ASSERT_TRUE(signing) << text_of(signing);
  EXPECT_EQ(source_of(signing).tolerance, std::chrono::hours{1});
  const auto github =
      load_side("provider: github, secret_env: PLAIN, allow_sha1: true, allow_cidrs: [\"fd00::/8\"]");
  ASSERT_TRUE(github) << text_of(github);
  EXPECT_TRUE(source_of(github).allow_sha1);
  ASSERT_EQ(source_of(github).allow_addresses.size(), 1U);
  EXPECT_TRUE(source_of(github).allow_addresses[0].contains(*parse_ip_address("fd00::1")));
}

TEST(Webhooks, S33_NoneIsLoadedWithoutASecretThatCountsForSomething) {
  for (const Bad& bad : {
           Bad{"provider: github",
               "6:25: error: repos[0].webhook.internal has no secret (give it secret_file"},
           Bad{"provider: github, secret_env: EMPTY", "6:56: error: the environment variable EMPTY is empty"},
           Bad{"provider: github, secret_env: MISSING",
               "6:56: error: the environment variable MISSING is not set"},
           Bad{"provider: github, secret_env: SHORT",
               "6:56: error: the environment variable SHORT is shorter than 16 characters (make one with: "
               "openssl "
               "rand -hex 32)"},
           Bad{"provider: gitee, scheme: password, secret_env: SHORT",
               "6:73: error: the environment variable SHORT"},
           Bad{"provider: github, secrets: []",
               "6:53: error: repos[0].webhook.internal.secrets takes 1 to 8 secrets"},
           Bad{"provider: github, secrets: [{}]",
               "6:54: error: repos[0].webhook.internal.secrets[0] has no secret (give it file or env)"},
           Bad{"provider: github, secrets: [{env: HOOK}, {env: SHORT}]",
               "6:73: error: the environment variable SHORT is shorter than 16 characters"},
           Bad{"provider: gitlab, scheme: signing, secret_env: NOKEY",
               "6:73: error: the environment variable NOKEY holds no signing key: base64 of 24 to 64 bytes"},
           Bad{"provider: standard, secret_env: KEY23",
               "6:58: error: the environment variable KEY23 holds no signing"},
           Bad{"provider: standard, secret_env: KEY65",
               "6:58: error: the environment variable KEY65 holds no signing"},
           Bad{"provider: standard, secret_env: OLD",
               "6:58: error: the environment variable OLD holds no signing"},
           Bad{"provider: gerrit",
               "6:25: error: repos[0].webhook.internal proves itself by nothing, so it must say where "
               "deliveries may "
               "come from (for example: allow_cidrs: [192.0.2.10])"},
           Bad{"provider: gerrit, allow_cidrs: []",
               "6:25: error: repos[0].webhook.internal proves itself by nothing"},
       })
    expect_one_error(load_side(bad.text), bad);
  const auto blank = load_side("provider: github, secret_env: BLANK");
  ASSERT_FALSE(blank) << "white space is no secret";
}

TEST(Webhooks, AreRefusedWhereTheirKeysDoNotFitEachOther) {
  for (const Bad& bad : {
           Bad{"secret_env: HOOK", "6:25: error: repos[0].webhook.internal.provider is missing"},
           Bad{"provider: githb, secret_env: HOOK",
               "6:36: error: repos[0].webhook.internal.provider must be one of github, gitlab, gitea, "
               "forgejo, gogs, "
               "gitee, gitcode, codeup, coding, tencent, bitbucket, bitbucket-server, azure, gerrit, "
               "standard (did you "
               "mean 'github'?)"},
           Bad{"provider: github, scheme: hmca, secret_env: HOOK",
               "6:52: error: repos[0].webhook.internal.scheme must be one of"},
           Bad{"provider: gitlab, scheme: hmac, secret_env: HOOK",
               "6:52: error: a webhook of gitlab proves itself by token or signing, not hmac (use scheme: "
               "token)"},
           Bad{"provider: github, secret_env: HOOK, secret_file: /x",
               "6:56: error: repos[0].webhook.internal.secret_file and secret_env exclude each other"},
           Bad{"provider: github, secret_env: HOOK, secrets: [{env: HOOK}]",
               "6:71: error: repos[0].webhook.internal.secrets and secret_file or secret_env exclude each "
               "other (put "
               "all of them under secrets)"},
           Bad{"provider: github, secrets: [{env: HOOK, file: /x}]",
               "6:60: error: repos[0].webhook.internal.secrets[0].file and env exclude each other"},
           Bad{"provider: github, secrets: [HOOK]",
               "6:54: error: repos[0].webhook.internal.secrets[0] must be a mapping of keys, not a single "
               "value"},
           Bad{"provider: github, secrets: [{env: HOOK, until: x}]",
               "6:66: error: unknown key 'until' in repos[0].webhook.internal.secrets[0]"},
           Bad{"provider: github, secrets: [{env: HOOK, not_after: tomorrow}]",
               "6:77: error: repos[0].webhook.internal.secrets[0].not_after must be a time in UTC (for "
               "example: "
               "\"2027-01-31T00:00:00Z\")"},
           Bad{"provider: coding, secret_env: PLAIN",
               "6:25: error: a webhook of coding can only be signed by HMAC-SHA1 (say allow_sha1: true to "
               "take it)"},
           Bad{"provider: coding, secret_env: PLAIN, allow_sha1: false",
               "6:75: error: a webhook of coding can only be"},
           Bad{"provider: gitlab, secret_env: PLAIN, allow_sha1: true",
               "6:75: error: a webhook of gitlab is never signed by SHA-1 (remove allow_sha1)"},
           Bad{"provider: github, secret_env: PLAIN, username: bot",
               "6:73: error: repos[0].webhook.internal.username means something for scheme basic only "
               "(remove it)"},
           Bad{"provider: github, secret_env: PLAIN, tolerance: 5m",
               "6:74: error: repos[0].webhook.internal.tolerance means something for scheme signing or sign "
               "only"},
           Bad{"provider: gitlab, scheme: signing, secret_env: HOOK, tolerance: 61m",
               "6:90: error: repos[0].webhook.internal.tolerance must be a duration from 1s to 1h in steps "
               "of 1s"},
           Bad{"provider: gitee, secret_env: PLAIN, tolerance: 1500ms",
               "6:73: error: repos[0].webhook.internal.tol"},
           Bad{"provider: github, secret_env: PLAIN, authorization_env: OLD",
               "6:82: error: a webhook of github sends no Authorization of your choice (remove it; gitea, "
               "forgejo and "
               "gogs do)"},
           Bad{"provider: gitea, secret_env: PLAIN, authorization_env: EMPTY",
               "6:81: error: the environment variable EMPTY is empty"},
           Bad{"provider: gitea, secret_env: PLAIN, authorization: \"Bearer S3CRET\"",
               "6:62: error: secrets are never written into the configuration (use authorization_file or"},
           Bad{"provider: github, secret_env: PLAIN, allow_cidrs: [10.0.0.0/99]",
               "6:77: error: repos[0].webhook.internal.allow_cidrs takes address ranges"},
           Bad{"provider: gerrit, secret_env: PLAIN, allow_cidrs: [10.0.0.1]",
               "6:56: error: repos[0].webhook.internal proves itself by nothing, so a secret would protect "
               "nothing"},
           Bad{"provider: github, secrets: [{value: S3CRET}]",
               "6:55: error: secrets are never written into the configuration (use file or env)"},
       }) {
    const auto loaded = load_side(bad.text);
    ASSERT_FALSE(loaded) << bad.text;
    EXPECT_EQ(text_of(loaded).find("f.yaml:" + bad.expected), 0U)
        << bad.text << "\nexpected f.yaml:" << bad.expected << "\ngot " << text_of(loaded);
    EXPECT_EQ(text_of(loaded).find("S3CRET"), std::string::npos) << text_of(loaded);
  }
}

TEST(Webhooks, MoreSecretsThanAnybodyRotatesAreRefused) {
  std::string list = "{env: HOOK}";
  for (int i = 1; i < 8; ++i) list += ", {env: HOOK}";
  EXPECT_TRUE(load_side("provider: github, secrets: [" + list + "]"));
  EXPECT_FALSE(load_side("provider: github, secrets: [" + list + ", {env: HOOK}]"));
}

std::string warnings_of(const Loaded& loaded) {
  std::string text;
  if (loaded)
    for (const auto& warning : loaded->warnings) text += warning.str() + "\n";
  return text;
}

TEST(Webhooks, AreWarnedOfWhereTheyAreProbablyNotMeantSo) {
  const auto ends = load_side("provider: github, secret_env: ENDS");
  ASSERT_TRUE(ends) << text_of(ends);
  EXPECT_EQ(source_of(ends).secrets.at(0).value.reveal(), "S3CRET with an end ");
  EXPECT_EQ(warnings_of(ends),
            "f.yaml:6:56: warning: the environment variable ENDS begins or ends with white space, which "
            "counts as a "
            "part of it (take it away, unless the git host has it, too)\n");
  const auto expired = load_side(
      "provider: github, secrets: [{env: OLD, not_after: \"2001-01-31T00:00:00Z\"}, {env: HOOK, not_after: "
      "\"2002-01-31T00:00:00Z\"}]");
  ASSERT_TRUE(expired) << text_of(expired);
  EXPECT_EQ(warnings_of(expired),
            "f.yaml:6:53: warning: every secret of repos[0].webhook.internal has expired: nothing can be "
            "proven by it "
            "(add one that is in force)\n");
  EXPECT_EQ(warnings_of(load_side("provider: github, secret_env: HOOK")), "");
}

TEST(Hooks, BelongToAnInstanceAndToOwners) {
  const auto loaded = load_hook(
      "name: group-a, provider: gitlab, instance: \"https://GitLab.corp:8443/git/\", scheme: token, "
      "secret_env: "
      "PLAIN, owners: [Group-A, /acme/Sub/]");
  ASSERT_TRUE(loaded) << text_of(loaded);
  ASSERT_EQ(loaded->bindings.hooks.size(), 1U);
  const auto& hook = loaded->bindings.hooks.front();
  EXPECT_EQ(hook.name, "group-a");
  EXPECT_EQ(hook.source.provider, "gitlab");
  EXPECT_EQ(hook.source.secrets.at(0).value.reveal(), "0123456789abcdef");
  EXPECT_EQ(hook.instance.str(), "https://gitlab.corp:8443/git");
  EXPECT_EQ(hook.owners, (std::vector<std::string>{"group-a", "acme/sub"}));
  EXPECT_EQ(loaded->hook_sources.at("group-a").secrets, (std::vector<SecretSource>{{"", "PLAIN"}}));
}

TEST(Hooks, TakeThePublicInstanceAndANameFromIt) {
  const auto loaded = load_hook("provider: github, secret_env: PLAIN");
  ASSERT_TRUE(loaded) << text_of(loaded);
  const auto& hook = loaded->bindings.hooks.at(0);
  EXPECT_EQ(hook.name, "github@github.com");
  EXPECT_EQ(hook.instance.str(), "https://github.com");
  EXPECT_EQ(hook.instance.path, "");
  EXPECT_TRUE(hook.owners.empty());
  const auto own = load_hook("provider: gitea, instance: \"http://[fd00::1]:3000\", secret_env: PLAIN");
  ASSERT_TRUE(own) << text_of(own);
  EXPECT_EQ(own->bindings.hooks.at(0).name, "gitea@[fd00::1]:3000");
}

TEST(Hooks, OfOneInstanceAndEvenOneSecretAreSeveralWithNamesOfTheirOwn) {
  const std::string two =
      "provider: github, secret_env: PLAIN, owners: [a]}\n  - {name: other, provider: github, secret_env: "
      "PLAIN";
  const auto loaded = load_hook(two);
  ASSERT_TRUE(loaded) << text_of(loaded);
  EXPECT_EQ(loaded->bindings.hooks.size(), 2U);
  expect_one_error(
      load_hook("provider: github, secret_env: PLAIN}\n  - {provider: github, secret_env: HOOK"),
      {"two of one name", "4:5: error: a second webhook named 'github@github.com' (give each its own name)"});
}

TEST(Hooks, AreRefusedWhereTheyAreWrong) {
  for (const Bad& bad : {
           Bad{"provider: gitea, secret_env: PLAIN",
               "3:5: error: webhooks[0].instance is missing (for example: "
               "instance: \"https://git.example.org\")"},
           Bad{"provider: github, instance: github.com, secret_env: PLAIN",
               "3:34: error: webhooks[0].instance is not the address of a git host (for example: "
               "\"https://git.example.org\", without user info)"},
           Bad{"provider: github, instance: \"ssh://git@github.com\", secret_env: PLAIN",
               "3:34: error: webhooks[0].ins"},
           Bad{"provider: github, instance: \"https://\", secret_env: PLAIN",
               "3:34: error: webhooks[0].instance is not"},
           Bad{"provider: github, instance: \"https://u:S3CRET@github.com\", secret_env: PLAIN",
               "3:34: error: webho"},
           Bad{"provider: github, instance: [], secret_env: PLAIN",
               "3:34: error: webhooks[0].instance must be text"},
           Bad{"provider: github, name: \"a b\", secret_env: PLAIN",
               "3:30: error: webhooks[0].name takes up to 128 characters of ASCII without white space"},
           Bad{"provider: github, name: " + std::string(129, 'x') + ", secret_env: PLAIN",
               "3:30: error: webhooks[0].na"},
           Bad{"provider: github, owners: [a//b], secret_env: PLAIN",
               "3:33: error: webhooks[0].owners takes the beginnings of repositories' full names (for "
               "example: acme or "
               "group/subgroup)"},
           Bad{"provider: github, owners: [\"/\"], secret_env: PLAIN",
               "3:33: error: webhooks[0].owners takes"},
           Bad{"provider: github, owners: [../a], secret_env: PLAIN",
               "3:33: error: webhooks[0].owners takes"},
           Bad{"provider: github, owners: [\"acme/*\"], secret_env: PLAIN",
               "3:33: error: webhooks[0].owners takes"},
           Bad{"provider: github, owners: acme, secret_env: PLAIN",
               "3:32: error: webhooks[0].owners must be a list"},
           Bad{"provider: github, owner: [acme], secret_env: PLAIN",
               "3:24: error: unknown key 'owner' in webhooks[0] (did you mean 'owners'?)"},
           Bad{"provider: github",
               "3:5: error: webhooks[0] has no secret (give it secret_file or secret_env)"},
           Bad{"provider: github, secret: S3CRET",
               "3:24: error: secrets are never written into the configuration"},
       }) {
    const auto loaded = load_hook(bad.text);
    ASSERT_FALSE(loaded) << bad.text;
    EXPECT_EQ(text_of(loaded).find("f.yaml:" + bad.expected), 0U)
        << bad.text << "\nexpected f.yaml:" << bad.expected << "\ngot " << text_of(loaded);
    EXPECT_EQ(text_of(loaded).find("S3CRET"), std::string::npos) << text_of(loaded);
  }
}

}  // namespace
}  // namespace gitferry::config

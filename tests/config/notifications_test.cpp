#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "config/print.h"
#include "tests/config/support.h"

namespace gitferry::config {
namespace {

Loaded load(const std::string& rest) {
  return load_text("version: 1\n" + rest, "f",
                   environment_of({{"URL", "https://hooks.example/S3CR3T"},
                                   {"PLAIN", "http://hooks.example/S3CR3T"},
                                   {"BAD", "S3CR3T"},
                                   {"KEY", kHookSecret}}));
}

Loaded with_channel(const std::string& channel) {
  return load("notifications: {channels: [{" + channel + "}]}");
}

constexpr const char* kMail =
    "name: a, kind: email, smtp: \"mail.example:587\", from: a@b.example, to: [c@d.example]";

TEST(Notifications, TakesEveryKind) {
  for (const std::string kind : {"slack", "dingtalk", "feishu", "wecom"}) {
    const auto config = with_channel("name: a, url_env: URL, kind: " + kind);
    ASSERT_TRUE(config) << text_of(config);
    EXPECT_EQ(config->notifications.channels.at(0).kind, kind);
    EXPECT_EQ(config->notifications.channels[0].events.size(), 7U);
  }
  const auto config = load(R"(server: {public_url: "https://sync.example/gitferry", public_badges: ["docs-*"]}
notifications:
  after_attempts: 3
  after: 2m
  channels:
    - {name: hook, kind: webhook, url_env: URL, secret_env: KEY, events: [failed, recovered], repos: ["a-*"], digest: 5m}
    - {name: mail, kind: email, smtp: "[::1]:25", security: none, from: a@b.example, to: [c@d.example], language: zh,
       text: "{{repo}}: {{title}}"}
)");
  ASSERT_TRUE(config) << text_of(config);
  EXPECT_EQ(config->server.public_url, "https://sync.example/gitferry");
  const auto& notifications = config->notifications;
  EXPECT_EQ(notifications.after_attempts, 3);
  EXPECT_EQ(notifications.after, std::chrono::minutes(2));
  EXPECT_EQ(notifications.channels.at(0).events, (std::vector<std::string>{"failed", "recovered"}));
  EXPECT_EQ(notifications.channels.at(0).digest, std::chrono::minutes(5));
  EXPECT_EQ(notifications.channels.at(1).smtp_host, "::1");
  const auto printed = to_yaml(*config, config->bindings);
  EXPECT_EQ(printed.find("S3CR3T"), std::string::npos);
  const auto again = load_text(
      printed, "printed", environment_of({{"URL", "https://hooks.example/S3CR3T"}, {"KEY", kHookSecret}}));
  ASSERT_TRUE(again) << text_of(again) << printed;
  EXPECT_EQ(again->notifications, notifications);
  EXPECT_EQ(again->server, config->server);
}

TEST(Notifications, SignsWithTwoSecretsWhileOneIsExchanged) {
  const auto config =
      with_channel("name: a, kind: webhook, url_env: URL, secret_env: KEY, old_secret_env: KEY");
  ASSERT_TRUE(config) << text_of(config);
  const auto& channel = config->notifications.channels.at(0);
  ASSERT_TRUE(channel.old_secret);
  EXPECT_EQ(channel.old_secret->env, "KEY");
  const auto printed = to_yaml(*config, config->bindings);
  EXPECT_NE(printed.find("old_secret_env"), std::string::npos) << printed;
}

TEST(Notifications, WarnsThatMailDoesNotGoThroughTheProxy) {
  const std::string mail = std::string("notifications: {channels: [{") + kMail + "}]}\n";
  const auto warnings = [&](const std::string& network) {
    const auto config = load(network + "\n" + mail);
    EXPECT_TRUE(config) << text_of(config);
    return config ? config->warnings : std::vector<Diagnostic>{};
  };
  const auto told = warnings("network: {proxy: \"http://proxy.example:3128\"}");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_NE(told[0].str().find("mail goes to 'mail.example' directly"), std::string::npos) << told[0].str();
  EXPECT_TRUE(warnings("network: {proxy: \"http://proxy.example:3128\", no_proxy: [.example]}").empty());
  EXPECT_EQ(warnings("network: {proxy: \"http://proxy.example:3128\", no_proxy: [.elsewhere]}").size(), 1U);
  EXPECT_TRUE(warnings("network: {}").empty());
}

TEST(Notifications, RefusesWhatWouldNotBeSentAndShowsNoSecret) {
  const std::string slack = "name: a, kind: slack, url_env: URL";
  const std::string mail = kMail;
  for (const auto& [channel, said] : std::vector<std::pair<std::string, std::string>>{
           {"kind: slack, url_env: URL", ".name is missing"},
           {"name: a, url_env: URL", ".kind is missing"},
           {"name: \"a b\", kind: slack, url_env: URL", "takes up to 64 letters"},
           {"name: a, kind: slak, url_env: URL", "did you mean 'slack'?"},
           {"name: a, kind: slack", "has no address"},
           {"name: a, kind: slack, url: \"https://x/S3CR3T\"", "use url_file or url_env"},
           {"name: a, kind: slack, url_env: NONE", "NONE"},
           {"name: a, kind: slack, url_env: BAD", "begins with https://"},
           {"name: a, kind: slack, url_env: PLAIN", "without TLS"},
           {slack + ", secret_env: KEY", "does nothing here"},
           {slack + ", to: [c@d.example]", "does nothing here"},
           {slack + ", events: [faild]", "did you mean 'failed'?"},
           {slack + ", text: \"{{nothing}}\"", "there is no field 'nothing'"},
           {slack + ", text: \"{{repo\"", "has no '}}'"},
           {slack + ", digest: 2d", "a duration from 1s to"},
           {slack + ", language: de", "must be one of en, zh"},
           {"name: a, kind: webhook, url_env: URL", "has no secret to sign with"},
           {"name: a, kind: webhook, url_env: URL, secret_env: BAD", "holds no signing key"},
           {"name: a, kind: webhook, url_env: URL, secret_env: KEY, text: x", "a webhook gets JSON"},
           {"name: a, kind: webhook, url_env: URL, secret_env: KEY, old_secret_env: BAD",
            "holds no signing key"},
           {"name: a, kind: webhook, url_env: URL, secret_env: KEY, old_secret_env: KEY, old_secret_file: x",
            "exclude each other"},
           {"name: a, kind: webhook, url_env: URL, old_secret_env: KEY", "has no secret to sign with"},
           {"name: a, kind: feishu, url_env: URL, secret_env: KEY, old_secret_env: KEY", "two signatures"},
           {slack + ", old_secret_env: KEY", "two signatures"},
           {mail + ", old_secret_env: KEY", "does nothing here"},
           {mail + ", url_env: URL", "does nothing here"},
           {mail + ", username: u", "a login has"},
           {mail + ", username: u, password_env: BAD, security: none", "could read the password"},
           {"name: a, kind: email, smtp: mail.example, from: a@b.example, to: [c@d.example]",
            "must be host:port"},
           {"name: a, kind: email, smtp: \"m:25\", from: \"A <a@b>\", to: [c@d.example]",
            "takes plain addresses"},
           {"name: a, kind: email, smtp: \"m:25\", from: a@b.example, to: [\"c@d\\r\\nBcc: e@f\"]",
            "takes plain addresses"},
           {"name: a, kind: email, smtp: \"m:25\", from: a@b.example, to: []", "takes 1 to 50"},
       }) {
    const auto loaded = with_channel(channel);
    ASSERT_FALSE(loaded) << channel;
    EXPECT_NE(text_of(loaded).find(said), std::string::npos) << channel << "\n" << text_of(loaded);
    EXPECT_EQ(text_of(loaded).find("S3CR3T"), std::string::npos) << channel;
  }
  EXPECT_FALSE(load("notifications: {channels: [{" + slack + "}, {" + slack + "}]}"));
  std::string many;
  for (int i = 0; i < 17; ++i) many += "{name: c" + std::to_string(i) + ", kind: slack, url_env: URL},";
  EXPECT_FALSE(load("notifications: {channels: [" + many + "]}"));
  EXPECT_TRUE(
      load("network: {allow_schemes: [http]}\nnotifications: {channels: [{name: a, kind: slack, url_env: "
           "PLAIN}]}"));
  for (const std::string url : {"ftp://x/", "https://u:S3CR3T@x/", "https://x/?a", "x"}) {
    EXPECT_FALSE(load("server: {public_url: \"" + url + "\"}")) << url;
  }
}

}  // namespace
}  // namespace gitferry::config

// The story of a webhook: `gitferry hooks install` sets it up at the host, the host announces a push with it,
// the branch arrives, and `gitferry hooks check` says so.

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <json/value.h>

#include "tests/e2e/two_hosts.h"
#include "tests/support/hosting_api.h"

namespace gitferry::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kProject = "git/robot";  // what the internal host's address names

class HooksCommand : public ::testing::Test {
 protected:
  /// The internal host's web API is another server: as where git and the API have names of their own.
  void start(const std::string& kind, const std::string& scheme) {
    api = std::make_unique<HostingApi>(kind);
    api->add_project(kProject);
    BindingYaml binding;
    binding.provider = kind;
    binding.scheme = scheme;
    ASSERT_TRUE(hosts.start_agent(binding).wait_until_ready()) << hosts.agent().log();
    write_private("api-token", HostingApi::kToken);
    const auto rule = fmt::format("  - {{match: \"{}\", api_token_file: {}, api_url: \"{}\"}}\n",
                                  internal_base(), hosts.directory / "api-token", api->url());
    change_config("credentials:\n", "credentials:\n" + rule);
  }

  void change_config(const std::string& from, const std::string& to) const {
    std::ifstream file(hosts.config_path());
    std::string text{std::istreambuf_iterator<char>(file), {}};
    ASSERT_NE(text.find(from), std::string::npos);
    std::ofstream(hosts.config_path()) << text.replace(text.find(from), from.size(), to);
  }

  void write_private(const std::string& name, const std::string& text) const {
    std::ofstream(hosts.directory / name) << text << "\n";
    std::filesystem::permissions(hosts.directory / name,
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }

  [[nodiscard]] std::string internal_base() const {
    const auto url = hosts.internal_host.url("robot");
    return url.substr(0, url.rfind('/'));
  }
  [[nodiscard]] std::string public_url() { return fmt::format("http://127.0.0.1:{}", hosts.agent().port()); }

  [[nodiscard]] CommandResult hooks(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "hooks");
    for (const auto& more :
         {std::string("--config"), hosts.config_path(), std::string("--url"), public_url()})
      arguments.push_back(more);
    auto result = run_gitferry(arguments);
    EXPECT_THAT(result.output, Not(HasSubstr("S3CR3T")));
    return result;
  }
  [[nodiscard]] Json::Value json(const std::vector<std::string>& arguments, int exit_code) {
    auto more = arguments;
    more.emplace_back("--json");
    const auto result = hooks(more);
    EXPECT_EQ(result.exit_code, exit_code) << result.output;
    // Before it there may be a warning of the configuration.
    const auto rows = result.output.find('[');
    return json_of(HttpAnswer{
        200, "{\"rows\":" + result.output.substr(std::min(rows, result.output.size())) + "}"})["rows"];
  }

  /// A commit on the internal host, which announces it as its hooks say; how many did.
  int commit_and_announce() {
    NewCommit commit;
    commit.ref = "refs/heads/main";
    commit.message = "Change";
    commit.files = {{"a.txt", std::to_string(++commits)}};
    const auto tip = hosts.internal.commit(commit);
    return api->push(kProject,
                     {hosts.internal_host.url("robot"), "refs/heads/main", std::string(40, '0'), tip.hex()});
  }

  TwoHosts hosts;
  std::unique_ptr<HostingApi> api;
  int commits = 0;
};

class EveryHostsHook : public HooksCommand, public ::testing::WithParamInterface<std::vector<std::string>> {};

TEST_P(EveryHostsHook, IsInstalledDeliversAndIsFoundWell) {
  start(GetParam()[0], GetParam()[1]);
  EXPECT_EQ(commit_and_announce(), 0);
  const auto missing = json({"check", "robot"}, 1)[0];
  EXPECT_FALSE(missing["delivers"].asBool());
  EXPECT_THAT(missing["problem"].asString(), HasSubstr("no webhook"));

  const auto planned = json({"install", "robot", "--dry-run"}, 0)[0];
  EXPECT_EQ(planned["action"].asString(), "created");
  EXPECT_TRUE(planned["dry_run"].asBool());
  EXPECT_THAT(api->hooks(kProject), IsEmpty());

  const auto installed = hooks({"install", "robot"});
  EXPECT_EQ(installed.exit_code, 0) << installed.output;
  EXPECT_THAT(installed.output, HasSubstr("robot internal: webhook 1 was created"));
  const auto again = json({"install", "robot"}, 0)[0];
  EXPECT_EQ(again["action"].asString(), "none");
  EXPECT_EQ(api->hooks(kProject).size(), 1U);

  ASSERT_EQ(commit_and_announce(), 1);
  EXPECT_TRUE(eventually([&] { return hosts.tips_are_equal("main", "main"); })) << hosts.agent().log();
  const auto checked = json({"check", "robot"}, 0)[0];
  EXPECT_TRUE(checked["delivers"].asBool()) << checked.toStyledString();
  EXPECT_EQ(checked["last_arrival"]["verdict"].asString(), "accepted");
  EXPECT_TRUE(checked["problem"].isNull());
  const auto table = hooks({"check"});
  EXPECT_EQ(table.exit_code, 0) << table.output;
  EXPECT_THAT(table.output, HasSubstr("delivers"));
  EXPECT_THAT(hosts.agent().log(), Not(HasSubstr("S3CR3T")));
}

std::string name_of_host(const ::testing::TestParamInfo<std::vector<std::string>>& test) {
  return test.param[0] + "_" + test.param[1];
}

INSTANTIATE_TEST_SUITE_P(Hooks, EveryHostsHook,
                         ::testing::Values(std::vector<std::string>{"github", "hmac"},
                                           std::vector<std::string>{"gitlab", "token"},
                                           std::vector<std::string>{"gitea", "hmac"},
                                           std::vector<std::string>{"gitee", "sign"}),
                         name_of_host);
// Their API is Gitea's, or their other way to sign is.
INSTANTIATE_TEST_SUITE_P(FullHooks, EveryHostsHook,
                         ::testing::Values(std::vector<std::string>{"forgejo", "hmac"},
                                           std::vector<std::string>{"gogs", "hmac"},
                                           std::vector<std::string>{"gitee", "password"}),
                         name_of_host);

TEST_F(HooksCommand, AnOrganisationsHookIsInstalledDeliversAndIsFoundWell) {
  start("gitea", "hmac");
  api->add_organisation("git");
  write_private("organisation-hook", "S3CR3T-of-the-organisation-of-the-tests");
  const auto entry = fmt::format(
      "webhooks:\n  - {{name: everything, provider: gitea, instance: \"{}\", owners: [git], secret_file: "
      "{}}}\n",
      internal_base().substr(0, internal_base().rfind('/')), hosts.directory / "organisation-hook");
  change_config("credentials:\n", entry + "credentials:\n");
  hosts.agent().kill(SIGHUP);
  ASSERT_TRUE(eventually([&] {
    return hosts.agent().log().find("configuration reloaded") != std::string::npos;
  })) << hosts.agent().log();

  const auto missing = json({"check", "--organisation", "everything"}, 1)[0];
  EXPECT_EQ(missing["organisation"].asString(), "everything");
  EXPECT_EQ(missing["owner"].asString(), "git");
  EXPECT_THAT(missing["advice"].asString(), HasSubstr("hooks install --organisation everything"));
  const auto installed = hooks({"install", "--organisation", "everything"});
  EXPECT_EQ(installed.exit_code, 0) << installed.output;
  EXPECT_THAT(installed.output, HasSubstr("everything git: webhook 1 was created"));
  EXPECT_THAT(api->hooks(kProject), IsEmpty());
  ASSERT_EQ(commit_and_announce(), 1);
  EXPECT_TRUE(eventually([&] { return hosts.tips_are_equal("main", "main"); })) << hosts.agent().log();
  const auto checked = json({"check", "--organisation", "everything"}, 0)[0];
  EXPECT_TRUE(checked["delivers"].asBool()) << checked.toStyledString();
  EXPECT_EQ(checked["last_arrival"]["verdict"].asString(), "accepted");
  EXPECT_EQ(json({"check"}, 1).size(), 2U) << "the repository's own hook is not there";

  EXPECT_THAT(hooks({"install", "--organisation", "nobody"}).output, HasSubstr("no entry named 'nobody'"));
  EXPECT_EQ(hooks({"install", "robot", "--organisation", "everything"}).exit_code, 2);
  change_config("owners: [git], ", "");
  const auto whole = hooks({"install", "--organisation", "everything"});
  EXPECT_EQ(whole.exit_code, 78);
  EXPECT_THAT(whole.output, HasSubstr("set it up in the host's settings"));
}

TEST_F(HooksCommand, AWrongSecretIsSeenAndRotated) {
  start("github", "hmac");
  ASSERT_EQ(hooks({"install", "robot"}).exit_code, 0);
  api->change_hook(kProject, 1, [](HostingApi::Hook& hook) { hook.secret = "somebody changed it by hand"; });
  ASSERT_EQ(commit_and_announce(), 1);
  const auto checked = json({"check", "robot"}, 1)[0];
  EXPECT_FALSE(checked["delivers"].asBool());
  EXPECT_EQ(checked["last_delivery"]["status"].asInt(), 401);
  EXPECT_TRUE(checked["last_arrival"].isNull());
  EXPECT_THAT(checked["advice"].asString(), HasSubstr("--rotate"));

  const auto rotated = hooks({"install", "robot", "--side", "internal", "--rotate"});
  EXPECT_EQ(rotated.exit_code, 0) << rotated.output;
  EXPECT_THAT(rotated.output, HasSubstr("webhook 1 was changed: its secret"));
  ASSERT_EQ(commit_and_announce(), 1);
  EXPECT_TRUE(eventually([&] { return hosts.tips_are_equal("main", "main"); })) << hosts.agent().log();
  EXPECT_TRUE(json({"check", "robot"}, 0)[0]["delivers"].asBool());
}

TEST_F(HooksCommand, WhatIsWrongIsToldWithItsExitCode) {
  start("gitlab", "token");
  const auto unknown = hooks({"install", "nobody"});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_THAT(unknown.output, HasSubstr("no repository named 'nobody'"));
  const auto no_hook = hooks({"install", "robot", "--side", "external"});
  EXPECT_EQ(no_hook.exit_code, 78);
  EXPECT_THAT(no_hook.output, HasSubstr("add webhook.external to it"));
  EXPECT_EQ(run_gitferry({"hooks", "install", "--config", hosts.config_path()}).exit_code, 2);
  EXPECT_EQ(run_gitferry({"hooks", "--config", hosts.config_path()}).exit_code, 2);
  const auto no_url = run_gitferry({"hooks", "check", "--config", hosts.config_path()});
  EXPECT_EQ(no_url.exit_code, 78);
  EXPECT_THAT(no_url.output, HasSubstr("set server.public_url"));
  EXPECT_EQ(run_gitferry({"hooks", "check", "--config", hosts.config_path(), "--url", "ftp://x"}).exit_code,
            2);

  api->set_power(HostingApi::Power::None);
  const auto forbidden = hooks({"install", "robot"});
  EXPECT_EQ(forbidden.exit_code, 1);
  EXPECT_THAT(forbidden.output, HasSubstr("the scope api, and a user who is Maintainer"));
  EXPECT_THAT(json({"check", "robot"}, 1)[0]["error"].asString(), HasSubstr("the scope api"));

  change_config("api_token_file", "password_env: NONE, username: x} # ");
  EXPECT_EQ(hooks({"install", "robot"}).exit_code, 78);
}

TEST_F(HooksCommand, WithoutATokenOnlyTheDatabaseIsAsked) {
  start("gitea", "hmac");
  const auto rule = fmt::format("  - {{match: \"{}\", api_token_file", internal_base());
  change_config(rule, "  - {match: \"https://elsewhere.example.org/\", api_token_file");
  ASSERT_EQ(hosts.deliver("main").status, 202);
  const auto refused = json({"install", "robot"}, 78)[0];
  EXPECT_THAT(refused["error"].asString(), HasSubstr("credentials has no API token"));
  EXPECT_EQ(json({"check", "robot"}, 78)[0]["last_arrival"]["verdict"].asString(), "accepted");
  const auto all = json({"check"}, 0)[0];
  EXPECT_TRUE(all["delivers"].isNull());
  EXPECT_THAT(api->requests(), IsEmpty());
}

}  // namespace
}  // namespace gitferry::test

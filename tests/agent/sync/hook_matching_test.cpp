#include "agent/sync/hook_matching.h"

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gitferry {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

RemoteUrl url(const std::string& text) {
  return parse_remote_url(text, any_scheme()).value().url;
}

/// The configuration allows an instance without a path, which no address of a repository may be.
RemoteUrl instance(const std::string& text) {
  auto made = url(text + (text.ends_with('/') ? "x" : "/x"));
  made.path.pop_back();
  return made;
}

OrganisationHook hook_of(const std::string& provider, const std::string& at) {
  OrganisationHook hook;
  hook.name = provider + "@" + at;
  hook.source.provider = provider;
  hook.instance = instance(at);
  return hook;
}

class HookMatchingTest : public ::testing::Test {
 protected:
  void bind(const std::string& name, const std::string& internal, const std::string& external) {
    RepositoryBinding binding;
    binding.name = name;
    binding.internal = url(internal);
    binding.external = url(external);
    bindings->repositories.emplace(name, std::move(binding));
  }
  std::vector<std::string> found(const OrganisationHook& hook, const RepositoryIdentity& repository) {
    std::vector<std::string> texts;
    const auto targets = matching.targets(bindings, hook, repository);
    for (const auto& target : targets)
      texts.push_back(target.repository + (target.side == Side::Internal ? " internal" : " external"));
    return texts;
  }

  std::shared_ptr<BindingSnapshot> bindings = std::make_shared<BindingSnapshot>();
  HookMatching matching;
};

TEST_F(HookMatchingTest, FindsEveryBindingOfTheRepositoryAtTheInstance) {
  bind("by-https", "https://GitLab.corp/Acme/Robot.git", "https://github.com/public/robot.git");
  bind("by-ssh", "ssh://git@gitlab.corp:2222/acme/robot.git", "https://github.com/public/other.git");
  bind("outwards", "https://github.com/acme/tool", "git@gitlab.corp:acme/robot");
  bind("elsewhere", "https://gitlab.other/acme/robot.git", "https://github.com/acme/robot.git");
  bind("other-port", "https://gitlab.corp:8443/acme/robot.git", "https://github.com/acme/x.git");
  bind("deeper", "https://gitlab.corp/evil/acme/robot.git", "https://github.com/acme/y.git");
  EXPECT_THAT(found(hook_of("gitlab", "https://gitlab.corp"), {"acme/robot", {}}),
              ElementsAre("by-https internal", "by-ssh internal", "outwards external"));
  EXPECT_THAT(found(hook_of("gitlab", "https://gitlab.corp:8443"), {"ACME/robot", {}}),
              ElementsAre("by-ssh internal", "other-port internal", "outwards external"))
      << "the port of ssh is its own";
  EXPECT_THAT(found(hook_of("gitlab", "https://gitlab.corp"), {"acme/nothing", {}}), IsEmpty());
  EXPECT_THAT(found(hook_of("gitlab", "https://gitlab.corp"), {}), IsEmpty());
}

TEST_F(HookMatchingTest, AnInstanceBelowAPathHasItInFrontOfItsHttpAddressesAlone) {
  bind("https", "https://corp/gitlab/acme/robot.git", "https://github.com/a/a.git");
  bind("ssh", "git@corp:acme/robot.git", "https://github.com/a/b.git");
  bind("root", "https://corp/acme/robot.git", "https://github.com/a/c.git");
  for (const auto* at : {"https://corp/gitlab", "https://corp/gitlab/", "https://Corp:443/GitLab"}) {
    EXPECT_THAT(found(hook_of("gitlab", at), {"acme/robot", {}}),
                ElementsAre("https internal", "ssh internal"))
        << at;
  }
}

TEST_F(HookMatchingTest, KnowsWhatSomeHostsPutBeforeTheName) {
  bind("scm", "https://bitbucket.corp/scm/KEY/robot.git", "https://github.com/a/a.git");
  bind("ssh", "ssh://git@bitbucket.corp:7999/KEY/robot.git", "https://github.com/a/b.git");
  bind("below", "https://corp/bitbucket/scm/KEY/robot.git", "https://github.com/a/c.git");
  bind("gerrit", "https://gerrit.corp/a/tools/robot", "https://github.com/a/d.git");
  EXPECT_THAT(found(hook_of("bitbucket-server", "https://bitbucket.corp"), {"KEY/robot", {}}),
              ElementsAre("scm internal", "ssh internal"));
  EXPECT_THAT(found(hook_of("bitbucket-server", "https://corp/bitbucket"), {"KEY/robot", {}}),
              ElementsAre("below internal"));
  EXPECT_THAT(found(hook_of("gitlab", "https://bitbucket.corp"), {"KEY/robot", {}}),
              ElementsAre("ssh internal"));
  EXPECT_THAT(found(hook_of("gerrit", "https://gerrit.corp"), {"tools/robot", {}}),
              ElementsAre("gerrit internal"));
  EXPECT_THAT(found(hook_of("gitea", "https://gerrit.corp"), {"tools/robot", {}}), IsEmpty());
}

TEST_F(HookMatchingTest, KnowsTheSecondNamesOfPublicServices) {
  bind("github", "ssh://git@ssh.github.com:443/acme/robot.git", "https://host/a.git");
  bind("bitbucket", "git@altssh.bitbucket.org:acme/robot.git", "https://host/b.git");
  bind("azure", "git@ssh.dev.azure.com:v3/acme/tools/robot", "https://host/c.git");
  bind("old-azure", "https://acme.visualstudio.com/tools/_git/robot", "https://host/d.git");
  EXPECT_THAT(found(hook_of("github", "https://github.com"), {"acme/robot", {}}),
              ElementsAre("github internal"));
  EXPECT_THAT(found(hook_of("bitbucket", "https://bitbucket.org"), {"acme/robot", {}}),
              ElementsAre("bitbucket internal"));
  for (const auto* at :
       {"https://dev.azure.com", "https://dev.azure.com/acme", "https://acme.visualstudio.com"}) {
    EXPECT_THAT(found(hook_of("azure", at), {"acme/tools/_git/robot", {}}),
                ElementsAre("azure internal", "old-azure internal"))
        << at;
  }
}

TEST_F(HookMatchingTest, AnAddressInThePayloadMayHaveAnotherHost) {
  bind("ssh-host", "git@ssh.gitlab.corp:acme/robot.git", "https://github.com/acme/robot.git");
  const auto hook = hook_of("gitlab", "https://gitlab.corp");
  EXPECT_THAT(found(hook, {"acme/robot", {}}), IsEmpty());
  EXPECT_THAT(found(hook, {"acme/robot", {"git@ssh.gitlab.corp:acme/robot.git"}}),
              ElementsAre("ssh-host internal"));
  EXPECT_THAT(found(hook, {"", {"not an address", "git@ssh.gitlab.corp:acme/robot.git"}}),
              ElementsAre("ssh-host internal"))
      << "a payload without a name";
}

TEST_F(HookMatchingTest, S29_AnAddressInThePayloadDoesNotReachOtherRepositories) {
  bind("other", "git@ssh.gitlab.corp:secret/robot.git", "https://github.com/acme/robot.git");
  bind("deeper", "git@ssh.gitlab.corp:secret/acme/robot.git", "https://gitea.corp/acme/robot.git");
  const auto hook = hook_of("gitlab", "https://gitlab.corp");
  bindings->hooks = {hook, hook_of("gitea", "https://gitea.corp")};
  for (const auto* address :
       {"git@ssh.gitlab.corp:secret/robot.git", "git@ssh.gitlab.corp:secret/acme/robot.git",
        "https://github.com/acme/robot.git", "https://gitea.corp/acme/robot.git", "/acme/robot",
        "file:///acme/robot"}) {
    EXPECT_THAT(found(hook, {"acme/robot", {address}}), IsEmpty()) << address;
  }
}

TEST_F(HookMatchingTest, S29_OwnersAreWholeSegmentsOfTheName) {
  auto hook = hook_of("gitlab", "https://gitlab.corp");
  EXPECT_TRUE(admits(hook, {"anyone/x", {}}));
  EXPECT_TRUE(admits(hook, {}));
  hook.owners = {"acme", "group/sub"};
  for (const auto* name : {"acme/robot", "Acme/Robot.git", "/acme/a/b", "group/sub/x", "acme"}) {
    EXPECT_TRUE(admits(hook, {name, {}})) << name;
  }
  for (const auto* name : {"acme2/robot", "x/acme/robot", "group/subway/x", "group/x", "group", ""}) {
    EXPECT_FALSE(admits(hook, {name, {}})) << name;
  }
  EXPECT_TRUE(admits(hook, {"", {"https://gitlab.corp/acme/robot.git"}}));
  EXPECT_FALSE(admits(hook, {"", {"https://gitlab.corp/evil/robot.git"}}));
  EXPECT_FALSE(admits(hook, {"evil/robot", {"https://gitlab.corp/acme/robot.git"}}));
}

TEST_F(HookMatchingTest, FollowsTheBindingsInForce) {
  const auto hook = hook_of("gitlab", "https://gitlab.corp");
  bind("one", "https://gitlab.corp/acme/robot.git", "https://github.com/a/a.git");
  EXPECT_THAT(found(hook, {"acme/robot", {}}), ElementsAre("one internal"));
  bindings = std::make_shared<BindingSnapshot>(*bindings);
  bind("two", "https://gitlab.corp/acme/robot.git", "https://github.com/a/b.git");
  EXPECT_THAT(found(hook, {"acme/robot", {}}), ElementsAre("one internal", "two internal"));
  bindings = std::make_shared<BindingSnapshot>();
  EXPECT_THAT(found(hook, {"acme/robot", {}}), IsEmpty());
}

TEST_F(HookMatchingTest, FindsAmongTenThousandBindingsFromManyThreadsWhileTheyChange) {
  for (int i = 0; i < 10'000; ++i) {
    bind(fmt::format("binding-{}", i), fmt::format("https://gitlab.corp/acme/robot-{}.git", i),
         fmt::format("git@github.com:public/robot-{}.git", i));
  }
  const auto hook = hook_of("gitlab", "https://gitlab.corp");
  const std::vector<Snapshot> snapshots{bindings, std::make_shared<BindingSnapshot>(*bindings)};
  const auto look = [&](int thread) {
    for (int i = 0; i < 500; ++i) {
      const auto number = (i * 17 + thread) % 10'000;
      const auto targets = matching.targets(snapshots[i % 250 == 0 ? 1U : 0U], hook,
                                            {fmt::format("acme/robot-{}", number), {}});
      ASSERT_EQ(targets.size(), 1U);
      ASSERT_EQ(targets[0].repository, fmt::format("binding-{}", number));
    }
  };
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) threads.emplace_back(look, thread);
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace gitferry

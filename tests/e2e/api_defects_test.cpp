// What the API's original did wrong, on real hosts: each is a test here.

#include <algorithm>
#include <thread>

#include "tests/e2e/api_world.h"

namespace gitferry::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ApiDefects : public ApiWorld {
 protected:
  [[nodiscard]] std::vector<std::string> logs_of_both() const {
    auto lines = hosts.internal_host.access_log();
    const auto more = hosts.external_host.access_log();
    lines.insert(lines.end(), more.begin(), more.end());
    return lines;
  }
};

TEST_F(ApiDefects, AfterRebindingOnlyTheNewAddressesAreContacted) {
  const GitHost new_source;
  const GitHost new_target;
  auto old_internal = make(hosts.internal_host, "moved");
  const auto old_external = make(hosts.external_host, "moved");
  auto internal = make(new_source, "moved");
  const auto external = make(new_target, "moved");
  commit(old_internal, "main");
  start();
  ASSERT_EQ(bind("moved", hosts.internal_host.url("moved"), hosts.external_host.url("moved")), 0) << answers;
  ASSERT_EQ(bind_branch("moved", "main", "main"), 0) << answers;
  ASSERT_EQ(code("POST", "/repo/moved"), 0) << answers;
  const auto old_tip = old_external.tip("refs/heads/main");
  ASSERT_TRUE(old_tip);
  const auto contacted = logs_of_both();

  ASSERT_EQ(code("DELETE", "/repo/moved"), 0) << answers;
  ASSERT_EQ(bind("moved", new_source.url("moved"), new_target.url("moved")), 0) << answers;
  EXPECT_TRUE(branches_of("moved").empty()) << "the branches went with the first binding";
  ASSERT_EQ(bind_branch("moved", "main", "main"), 0) << answers;
  commit(old_internal, "main", "later");
  const auto tip = commit(internal, "main", "elsewhere");
  ASSERT_EQ(code("POST", "/repo/moved"), 0) << answers;
  ASSERT_EQ(code("POST", "/moved/branch/main"), 0) << answers;
  EXPECT_EQ(external.tip("refs/heads/main"), tip);
  EXPECT_EQ(old_external.tip("refs/heads/main"), old_tip);
  EXPECT_EQ(logs_of_both(), contacted);
}

TEST_F(ApiDefects, ChangedAddressesAreWhatTheNextSyncUses) {
  const GitHost new_target;
  const auto external = make(new_target, "robot");
  const auto tip = commit(hosts.internal, "main");
  start();
  ASSERT_EQ(code("POST", "/robot/branch/main"), 0) << answers;
  const auto contacted = hosts.external_host.access_log();
  ASSERT_EQ(code("PUT", "/repo/robot/repo_addr",
                 R"({"external_repo_address": ")" + new_target.url("robot") + "\"}"),
            0)
      << answers;
  ASSERT_EQ(code("POST", "/robot/branch/main"), 0) << answers;
  EXPECT_EQ(external.tip("refs/heads/main"), tip);
  EXPECT_EQ(hosts.external_host.access_log(), contacted);
}

TEST_F(ApiDefects, ADryRunLeavesBothHostsAsTheyWere) {
  auto internal = make(hosts.internal_host, "whole");
  const auto external = make(hosts.external_host, "whole");
  commit(internal, "main");
  commit(internal, "feature/x");
  commit(hosts.internal, "main");
  commit(hosts.internal, "feature/login");
  hosts.external.fetch_from(hosts.internal, "refs/heads/main");
  commit(hosts.external, "main", "theirs");
  commit(hosts.internal, "main", "ours");
  start();
  ASSERT_EQ(bind("whole", hosts.internal_host.url("whole"), hosts.external_host.url("whole"), {}, 1), 0)
      << answers;
  const auto state = [&] {
    return state_of(hosts.internal) + state_of(hosts.external) + state_of(internal) + state_of(external);
  };
  const auto before = state();
  const auto log_before = api("GET", "/repo/logs?repo_name=robot,whole")["total"];

  const auto branch = api("POST", "/robot/branch/feature/login?dry_run=true");
  EXPECT_EQ(branch["code_status"].asInt(), 0) << answers;
  EXPECT_EQ(branch["runs"][0]["plan"].asString(), "create") << answers;
  const auto repository = api("POST", "/repo/robot?dry_run=true");
  EXPECT_EQ(repository["code_status"].asInt(), 20010) << answers;
  EXPECT_EQ(repository["runs"].size(), 2U) << answers;
  const auto forced = api("POST", "/repo/robot?dry_run=true&force=true");
  EXPECT_EQ(forced["code_status"].asInt(), 0) << answers;
  const auto whole = api("POST", "/repo/whole?dry_run=true");
  EXPECT_EQ(whole["code_status"].asInt(), 0) << answers;
  EXPECT_EQ(whole["runs"].size(), 2U) << answers;

  EXPECT_EQ(state(), before);
  EXPECT_EQ(api("GET", "/repo/logs?repo_name=robot,whole")["total"], log_before) << "nor is there a run";
}

TEST_F(ApiDefects, AForcedSyncMakesTheTargetEqualOnce) {
  commit(hosts.internal, "main");
  hosts.external.fetch_from(hosts.internal, "refs/heads/main");
  const auto theirs = commit(hosts.external, "main", "theirs");
  const auto ours = commit(hosts.internal, "main", "ours");
  start();
  EXPECT_EQ(code("POST", "/robot/branch/main"), 20010) << answers;
  EXPECT_EQ(hosts.external.tip("refs/heads/main"), theirs);
  const auto forced = api("POST", "/robot/branch/main?force_flag=true");
  EXPECT_EQ(forced["code_status"].asInt(), 0) << answers;
  EXPECT_EQ(hosts.external.tip("refs/heads/main"), ours);
  EXPECT_THAT(answers, HasSubstr(theirs.hex())) << "the old tip can be found again";
}

TEST_F(ApiDefects, OneBadBranchHidesNoneOfTheOthers) {
  commit(hosts.internal, "feature/login");
  commit(hosts.internal, "good");
  start();
  ASSERT_EQ(bind_branch("robot", "gone", "gone"), 0) << answers;
  ASSERT_EQ(bind_branch("robot", "good", "good"), 0) << answers;
  // main does not exist either: it is bound by the file and comes first.
  const auto answer = api("POST", "/repo/robot");
  EXPECT_EQ(answer["code_status"].asInt(), 20009) << answers;
  EXPECT_EQ(answer["summary"]["total"].asInt(), 4) << answers;
  EXPECT_EQ(answer["summary"]["failed"].asInt(), 2) << answers;
  EXPECT_EQ(answer["summary"]["succeeded"].asInt(), 2) << answers;
  EXPECT_EQ(answer["runs"].size(), 4U);
  EXPECT_TRUE(hosts.tips_are_equal("good", "good"));
  EXPECT_TRUE(hosts.tips_are_equal("feature/login", "from-inside"));
}

TEST_F(ApiDefects, ABranchWithASlashWorksPlainlyAndEscapedInEveryRoute) {
  commit(hosts.internal, "feature/x");
  start();
  for (const auto* path : {"/robot/branch/feature/x", "/robot/branch/feature%2Fx"}) {
    const std::string route = path;
    ASSERT_EQ(bind_branch("robot", "feature/x", "feature/x"), 0) << answers;
    EXPECT_EQ(code("POST", route + "?sync_direct=1"), 0) << answers;
    EXPECT_TRUE(hosts.tips_are_equal("feature/x", "feature/x"));
    EXPECT_EQ(code("PUT", route + "?enable=false"), 0) << answers;
    EXPECT_EQ(code("POST", route), 10006) << answers;
    EXPECT_EQ(code("DELETE", route), 0) << answers;
    EXPECT_EQ(code("DELETE", route), 10012) << answers;
    hosts.external.delete_ref("refs/heads/feature/x");
  }
}

TEST_F(ApiDefects, AWholeRepositorySyncsUnderFullNamesWhateverItsDefaultBranch) {
  auto internal = make(hosts.internal_host, "whole");
  const auto external = make(hosts.external_host, "whole");
  internal.git({"symbolic-ref", "HEAD", "refs/heads/trunk"});
  for (const auto* branch : {"trunk", "feature/x", "a/b/c"}) commit(internal, branch);
  start();
  ASSERT_EQ(bind("whole", hosts.internal_host.url("whole"), hosts.external_host.url("whole"), {}, 1), 0)
      << answers;
  EXPECT_EQ(code("POST", "/repo/whole"), 0) << answers << hosts.agent().log();
  EXPECT_EQ(external.git({"for-each-ref", "--format=%(refname) %(objectname)"}),
            internal.git({"for-each-ref", "--format=%(refname) %(objectname)"}));
  EXPECT_EQ(external.fsck(), "");
  const auto again = api("POST", "/repo/whole");
  EXPECT_EQ(again["summary"]["unchanged"].asInt(), 3) << answers;
}

TEST_F(ApiDefects, AnEmptySourceIsNotAFailureOfAWholeRepository) {
  make(hosts.internal_host, "whole");
  make(hosts.external_host, "whole");
  start();
  ASSERT_EQ(bind("whole", hosts.internal_host.url("whole"), hosts.external_host.url("whole"), {}, 1), 0)
      << answers;
  EXPECT_EQ(code("POST", "/repo/whole"), 0) << answers << hosts.agent().log();
}

TEST_F(ApiDefects, ConcurrentSyncsOfOneRepositoryBothGetATrueAnswer) {
  commit(hosts.internal, "main");
  commit(hosts.internal, "feature/login");
  start();
  std::vector<std::string> bodies(4);
  {
    std::vector<std::jthread> callers;
    for (auto& body : bodies)
      callers.emplace_back(
          [&, &into = body] { into = hosts.agent().api("POST", "/cerobot/sync/repo/robot").body; });
  }
  for (const auto& body : bodies) {
    const auto answer = json_of({200, body});
    EXPECT_EQ(answer["code_status"].asInt(), 0) << body;
    EXPECT_EQ(answer["summary"]["total"].asInt(), 2) << body;
    EXPECT_EQ(answer["summary"]["pending"].asInt(), 0) << body;
  }
  EXPECT_TRUE(hosts.tips_are_equal("main", "main"));
  EXPECT_TRUE(hosts.tips_are_equal("feature/login", "from-inside"));
  EXPECT_EQ(hosts.external.fsck(), "");
}

TEST_F(ApiDefects, S06_AddressesAndNamesThatWouldBeOptionsOrPathsAreRefused) {
  start();
  const auto url = hosts.internal_host.url("robot");
  const auto other = hosts.external_host.url("robot");
  const auto before = api("GET", "/repo?page_size=100")["data"];
  for (const auto* address :
       {"git@host.example:a/b.git -c core.sshCommand=touch", "--upload-pack=touch", "-oProxyCommand=x",
        "ext::sh -c touch", "file:///etc", "/etc", "ssh://-oProxyCommand=touch/x",
        "git@-oProxyCommand=touch:x", "http://127.0.0.1/x\\ny"}) {
    EXPECT_EQ(bind("evil", address, other), 10001) << address;
    EXPECT_EQ(bind("evil", url, address), 10001) << address;
  }
  for (const auto* name : {"..", ".", "a/b", "", "-x", "repo", "a b", "a\\u0000b"})
    EXPECT_EQ(bind(name, url, other), 10020) << name;
  EXPECT_EQ(bind(std::string(129, 'a'), url, other), 10020);
  EXPECT_EQ(bind("self", url, url), 10001);
  for (const auto* branch :
       {"--upload-pack=touch", "-x", "a..b", "a b", "", "refs/heads/../x", "a\\u0000b", "x.lock"}) {
    EXPECT_EQ(bind_branch("robot", branch, "fine"), 10020) << branch;
    EXPECT_EQ(bind_branch("robot", "fine", branch), 10020) << branch;
  }
  EXPECT_EQ(api("GET", "/repo?page_size=100")["data"], before);
}

TEST_F(ApiDefects, AnUnknownRepositoryIsCalledThatInEveryRoute) {
  start();
  const std::string addresses = R"({"internal_repo_address": "https://a.example/x"})";
  EXPECT_EQ(code("POST", "/repo/nobody"), 10010);
  EXPECT_EQ(code("PUT", "/repo/nobody?enable=true"), 10010);
  EXPECT_EQ(code("DELETE", "/repo/nobody"), 10010);
  EXPECT_EQ(code("PUT", "/repo/nobody/repo_addr", addresses), 10010);
  EXPECT_EQ(code("DELETE", "/repo/nobody/override"), 10010);
  EXPECT_EQ(code("GET", "/repo/nobody/logs"), 10010);
  EXPECT_EQ(code("GET", "/repo/logs?repo_name=robot,nobody"), 10010);
  EXPECT_EQ(bind_branch("nobody", "main", "main"), 10010);
  EXPECT_EQ(code("GET", "/nobody/branch"), 10010);
  EXPECT_EQ(code("POST", "/nobody/branch/main?sync_direct=1"), 10010);
  EXPECT_EQ(code("PUT", "/nobody/branch/main?enable=true"), 10010);
  EXPECT_EQ(code("DELETE", "/nobody/branch/main"), 10010);
}

TEST_F(ApiDefects, AFirstSyncThatFailedHealsByItself) {
  const auto tip = commit(hosts.internal, "main");
  start();
  std::filesystem::rename(hosts.external_host.path("robot"), hosts.external_host.path("away"));
  EXPECT_EQ(code("POST", "/robot/branch/main"), 20002) << answers;
  std::filesystem::rename(hosts.external_host.path("away"), hosts.external_host.path("robot"));
  EXPECT_EQ(code("POST", "/robot/branch/main"), 0) << answers;
  EXPECT_EQ(hosts.external.tip("refs/heads/main"), tip);
}

}  // namespace
}  // namespace gitferry::test

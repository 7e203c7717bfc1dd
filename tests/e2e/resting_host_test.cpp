// A git host that is down, among others that are not.

#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/api_world.h"
#include "tests/support/scripted_server.h"

namespace gitferry::test {
namespace {

using ::testing::HasSubstr;

class R32_RestingHosts : public ApiWorld {
 protected:
  Json::Value status_of(const std::string& repository) {
    return api("GET", "/status?repo_name=" + repository)["data"][0];
  }
};

TEST_F(R32_RestingHosts, ADeadHostIsShownAndLeftAloneWhileTheOthersGoOn) {
  std::string dead;
  {
    const ScriptedServer gone({});
    dead = gone.url("");
  }
  ASSERT_NO_FATAL_FAILURE(start());
  for (int i = 0; i < 6; ++i) {
    const auto name = fmt::format("mirrored{}", i);
    auto source = make(hosts.internal_host, name);
    commit(source, "main");
    ASSERT_EQ(bind(name, hosts.internal_host.url(name), dead + "/git/" + name + ".git"), 0) << answers;
    ASSERT_EQ(bind_branch(name, "main", "main"), 0) << answers;
    EXPECT_EQ(hosts.agent().api("POST", "/cerobot/sync/" + name + "/branch/main?wait=0").status, 200);
  }
  ASSERT_TRUE(eventually([&] { return !status_of("mirrored5")["waits_for_host"].isNull(); })) << answers;
  const auto waiting = status_of("mirrored0");
  EXPECT_THAT(dead, HasSubstr(waiting["waits_for_host"].asString()));
  EXPECT_TRUE(waiting["pending"].asBool());
  EXPECT_EQ(json_of(hosts.agent().api("GET", "/readyz?verbose"))["checks"]["git_hosts"].asString(),
            "1 not answering");

  commit(hosts.internal, "main");
  EXPECT_EQ(hosts.deliver("main").status, 202);
  EXPECT_TRUE(eventually([&] { return hosts.tips_are_equal("main", "main"); })) << hosts.agent().log();
  EXPECT_TRUE(status_of("robot")["waits_for_host"].isNull());
  EXPECT_EQ(occurrences(hosts.agent().log(), "a git host does not answer; what is to be synced"), 1U);
}

}  // namespace
}  // namespace gitferry::test

#include <string>

#include <gtest/gtest.h>

#include "tests/api/binding_fixture.h"

namespace gitferry::api {
namespace {

using PathNamesTest = testing::BindingTest;

constexpr const char* kAmbiguousRepositories[] = {"branch", "logs",     "deliveries", "status",
                                                  "audit",  "override", "repo_addr",  "replay"};
/// As they stand in a path, and as the host calls them.
struct InPath {
  const char* written;
  const char* name;
};
constexpr InPath kAmbiguousBranches[] = {{"logs", "logs"},
                                         {"repo_addr", "repo_addr"},
                                         {"replay", "replay"},
                                         {"override", "override"},
                                         {"branch", "branch"},
                                         {"feature/x", "feature/x"},
                                         {"feature%2Fx", "feature/x"},
                                         {"feature%2fx", "feature/x"},
                                         {"branch/logs", "branch/logs"},
                                         {"a/b%2Fc", "a/b/c"},
                                         {"v1.0%23rc", "v1.0#rc"},
                                         {"%E4%B8%BB", "主"}};

TEST_F(PathNamesTest, ARepositoryNamedAsAPartOfAPathWorksInEveryRoute) {
  for (const std::string name : kAmbiguousRepositories) {
    SCOPED_TRACE(name);
    bind(name);
    EXPECT_EQ(api("PUT", "/repo/" + name + "?enable=false").code(), 0);
    EXPECT_EQ(api("GET", "/repo?repo_name=" + name).data()[0]["enable"].asBool(), false);
    EXPECT_EQ(api("PUT", "/repo/" + name + "?enable=true").code(), 0);
    EXPECT_EQ(api("PUT", "/repo/" + name + "/repo_addr?external_repo_address=https://other.example/x/" + name)
                  .code(),
              0);
    EXPECT_EQ(api("GET", "/repo?repo_name=" + name).data()[0]["external_repo_address"].asString(),
              "https://other.example/x/" + name);
    EXPECT_EQ(api("DELETE", "/repo/" + name + "/override").code(), 10020) << "it has none of the file";
    bind_branch(name, "main", "main");
    EXPECT_EQ(api("GET", "/" + name + "/branch").body["total"].asInt(), 1);
    EXPECT_EQ(api("PUT", "/" + name + "/branch/main?enable=false").code(), 0);
    EXPECT_EQ(api("PUT", "/" + name + "/branch/main?enable=true").code(), 0);

    const auto whole = api("POST", "/repo/" + name + "?wait=0");
    EXPECT_EQ(whole.code(), 10021) << whole.text;
    EXPECT_EQ(whole.body["summary"]["total"].asInt(), 1);
    EXPECT_EQ(api("POST", "/" + name + "/branch/main?wait=0").code(), 10021);
    EXPECT_EQ(api("GET", "/status?repo_name=" + name).data()[0]["repo_name"].asString(), name);
    EXPECT_EQ(api("GET", "/repo/" + name + "/logs").code(), 0);
    EXPECT_EQ(api("GET", "/repo/logs?repo_name=" + name).code(), 0);
    EXPECT_EQ(api("GET", "/deliveries?repo_name=" + name).code(), 0);
    EXPECT_GT(api("GET", "/audit?repo_name=" + name).body["total"].asInt(), 0);

    EXPECT_EQ(api("DELETE", "/" + name + "/branch/main").code(), 0);
    EXPECT_EQ(api("GET", "/" + name + "/branch").code(), 10013);
    EXPECT_EQ(api("DELETE", "/repo/" + name).code(), 0);
    EXPECT_EQ(api("GET", "/repo?repo_name=" + name).body["total"].asInt(), 0);
  }
}

TEST_F(PathNamesTest, ABranchNamedAsAPartOfAPathWorksInEveryRoute) {
  for (const std::string repository : {"robot", "branch", "deliveries"}) {
    bind(repository);
    for (const auto& branch : kAmbiguousBranches) {
      SCOPED_TRACE(repository + " " + branch.written);
      const auto path = "/" + repository + "/branch/" + branch.written;
      bind_branch(repository, branch.name, "copy");
      const auto synced = api("POST", path + "?wait=0");
      ASSERT_EQ(synced.code(), 10021) << synced.text;
      EXPECT_EQ(synced.body["runs"][0]["internal_ref"].asString(), std::string("refs/heads/") + branch.name);
      EXPECT_EQ(api("PUT", path + "?enable=0").code(), 0);
      EXPECT_FALSE(api("GET", "/" + repository + "/branch").data()[0]["enable"].asBool());
      EXPECT_EQ(api("DELETE", path).code(), 0);
      EXPECT_EQ(api("GET", "/" + repository + "/branch").code(), 10013);
    }
  }
}

TEST_F(PathNamesTest, S11_NamesThatAreNoNamesAreUnknownAndLeadNowhereElse) {
  bind("robot");
  bind_branch("robot", "feature/x", "x");
  for (const auto* name : {"a%2Fb", "..", "%2E%2E", ".git", "-x", "%20", "a%20b", "robot%00", "ROBOT"}) {
    SCOPED_TRACE(name);
    for (const auto* method : {"POST", "DELETE"}) {
      const auto answer = api(method, "/repo/" + std::string(name));
      EXPECT_TRUE(answer.code() == 10010 || answer.status == 400 || answer.status == 404) << answer.text;
    }
    const auto listed = api("GET", "/" + std::string(name) + "/branch");
    EXPECT_TRUE(listed.code() == 10010 || listed.status == 400 || listed.status == 404) << listed.text;
  }
  for (const auto* branch : {"feature", "feature/", "feature//x", "feature/x/", "feature/X", "x", "%00"}) {
    const auto answer = api("DELETE", "/robot/branch/" + std::string(branch));
    EXPECT_TRUE(answer.code() == 10012 || answer.status == 400 || answer.status == 404)
        << branch << answer.text;
  }
  EXPECT_EQ(api("GET", "/robot/branch").body["total"].asInt(), 1) << "nothing was unbound";
  auto body = testing::repository_body("repo");
  EXPECT_EQ(submit("POST", "/repo", body).code(), 10020) << "the one name that would be ambiguous";
}

}  // namespace
}  // namespace gitferry::api

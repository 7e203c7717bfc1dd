// What each policy does to a target with commits of its own, on real hosts through the running program.

#include <string>

#include "tests/e2e/api_world.h"

namespace gitferry::test {
namespace {

using ::testing::HasSubstr;

class PolicyTest : public ApiWorld {
 protected:
  static constexpr const char* kMain = "refs/heads/main";
  static constexpr int kDiverged = 20010;

  /// Replaces a text of the configuration, and reloads it.
  void reconfigure(const std::string& from, const std::string& to) {
    auto text = config();
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos) << text;
    write_config(text.replace(at, from.size(), to));
    reload();
  }
  void set_policy(const std::string& policy) { reconfigure("policy: ff_only", "policy: " + policy); }
  Json::Value sync(const std::string& query = {}) {
    return api("POST", "/robot/branch/main?wait=60" + query);
  }
  /// The source's branch as somebody amended its last commit.
  void amend() {
    NewCommit made;
    made.message = "Amended";
    made.files = {{"a", std::to_string(++amended_)}};
    made.parents = {hosts.internal.tip("refs/heads/main~1").value()};
    hosts.internal.commit(made);
  }
  void begin(const std::string& policy) {
    hosts.internal.commit_many(kMain, 3);
    start();
    if (policy != "ff_only") set_policy(policy);
    ASSERT_EQ(sync()["code_status"].asInt(), 0) << answers;
    ASSERT_TRUE(hosts.tips_are_equal("main", "main"));
  }
  void expect_refused(const Json::Value& answer, const ObjectId& left_at) {
    EXPECT_EQ(answer["code_status"].asInt(), kDiverged) << answer.toStyledString();
    EXPECT_EQ(answer["runs"][0]["plan"].asString(), "refuse");
    EXPECT_EQ(hosts.external.tip(kMain), left_at);
  }
  void expect_rewritten(const Json::Value& answer) {
    EXPECT_EQ(answer["code_status"].asInt(), 0) << answer.toStyledString();
    EXPECT_EQ(answer["runs"][0]["plan"].asString(), "rewrite");
    EXPECT_TRUE(hosts.tips_are_equal("main", "main"));
    EXPECT_EQ(hosts.external.fsck(), "");
  }

 private:
  int amended_ = 0;
};

TEST_F(PolicyTest, FfOnlyRefusesEveryRewriteUntilItIsForcedOnce) {
  begin("ff_only");
  EXPECT_EQ(repository("robot")["policy"].asString(), "ff_only");
  const auto before = hosts.external.tip(kMain).value();
  amend();
  expect_refused(sync(), before);
  expect_rewritten(sync("&force=true"));
}

TEST_F(PolicyTest, FollowRewritesWhatItPutThereAndNothingElse) {
  begin("follow");
  EXPECT_EQ(repository("robot")["policy"].asString(), "follow");
  amend();
  const auto before = hosts.external.tip(kMain);
  const auto planned = sync("&dry_run=true");
  EXPECT_EQ(planned["runs"][0]["plan"].asString(), "rewrite") << planned.toStyledString();
  EXPECT_EQ(hosts.external.tip(kMain), before);
  expect_rewritten(sync());
  // What was put there is known after a restart, too.
  restart();
  amend();
  expect_rewritten(sync());

  const auto put = hosts.external.tip(kMain).value();
  const auto theirs = hosts.external.commit_many(kMain, 1, "On the target");
  amend();
  expect_refused(sync("&dry_run=true"), theirs);
  const auto refused = sync();
  expect_refused(refused, theirs);
  for (const auto& said : {theirs.short_hex(), put.short_hex()}) {
    EXPECT_THAT(refused.toStyledString(), HasSubstr(said));
  }
  // Their work is taken over, and from then on it is followed again.
  hosts.internal.fetch_from(hosts.external, kMain);
  hosts.internal.commit_many(kMain, 1, "On top of theirs");
  EXPECT_EQ(sync()["runs"][0]["plan"].asString(), "fast_forward");
  amend();
  expect_rewritten(sync());
}

TEST_F(PolicyTest, FollowKnowsNothingOfWhatItFoundEqual) {
  hosts.internal.commit_many(kMain, 3);
  hosts.external.fetch_from(hosts.internal, kMain);
  start();
  set_policy("follow");
  ASSERT_EQ(sync()["runs"][0]["plan"].asString(), "nothing");
  const auto before = hosts.external.tip(kMain).value();
  amend();
  expect_refused(sync(), before);
}

TEST_F(PolicyTest, ForceRewritesAndKeepsABackupOfWhatItReplaces) {
  begin("force\n    backup_refs: true");
  EXPECT_EQ(repository("robot")["policy"].asString(), "force");
  const auto theirs = hosts.external.commit_many(kMain, 2, "On the target");
  amend();
  EXPECT_EQ(sync("&dry_run=true")["runs"][0]["plan"].asString(), "rewrite");
  expect_rewritten(sync());
  const auto kept =
      hosts.external.git({"for-each-ref", "--format=%(objectname) %(refname)", "refs/gitferry"});
  EXPECT_THAT(kept, ::testing::StartsWith(theirs.hex() + " refs/gitferry/backup/main/"));
  const auto row = api("GET", "/repo/robot/logs")["data"][0];
  EXPECT_EQ(row["target_tip_before"].asString(), theirs.hex());
  EXPECT_THAT(row["log"].asString(), HasSubstr("refs/gitferry/backup/main/"));
}

TEST_F(PolicyTest, ABranchesOwnPolicyWinsAndItsReloadMendsWhatWasRefused) {
  begin("ff_only");
  hosts.external.commit_many(kMain, 1, "On the target");
  amend();
  expect_refused(sync(), hosts.external.tip(kMain).value());
  reconfigure("{internal: main,", "{policy: force, internal: main,");
  EXPECT_TRUE(eventually([&] { return hosts.tips_are_equal("main", "main"); })) << hosts.agent().log();
  const auto rows = api("GET", "/robot/branch?page_size=100&create_sort=true")["data"];
  EXPECT_EQ(rows[0]["policy"].asString(), "force") << rows.toStyledString();
  EXPECT_EQ(rows[1]["policy"].asString(), "ff_only");
  EXPECT_EQ(repository("robot")["policy"].asString(), "ff_only");
  ASSERT_TRUE(eventually([&] { return api("GET", "/repo/robot/logs")["data"].size() == 3; })) << answers;
  EXPECT_EQ(api("GET", "/repo/robot/logs")["data"][0]["trigger"].asString(), "configuration");
}

}  // namespace
}  // namespace gitferry::test

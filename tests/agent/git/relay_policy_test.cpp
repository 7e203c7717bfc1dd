// What a rewrite is allowed to do: Policy::Follow and the backup of what is replaced.

#include <functional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "agent/base/text.h"
#include "tests/agent/git/protocol_way.h"
#include "tests/agent/git/relay_fixture.h"
#include "tests/agent/git/stateless_transport.h"

namespace gitferry::test {
namespace {

class RelayPolicy : public RelayFixture, public ::testing::WithParamInterface<Way> {
 protected:
  void SetUp() override { kind = GetParam().engine; }
  RunReport sync(const SyncRequest& request) {
    if (GetParam().is_stateless) {
      return relay(request, std::make_unique<StatelessTransport>(GetParam().version));
    }
    return relay(request, GetParam().version);
  }
  [[nodiscard]] SyncRequest following(const std::optional<ObjectId>& put_tip) const {
    auto made = request();
    made.refs.front().policy = Policy::Follow;
    made.refs.front().put_tip = put_tip;
    return made;
  }
  /// The source's branch as somebody amended its last commit.
  ObjectId amend() {
    return source.commit({kMain,
                          "Amended",
                          {{"a", std::to_string(++amended_)}},
                          std::vector{source.tip("refs/heads/main~1").value()}});
  }
  [[nodiscard]] std::vector<std::string> backups() const {
    std::vector<std::string> found;
    const auto listed = target.git({"for-each-ref", "--format=%(objectname) %(refname)", "refs/gitferry"});
    for (const auto line : split(listed, '\n')) {
      if (!line.empty()) found.emplace_back(line);
    }
    return found;
  }

 private:
  int amended_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Over, RelayPolicy, ::testing::Values(kPipesV0, kMirrorPipesV2), name_of_way);
INSTANTIATE_TEST_SUITE_P(FullOver, RelayPolicy,
                         ::testing::Values(kPipesV2, kRequestsV0, kRequestsV2, kMirrorRequestsV2),
                         name_of_way);

TEST_P(RelayPolicy, FollowReplacesWhatWasPutThere) {
  source.commit_many(kMain, 4);
  auto report = sync(following(std::nullopt));
  expect_arrived(report);
  EXPECT_EQ(tip_put_by(report), source.tip(kMain));
  const auto parent = source.tip("refs/heads/main~2").value();
  const auto amended = [&] { amend(); };
  const auto rewound = [&] { source.set_ref(kMain, parent); };
  const auto unrelated = [&] { source.commit({kMain, "Unrelated", {{"u", "u"}}, std::vector<ObjectId>{}}); };
  for (const auto& rewrite : std::vector<std::function<void()>>{amended, rewound, unrelated}) {
    rewrite();
    auto request = following(tip_put_by(report));
    request.dry_run = true;
    const auto planned = sync(request);
    EXPECT_FALSE(planned.error);
    EXPECT_EQ(planned.plan, Plan::Rewrite);
    EXPECT_FALSE(tip_put_by(planned));
    request.dry_run = false;
    const auto before = target.tip(kMain);
    report = sync(request);
    expect_arrived(report);
    EXPECT_EQ(report.plan, Plan::Rewrite);
    EXPECT_EQ(report.target_tip_before, before);
    EXPECT_TRUE(backups().empty());
  }
}

TEST_P(RelayPolicy, FollowFastForwardsWhateverIsThere) {
  source.commit_many(kMain, 4);
  target.fetch_from(source, kMain);
  source.commit_many(kMain, 2);
  const auto report = sync(following(std::nullopt));
  expect_arrived(report);
  EXPECT_EQ(report.plan, Plan::FastForward);
}

TEST_P(RelayPolicy, FollowRefusesWhatSomebodyElsePutThereAndSaysSo) {
  source.commit_many(kMain, 4);
  const auto put = tip_put_by(sync(following(std::nullopt)));
  const auto theirs = target.commit_many(kMain, 1, "On the target");
  amend();
  for (const bool dry_run : {true, false}) {
    auto request = following(put);
    request.dry_run = dry_run;
    request.keep_backup = true;
    const auto report = sync(request);
    ASSERT_TRUE(report.error);
    EXPECT_EQ(report.error->code, ErrorCode::Diverged);
    EXPECT_EQ(report.plan, Plan::Refuse);
    for (const auto& said : {theirs.short_hex(), put->short_hex(), std::string("somebody else moved")}) {
      EXPECT_NE(report.error->text().find(said), std::string::npos) << report.error->text();
    }
  }
  EXPECT_EQ(target.tip(kMain), theirs);
  EXPECT_TRUE(backups().empty());
}

TEST_P(RelayPolicy, FollowRefusesWhatItHasNoRecordOf) {
  source.commit_many(kMain, 4);
  expect_arrived(sync(request()));
  const auto before = target.tip(kMain);
  amend();
  const auto report = sync(following(std::nullopt));
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, ErrorCode::Diverged);
  EXPECT_NE(report.error->message.find("no record"), std::string::npos) << report.error->text();
  EXPECT_EQ(target.tip(kMain), before);
}

TEST_P(RelayPolicy, WhatIsReplacedIsKeptOnTheTarget) {
  source.commit_many(kMain, 4);
  expect_arrived(sync(request()));
  const auto theirs = target.commit_many(kMain, 2, "On the target");
  auto forced = request();
  forced.refs.front().policy = Policy::Force;
  forced.keep_backup = true;
  forced.dry_run = true;
  EXPECT_EQ(sync(forced).backup_ref, "");
  EXPECT_TRUE(backups().empty());
  forced.dry_run = false;
  amend();
  const auto report = sync(forced);
  expect_arrived(report);
  ASSERT_EQ(backups(), std::vector{theirs.hex() + " " + report.backup_ref});
  EXPECT_TRUE(report.backup_ref.starts_with("refs/gitferry/backup/main/20")) << report.backup_ref;
  EXPECT_TRUE(report.backup_ref.ends_with("Z-" + theirs.short_hex())) << report.backup_ref;
}

TEST_P(RelayPolicy, NothingIsKeptWhereNothingIsReplaced) {
  auto forced = request();
  forced.refs.front().policy = Policy::Force;
  forced.keep_backup = true;
  source.commit_many(kMain, 2);
  expect_arrived(sync(forced));
  source.commit_many(kMain, 2);
  expect_arrived(sync(forced));
  expect_arrived(sync(forced));
  EXPECT_TRUE(backups().empty());
}

TEST_P(RelayPolicy, NothingIsReplacedWhereTheTargetTakesNoBackup) {
  source.commit_many(kMain, 4);
  const auto put = tip_put_by(sync(following(std::nullopt)));
  amend();
  auto request = following(put);
  request.keep_backup = true;
  const auto hidden = [&] { target.set_config("receive.hideRefs", "refs/gitferry"); };
  const auto hooked = [&] {
    target.set_config("receive.hideRefs", "refs/none");
    target.set_hook("update", R"(case "$1" in refs/gitferry/*) echo "no backups here" >&2; exit 1;; esac)");
  };
  for (const auto& refuse : std::vector<std::function<void()>>{hidden, hooked}) {
    refuse();
    const auto report = sync(request);
    ASSERT_TRUE(report.error);
    EXPECT_FALSE(report.error->is_transient());
    EXPECT_NE(report.error->text().find("backup_refs"), std::string::npos) << report.error->text();
    EXPECT_EQ(report.backup_ref, "");
    EXPECT_EQ(target.tip(kMain), put);
    EXPECT_TRUE(backups().empty());
  }
}

TEST_P(RelayPolicy, ABackupThatIsThereAlreadyServes) {
  source.commit_many(kMain, 4);
  const auto put = tip_put_by(sync(following(std::nullopt)));
  auto request = following(put);
  request.keep_backup = true;
  // The first attempt keeps the tip, and its push is refused by a hook; the next one may come within the
  // second.
  target.set_hook("update", R"(case "$1" in refs/heads/*) exit 1;; esac)");
  amend();
  ASSERT_TRUE(sync(request).error);
  target.set_hook("update", "exit 0");
  expect_arrived(sync(request));
  for (const auto& kept : backups()) EXPECT_TRUE(kept.starts_with(put->hex())) << kept;
  EXPECT_GE(backups().size(), 1U);
}

/// Random work on both sides between runs whose records are sometimes lost.
class FollowOnRealRepositories : public RelayFixture, public ::testing::WithParamInterface<unsigned> {
 protected:
  [[nodiscard]] std::set<std::string> commits_of(const std::string& what) const {
    std::set<std::string> commits;
    const auto listed = target.git({"rev-list", what});
    for (const auto line : split(listed, '\n')) commits.emplace(line);
    return commits;
  }
  void work_at_source() {
    const auto parents = std::vector<ObjectId>{};
    switch (random_() % 5) {
      case 0:
      case 1:
        source.commit_many(kMain, 2, message());
        break;
      case 2:
        source.commit({kMain, message(), {{"a", message()}}, parents});
        break;
      case 3:
        if (const auto back = source.tip("refs/heads/main~1")) source.set_ref(kMain, *back);
        break;
      default:
        if (target.tip(kMain)) source.fetch_from(target, kMain);
    }
  }
  void work_at_target() {
    switch (random_() % 4) {
      case 0:
        target.commit_many(kMain, 1, message());
        break;
      case 1:
        if (const auto back = target.tip("refs/heads/main~1")) target.set_ref(kMain, *back);
        break;
      default:
        break;
    }
  }
  std::string message() { return "Commit of step " + std::to_string(++steps_); }

  std::mt19937 random_{GetParam()};
  int steps_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Seeds, FollowOnRealRepositories, ::testing::Range(0U, 3U));
INSTANTIATE_TEST_SUITE_P(FullSeeds, FollowOnRealRepositories, ::testing::Range(3U, 20U));

TEST_P(FollowOnRealRepositories, NothingThatGitferryDidNotPutThereIsEverLost) {
  source.commit_many(kMain, 3);
  std::optional<ObjectId> recorded;
  std::set<std::string> put_here;
  for (int step = 0; step < 12; ++step) {
    work_at_source();
    work_at_target();
    auto request = this->request();
    request.refs.front().policy = Policy::Follow;
    request.refs.front().put_tip = recorded;
    const auto before = target.tip(kMain);
    const auto had = before ? commits_of(before->hex()) : std::set<std::string>();
    const auto report = relay(request);
    if (report.error) {
      EXPECT_EQ(report.error->code, ErrorCode::Diverged) << report.error->text();
      EXPECT_EQ(target.tip(kMain), before);
      continue;
    }
    const auto has = commits_of(kMain);
    for (const auto& commit : had) {
      EXPECT_TRUE(has.contains(commit) || put_here.contains(commit)) << commit << " in step " << step;
    }
    if (report.plan == Plan::Nothing) continue;
    put_here.insert(has.begin(), has.end());
    const bool is_record_lost = random_() % 5 == 0;
    if (!is_record_lost) recorded = tip_put_by(report);
  }
}

}  // namespace
}  // namespace gitferry::test

#include <algorithm>
#include <filesystem>
#include <functional>

#include "tests/agent/git/protocol_way.h"
#include "tests/agent/git/relay_fixture.h"
#include "tests/agent/git/stateless_transport.h"

namespace gitferry::test {
namespace {

/// Every case runs over pipes and over requests that stand alone, with sources that speak protocol v2 and v0;
/// and with the mirror engine, which has to end in the same refs.
class Relay : public RelayFixture, public ::testing::WithParamInterface<Way> {
 protected:
  void SetUp() override { kind = GetParam().engine; }
  [[nodiscard]] bool is_relay() const { return kind == EngineKind::Relay; }
  static std::unique_ptr<Transport> transport() {
    if (GetParam().is_stateless) return std::make_unique<StatelessTransport>(GetParam().version);
    return std::make_unique<VersionedTransport>(GetParam().version);
  }
  RunReport sync(const SyncRequest& request) { return relay(request, transport()); }
  RunReport sync() { return sync(request()); }
};
INSTANTIATE_TEST_SUITE_P(Over, Relay, ::testing::Values(kRequestsV2, kMirrorPipesV2), name_of_way);
INSTANTIATE_TEST_SUITE_P(FullOver, Relay,
                         ::testing::Values(kPipesV0, kPipesV2, kRequestsV0, kMirrorPipesV0,
                                           kMirrorRequestsV2),
                         name_of_way);

TEST_P(Relay, CreatesTheBranchInAnEmptyTarget) {
  source.commit_many(kMain, 30);
  const auto report = sync();
  expect_arrived(report);
  EXPECT_EQ(report.plan, Plan::Create);
  EXPECT_FALSE(report.target_tip_before);
  EXPECT_GT(report.pack_bytes, 0U);
  EXPECT_EQ(report.spooled_bytes, 0U);
}

TEST_P(Relay, FastForwardsByOneAndByManyCommits) {
  source.commit_many(kMain, 20);
  expect_arrived(sync());
  for (const int count : {1, 250}) {
    const auto before = source.tip(kMain);
    source.commit_many(kMain, count);
    const auto report = sync();
    expect_arrived(report);
    EXPECT_EQ(report.plan, Plan::FastForward);
    EXPECT_EQ(report.target_tip_before, before);
    EXPECT_GE(report.new_commits, 1U);
    EXPECT_EQ(report.spooled_bytes, 0U);
  }
}

TEST_P(Relay, DoesNothingWhenBothTipsAreEqual) {
  source.commit_many(kMain, 3);
  expect_arrived(sync());
  const auto report = sync();
  expect_arrived(report);
  EXPECT_EQ(report.plan, Plan::Nothing);
  EXPECT_EQ(report.pack_bytes, 0U);
}

TEST_P(Relay, RenamesTheBranch) {
  source.commit_many("refs/heads/feature/login", 3);
  const auto create = request("refs/heads/feature/login", "refs/heads/stable/1.x");
  expect_arrived(sync(create), create.refs.front().source_ref, create.refs.front().target_ref);
  source.commit_many("refs/heads/feature/login", 3);
  const auto report = sync(create);
  expect_arrived(report, create.refs.front().source_ref, create.refs.front().target_ref);
  EXPECT_EQ(report.plan, Plan::FastForward);
  EXPECT_FALSE(target.tip("refs/heads/feature/login"));
}

TEST_P(Relay, RefusesADivergedTargetAndLeavesItAlone) {
  source.commit_many(kMain, 3);
  expect_arrived(sync());
  source.commit_many(kMain, 1, "On the source");
  const auto theirs = target.commit_many(kMain, 1, "On the target");
  const auto report = sync();
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, ErrorCode::Diverged);
  EXPECT_NE(report.error->text().find(theirs.short_hex()), std::string::npos);
  EXPECT_EQ(report.plan, Plan::Refuse);
  EXPECT_EQ(report.pack_bytes, 0U);
  EXPECT_EQ(target.tip(kMain), theirs);
}

TEST_P(Relay, RefusesEveryRewriteAndLeavesTheTargetAlone) {
  source.commit_many(kMain, 6);
  expect_arrived(sync());
  const auto synced = source.tip(kMain).value();
  source.set_ref("refs/heads/keep", synced);
  const auto parent = source.tip("refs/heads/main~1").value();
  const auto amend = [&] { source.commit({kMain, "Amended", {{"a", "amended"}}, std::vector{parent}}); };
  const auto rewind = [&] { source.set_ref(kMain, parent); };
  const auto unrelated = [&] { source.commit({kMain, "Unrelated", {{"u", "u"}}, std::vector<ObjectId>{}}); };
  for (const auto& rewrite : std::vector<std::function<void()>>{amend, rewind, unrelated}) {
    rewrite();
    const auto report = sync();
    ASSERT_TRUE(report.error);
    EXPECT_EQ(report.error->code, ErrorCode::Diverged) << report.error->text();
    EXPECT_EQ(report.plan, Plan::Refuse);
    EXPECT_EQ(target.tip(kMain), synced);
  }
}

TEST_P(Relay, ForceRewritesWhateverTheTargetHas) {
  source.commit_many(kMain, 6);
  expect_arrived(sync());
  source.set_ref("refs/heads/keep", *source.tip(kMain));
  const auto parent = source.tip("refs/heads/main~1").value();
  const auto amend = [&] { source.commit({kMain, "Amended", {{"a", "amended"}}, std::vector{parent}}); };
  const auto rewind = [&] { source.set_ref(kMain, source.tip("refs/heads/main~3").value()); };
  const auto unrelated = [&] { source.commit({kMain, "Unrelated", {{"u", "u"}}, std::vector<ObjectId>{}}); };
  const auto diverge = [&] {
    source.commit_many(kMain, 2, "On the source");
    target.commit_many(kMain, 3, "On the target");
  };
  auto forced = request();
  forced.refs.front().policy = Policy::Force;
  for (const auto& change : std::vector<std::function<void()>>{amend, rewind, diverge, unrelated, diverge}) {
    change();
    const auto before = target.tip(kMain);
    forced.dry_run = true;
    const auto planned = sync(forced);
    EXPECT_FALSE(planned.error);
    EXPECT_EQ(planned.plan, Plan::Rewrite);
    EXPECT_EQ(planned.pack_bytes, 0U);
    EXPECT_EQ(planned.target_tip_after, before);
    EXPECT_EQ(target.tip(kMain), before);
    forced.dry_run = false;
    const auto report = sync(forced);
    expect_arrived(report);
    EXPECT_EQ(report.plan, Plan::Rewrite);
    EXPECT_EQ(report.target_tip_before, before);
  }
}

TEST_P(Relay, ForceLeavesWhatNeedsNoneAsItIs) {
  auto forced = request();
  forced.refs.front().policy = Policy::Force;
  source.commit_many(kMain, 3);
  for (const auto plan : {Plan::Create, Plan::FastForward, Plan::Nothing}) {
    if (plan == Plan::FastForward) source.commit_many(kMain, 40);
    const auto report = sync(forced);
    expect_arrived(report);
    EXPECT_EQ(report.plan, plan);
  }
}

TEST_P(Relay, ForceSendsOnlyWhatTheTargetLacks) {
  source.commit_many(kMain, 300);
  const auto first = sync();
  expect_arrived(first);
  auto forced = request();
  forced.refs.front().policy = Policy::Force;
  target.commit_many(kMain, 1, "On the target");
  source.commit_many(kMain, 1, "On the source");
  target.set_ref("refs/heads/old", target.tip("refs/heads/main~1").value());
  const auto diverged = sync(forced);
  expect_arrived(diverged);
  EXPECT_LT(diverged.pack_bytes, first.pack_bytes / 10);
  // Back to a commit that another ref of the target has: nothing at all.
  source.set_ref(kMain, target.tip("refs/heads/old").value());
  target.commit_many(kMain, 1, "On the target again");
  const auto rewound = sync(forced);
  expect_arrived(rewound);
  EXPECT_EQ(rewound.pack_bytes, 32U);
}

TEST_P(Relay, ForceMovesATag) {
  source.commit_many(kMain, 2);
  const std::string tag = "refs/tags/v1";
  source.git({"tag", "-a", "-m", "First", "v1", kMain});
  expect_arrived(sync(request(tag, tag)), tag, tag);
  source.commit_many(kMain, 1);
  source.git({"tag", "-f", "-a", "-m", "Moved", "v1", kMain});
  auto forced = request(tag, tag);
  forced.refs.front().policy = Policy::Force;
  const auto before = target.tip(tag);
  forced.dry_run = true;
  EXPECT_EQ(sync(forced).plan, Plan::Rewrite);
  EXPECT_EQ(target.tip(tag), before);
  forced.dry_run = false;
  const auto report = sync(forced);
  expect_arrived(report, tag, tag);
  EXPECT_EQ(report.plan, Plan::Rewrite);
  EXPECT_EQ(report.target_tip_before, before);
}

TEST_P(Relay, ForceIsToldWhenTheTargetTakesNoRewrite) {
  source.commit_many(kMain, 3);
  expect_arrived(sync());
  target.set_config("receive.denyNonFastForwards", "true");
  source.commit({kMain, "Unrelated", {{"u", "u"}}, std::vector<ObjectId>{}});
  const auto before = target.tip(kMain);
  auto forced = request();
  forced.refs.front().policy = Policy::Force;
  const auto report = sync(forced);
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, ErrorCode::RejectedByRemote) << report.error->text();
  EXPECT_NE(report.error->message.find("non-fast-forward"), std::string::npos) << report.error->text();
  EXPECT_NE(report.error->hint.find("denyNonFastForwards"), std::string::npos);
  EXPECT_EQ(report.plan, Plan::Rewrite);
  EXPECT_EQ(target.tip(kMain), before);
}

TEST_P(Relay, TakesMergesOfEveryShape) {
  source.commit_many(kMain, 5);
  const auto base = source.tip(kMain).value();
  expect_arrived(sync());
  for (const auto* name : {"refs/heads/a", "refs/heads/b"}) {
    source.set_ref(name, base);
    source.commit_many(name, 3, name);
  }
  source.commit({"refs/heads/root", "Another root", {{"root", "r"}}, std::vector<ObjectId>{}});
  source.merge(kMain, {*source.tip("refs/heads/a"), *source.tip("refs/heads/b")});
  expect_arrived(sync());
  source.merge(kMain, {*source.tip("refs/heads/root")});
  expect_arrived(sync());
  // The old tip as the second parent only.
  const auto old_tip = source.tip(kMain).value();
  const auto other = source.commit({"refs/heads/other", "Side", {{"side", "s"}}, std::vector{base}});
  source.commit({kMain, "Merge the other way round", {{"m", "m"}}, std::vector{other, old_tip}});
  const auto report = sync();
  expect_arrived(report);
  EXPECT_EQ(report.plan, Plan::FastForward);
}

TEST_P(Relay, SendsAnEmptyPackForACommitThatTheTargetHas) {
  source.commit_many(kMain, 5);
  expect_arrived(sync());
  source.set_ref("refs/heads/copy", *source.tip(kMain));
  const auto copy = request("refs/heads/copy", "refs/heads/copy");
  const auto report = sync(copy);
  expect_arrived(report, copy.refs.front().source_ref, copy.refs.front().target_ref);
  EXPECT_EQ(report.pack_bytes, 32U);
}

TEST_P(Relay, SendsOnlyTheNewBranchsOwnObjects) {
  source.commit_many(kMain, 300);
  const auto first = sync();
  expect_arrived(first);
  source.set_ref("refs/heads/feature/x", *source.tip(kMain));
  source.commit_many("refs/heads/feature/x", 2, "On the feature");
  const auto feature = request("refs/heads/feature/x", "refs/heads/feature/x");
  const auto report = sync(feature);
  expect_arrived(report, feature.refs.front().source_ref, feature.refs.front().target_ref);
  EXPECT_LT(report.pack_bytes, first.pack_bytes / 10);
}

TEST_P(Relay, SaysThatTheSourcesBranchIsMissing) {
  for (const bool is_empty : {true, false}) {
    if (!is_empty) source.commit_many("refs/heads/main2", 1);
    const auto report = sync();
    ASSERT_TRUE(report.error);
    EXPECT_EQ(report.error->code, ErrorCode::BranchMissing);
    EXPECT_FALSE(target.tip(kMain));
  }
}

TEST_P(Relay, SaysThatARepositoryIsMissing) {
  source.commit_many(kMain, 1);
  for (const bool missing_source : {true, false}) {
    auto wrong = request();
    (missing_source ? wrong.source : wrong.target).url.path += ".missing";
    const auto report = sync(wrong);
    ASSERT_TRUE(report.error);
    EXPECT_EQ(report.error->code, ErrorCode::RepositoryMissing) << report.error->text();
  }
}

TEST_P(Relay, DryRunPlansAndWritesNothing) {
  source.commit_many(kMain, 5);
  auto dry = request();
  dry.dry_run = true;
  EXPECT_EQ(sync(dry).plan, Plan::Create);
  EXPECT_FALSE(target.tip(kMain));
  expect_arrived(sync());
  const auto before = target.tip(kMain);
  source.commit_many(kMain, 5);
  const auto report = sync(dry);
  EXPECT_FALSE(report.error);
  EXPECT_EQ(report.plan, Plan::FastForward);
  EXPECT_EQ(report.pack_bytes, 0U);
  EXPECT_EQ(report.target_tip_after, before);
  EXPECT_EQ(target.tip(kMain), before);
}

TEST_P(Relay, ReportsADecliningHookAndItsWords) {
  source.commit_many(kMain, 1);
  target.set_hook("pre-receive", "echo 'releases are frozen' >&2; exit 1");
  const auto report = sync();
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, ErrorCode::ProtectedBranch);
  EXPECT_NE(report.remote_text.find("releases are frozen"), std::string::npos);
  EXPECT_FALSE(target.tip(kMain));
}

TEST_P(Relay, ReportsHiddenRefsAsProtected) {
  source.commit_many(kMain, 1);
  target.set_config("receive.hideRefs", "refs/heads/main");
  const auto report = sync();
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, ErrorCode::ProtectedBranch) << report.error->text();
}

TEST_P(Relay, CarriesTagObjectsAndRefusesToMoveThem) {
  source.commit_many(kMain, 2);
  const std::string tag = "refs/tags/v1";
  source.git({"tag", "-a", "-m", "First", "v1", kMain});
  source.git({"tag", "-a", "-m", "Nested", "nested", "v1"});
  for (const std::string name : {"refs/tags/v1", "refs/tags/nested"}) {
    expect_arrived(sync(request(name, name)), name, name);
  }
  source.commit_many(kMain, 1);
  source.git({"tag", "-f", "-a", "-m", "Moved", "v1", kMain});
  const auto before = target.tip(tag);
  const auto report = sync(request(tag, tag));
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, ErrorCode::Diverged);
  EXPECT_EQ(target.tip(tag), before);
}

TEST_P(Relay, CarriesSha256Repositories) {
  if (!is_relay()) GTEST_SKIP() << "libgit2 knows SHA-1 alone";
  source = GitRepository::init(directory / "source256.git", ObjectFormat::Sha256);
  target = GitRepository::init(directory / "target256.git", ObjectFormat::Sha256);
  source.commit_many(kMain, 10);
  expect_arrived(sync());
  source.commit_many(kMain, 10);
  const auto report = sync();
  expect_arrived(report);
  EXPECT_EQ(report.plan, Plan::FastForward);
}

TEST_P(Relay, TheMirrorSaysThatItKnowsNoSha256) {
  if (is_relay()) GTEST_SKIP() << "the relay does";
  source = GitRepository::init(directory / "source256.git", ObjectFormat::Sha256);
  target = GitRepository::init(directory / "target256.git", ObjectFormat::Sha256);
  source.commit_many(kMain, 1);
  const auto report = sync();
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, ErrorCode::RejectedByRemote);
  EXPECT_NE(report.error->text().find("sync.engine"), std::string::npos) << report.error->text();
  EXPECT_FALSE(target.tip(kMain));
}

TEST_P(Relay, RefusesDifferentObjectFormatsBeforeAnythingIsSent) {
  target = GitRepository::init(directory / "target256.git", ObjectFormat::Sha256);
  source.commit_many(kMain, 1);
  const auto report = sync();
  ASSERT_TRUE(report.error);
  EXPECT_NE(report.error->message.find("sha256"), std::string::npos);
  EXPECT_EQ(report.pack_bytes, 0U);
}

TEST_P(Relay, SaysThatTheSourceIsAShallowClone) {
  source.commit_many(kMain, 5);
  const GitRepository shallow(directory / "shallow.git");
  source.git({"clone", "--quiet", "--bare", "--depth=1", "--", "file://" + source.path(), shallow.path()});
  auto from_shallow = request();
  from_shallow.source = remote_of(shallow);
  const auto report = sync(from_shallow);
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, ErrorCode::RejectedByRemote);
  EXPECT_NE(report.error->text().find("shallow"), std::string::npos);
  EXPECT_FALSE(target.tip(kMain));
}

TEST_P(Relay, PushesIntoAShallowTarget) {
  source.commit_many(kMain, 5);
  target = GitRepository(directory / "shallow.git");
  source.git({"clone", "--quiet", "--bare", "--depth=1", "--", "file://" + source.path(), target.path()});
  source.commit_many(kMain, 2);
  const auto report = sync();
  expect_arrived(report);
  EXPECT_EQ(report.plan, Plan::FastForward);
}

TEST_P(Relay, StreamsALargePackWithoutSpooling) {
  std::string noise(3U << 20U, '\0');
  std::uint32_t state = 7;
  for (auto& c : noise) {
    state = state * 1664525U + 1013904223U;
    c = static_cast<char>(state >> 24U);
  }
  source.commit({.message = "Large", .files = {{"large.bin", noise}}});
  const auto report = sync();
  expect_arrived(report);
  EXPECT_GT(report.pack_bytes, noise.size());
  EXPECT_EQ(report.spooled_bytes, 0U);
  EXPECT_FALSE(std::filesystem::exists(directory / "spool"));
}

TEST_P(Relay, SurvivesTargetsWithStrictChecksAndAlternates) {
  source.commit_many(kMain, 40);
  target.set_config("receive.fsckObjects", "true");
  target.set_config("receive.unpackLimit", "1");
  expect_arrived(sync());
  const auto borrower = GitRepository(directory / "borrower.git");
  target.git({"clone", "--quiet", "--bare", "--shared", "--", target.path(), borrower.path()});
  borrower.delete_ref(kMain);
  target = borrower;
  source.commit_many("refs/heads/next", 1);
  source.set_ref("refs/heads/next", *source.tip(kMain));
  source.commit_many("refs/heads/next", 1, "Next");
  const auto next = request("refs/heads/next", "refs/heads/next");
  const auto report = sync(next);
  expect_arrived(report, next.refs.front().source_ref, next.refs.front().target_ref);
  // The alternate's tip was told to the source as a have.
  EXPECT_LT(report.pack_bytes, 3000U);
}

TEST_P(Relay, ListsBranchesByName) {
  source.commit_many(kMain, 1);
  source.set_ref("refs/heads/feature/x", *source.tip(kMain));
  source.git({"tag", "v1", kMain});
  const auto engine = engine_over(transport());
  const auto branches = engine->list_refs(remote_of(source), RefScope::Branches, {});
  ASSERT_TRUE(branches) << branches.error().text();
  ASSERT_EQ(branches->size(), 2U);
  EXPECT_EQ((*branches)[0].ref, "refs/heads/feature/x");
  EXPECT_EQ((*branches)[1].ref, kMain);
  EXPECT_EQ((*branches)[1].tip, *source.tip(kMain));
  const auto none = engine->list_refs(remote_of(target), RefScope::Branches, {});
  ASSERT_TRUE(none) << none.error().text();
  EXPECT_TRUE(none->empty());
}

TEST_P(Relay, OneEngineServesManyRuns) {
  const auto engine = engine_over(transport());
  for (int i = 0; i < 4; ++i) {
    source.commit_many(kMain, 2);
    expect_arrived(engine->sync(request(), {}).front());
  }
}

}  // namespace
}  // namespace gitferry::test

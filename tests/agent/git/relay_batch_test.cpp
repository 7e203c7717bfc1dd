// Many refs in one transfer: a result for each, and none holds back another.

#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "agent/base/text.h"
#include "tests/agent/git/protocol_way.h"
#include "tests/agent/git/relay_fixture.h"
#include "tests/agent/git/stateless_transport.h"
#include "tests/agent/git/tapped_transport.h"

namespace gitferry::test {
namespace {

std::string branch(std::string_view name) {
  return "refs/heads/" + std::string(name);
}

class RelayBatchFixture : public RelayFixture {
 protected:
  [[nodiscard]] virtual Way way() const = 0;
  [[nodiscard]] bool is_relay() const { return way().engine == EngineKind::Relay; }
  [[nodiscard]] std::unique_ptr<Transport> transport() const {
    if (way().is_stateless) return std::make_unique<StatelessTransport>(way().version);
    return std::make_unique<VersionedTransport>(way().version);
  }
  /// The same refs on both sides.
  [[nodiscard]] SyncRequest asking(const std::vector<std::string>& refs) const {
    SyncRequest made{remote_of(source), remote_of(target), {}};
    for (const auto& ref : refs) made.refs.push_back({ref, ref});
    return made;
  }
  std::vector<RunReport> sync(const SyncRequest& request) {
    kind = way().engine;
    return engine_over(transport())->sync(request, {});
  }
  void expect_plan(const RunReport& report, Plan plan, const std::string& ref) {
    EXPECT_FALSE(report.error) << ref << ": " << report.error->text();
    EXPECT_EQ(report.plan, plan) << ref << " " << name_of(report.plan);
    EXPECT_EQ(target.tip(ref), source.tip(ref)) << ref;
  }
  /// As many times over, with two looks at the repositories instead of two a ref.
  void expect_plans(const std::vector<RunReport>& reports, const std::vector<std::string>& refs,
                    const std::function<Plan(std::size_t)>& plan) {
    for (std::size_t i = 0; i < refs.size(); ++i) {
      EXPECT_FALSE(reports[i].error) << refs[i] << ": " << reports[i].error->text();
      EXPECT_EQ(reports[i].plan, plan(i)) << refs[i] << " " << name_of(reports[i].plan);
    }
    std::vector<std::string> listing{"for-each-ref", "--format=%(objectname) %(refname)"};
    listing.insert(listing.end(), refs.begin(), refs.end());
    EXPECT_EQ(target.git(listing), source.git(listing));
  }
  static void expect_error(const RunReport& report, ErrorCode code, const std::string& said) {
    ASSERT_TRUE(report.error) << said;
    EXPECT_EQ(report.error->code, code) << report.error->text();
    EXPECT_NE(report.error->text().find(said), std::string::npos) << report.error->text();
    EXPECT_FALSE(report.error->hint.empty());
  }
  [[nodiscard]] std::vector<std::string> backups() const {
    std::vector<std::string> found;
    const auto listed = target.git({"for-each-ref", "--format=%(objectname) %(refname)", "refs/gitferry"});
    for (const auto line : split(listed, '\n')) {
      if (!line.empty()) found.emplace_back(line);
    }
    return found;
  }
  /// `count` branches of the source, each with a commit of its own on a common history.
  std::vector<std::string> branches(int count) {
    const auto base = source.commit_many(kMain, 5);
    std::vector<std::string> names;
    std::string stream;
    for (int i = 0; i < count; ++i) {
      names.push_back(branch(fmt::format("topic-{:04}", i)));
      stream += fmt::format(
          "commit {}\ncommitter T <t@example.org> {} +0000\ndata 6\nTopic\nfrom {}\n"
          "M 100644 inline topic\ndata 5\n{:05}\n",
          names.back(), 1'700'000'000 + i, base.hex(), i);
    }
    source.git({"fast-import", "--quiet", "--force"}, stream);
    return names;
  }
};

class RelayBatchTest : public RelayBatchFixture, public ::testing::WithParamInterface<Way> {
 protected:
  [[nodiscard]] Way way() const override { return GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(Over, RelayBatchTest, ::testing::Values(kRequestsV2, kMirrorPipesV2), name_of_way);
INSTANTIATE_TEST_SUITE_P(FullOver, RelayBatchTest,
                         ::testing::Values(kPipesV0, kPipesV2, kRequestsV0, kMirrorRequestsV2), name_of_way);

TEST_P(RelayBatchTest, NewOnesFastForwardsAndEqualOnesGoInOneTransfer) {
  auto refs = branches(20);
  for (const auto& report : sync(asking(refs))) {
    EXPECT_FALSE(report.error);
    EXPECT_EQ(report.plan, Plan::Create);
    EXPECT_EQ(report.refs_in_transfer, 20U);
    EXPECT_EQ(report.spooled_bytes, 0U);
  }
  for (int i = 0; i < 10; ++i) source.commit_many(refs[static_cast<std::size_t>(i)], i + 1);
  refs.push_back(branch("another"));
  source.set_ref(refs.back(), *source.tip(kMain));
  auto counting = std::make_unique<StatelessTransport>(2);
  const auto& counted = *counting;
  RelayEngine engine(std::move(counting), limits, directory / "spool", clock);
  const auto reports = engine.sync(asking(refs), {});
  expect_plans(reports, refs, [](std::size_t i) {
    return i < 10 ? Plan::FastForward : i < 20 ? Plan::Nothing : Plan::Create;
  });
  EXPECT_EQ(reports[0].refs_in_transfer, 11U);
  EXPECT_GT(reports[0].new_commits, 0U);
  // One listing a side, one fetch, one push.
  EXPECT_EQ(counted.advertisements, 2);
  EXPECT_EQ(counted.requests, 3);
  EXPECT_EQ(target.fsck(), "");
}

TEST_P(RelayBatchTest, NewBranchesCostOnlyTheirOwnObjects) {
  std::string noise;
  std::mt19937 random(1);
  for (int i = 0; i < 200'000; ++i) noise += static_cast<char>(random());
  source.commit({kMain, "Large", {{"large", noise}}});
  ASSERT_FALSE(sync(asking({kMain}))[0].error);
  const auto refs = branches(8);
  const auto reports = sync(asking(refs));
  for (const auto& report : reports) EXPECT_FALSE(report.error);
  EXPECT_LT(reports[0].pack_bytes, 20'000U);
  EXPECT_EQ(target.fsck(), "");
}

TEST_P(RelayBatchTest, MoreRefsThanAreAskedForByName) {
  auto refs = branches(100);
  refs.push_back("refs/tags/v1");
  source.git({"tag", "v1", "main"});
  auto reports = sync(asking(refs));
  expect_plans(reports, refs, [](std::size_t) { return Plan::Create; });
  source.commit_many(refs[80], 2);
  reports = sync(asking(refs));
  expect_plans(reports, refs, [](std::size_t i) { return i == 80 ? Plan::FastForward : Plan::Nothing; });
}

TEST_P(RelayBatchTest, OneThatCannotBeSyncedHoldsBackNoOther) {
  const auto refs = branches(4);
  sync(asking(refs));
  for (const auto& ref : refs) source.commit_many(ref, 1);
  const auto theirs = target.commit_many(refs[1], 1, "On the target");
  target.set_hook("update", "test \"$1\" != " + refs[2]);
  auto asked = asking(refs);
  asked.refs.push_back({branch("nowhere"), branch("nowhere")});
  const auto reports = sync(asked);
  expect_plan(reports[0], Plan::FastForward, refs[0]);
  expect_error(reports[1], ErrorCode::Diverged, theirs.short_hex());
  EXPECT_EQ(reports[1].plan, Plan::Refuse);
  EXPECT_EQ(target.tip(refs[1]), theirs);
  expect_error(reports[2], ErrorCode::ProtectedBranch, "hook declined");
  expect_plan(reports[3], Plan::FastForward, refs[3]);
  expect_error(reports[4], ErrorCode::BranchMissing, "nowhere");
  EXPECT_EQ(target.fsck(), "");
}

TEST_P(RelayBatchTest, AHookThatRefusesAllForTheSakeOfOneIsOfferedHalves) {
  const auto refs = branches(12);
  target.set_hook("pre-receive", "! grep -q -e " + refs[3] + " -e " + refs[8]);
  const auto reports = sync(asking(refs));
  for (std::size_t i = 0; i < refs.size(); ++i) {
    if (i == 3 || i == 8) {
      expect_error(reports[i], ErrorCode::ProtectedBranch, "pre-receive hook declined");
      EXPECT_FALSE(target.tip(refs[i]));
    } else {
      expect_plan(reports[i], Plan::Create, refs[i]);
    }
  }
}

TEST_P(RelayBatchTest, ATargetThatTakesNothingIsAskedForHalvesAndThenForEach) {
  const auto refs = branches(6);
  target.set_hook("pre-receive", "echo x >> \"$GIT_DIR/asked\"; exit 1");
  for (const auto& report : sync(asking(refs)))
    expect_error(report, ErrorCode::ProtectedBranch, "pre-receive hook declined");
  // An x and a newline a push.
  EXPECT_LE(std::filesystem::file_size(target.path() + "/asked"), 2U * 2U * 6U);
}

TEST_P(RelayBatchTest, AnObjectThatTheTargetRefusesKeepsOnlyItsOwnBranchBack) {
  auto refs = branches(6);
  // No author's e-mail: receive.fsckObjects refuses it.
  const auto tree = source.git({"rev-parse", "main^{tree}"});
  const auto bad = source.git({"hash-object", "-t", "commit", "-w", "--stdin", "--literally"},
                              "tree " + tree + "\nauthor X 1 +0000\ncommitter X <x@x> 1 +0000\n\nBad\n");
  source.set_ref(refs[4], ObjectId::from_hex(bad).value());
  target.set_config("receive.fsckObjects", "true");
  const auto reports = sync(asking(refs));
  for (std::size_t i = 0; i < refs.size(); ++i) {
    if (i == 4) {
      expect_error(reports[i], ErrorCode::RejectedByRemote, "could not take the pack");
    } else {
      expect_plan(reports[i], Plan::Create, refs[i]);
    }
  }
}

TEST_P(RelayBatchTest, AFastForwardByWayOfAnotherBranchOfTheTargetIsFound) {
  const auto old_tip = source.commit_many(kMain, 3);
  const auto other = branch("other");
  source.set_ref(other, old_tip);
  source.commit_many(other, 2);
  ASSERT_FALSE(sync(asking({kMain, other}))[0].error);
  source.commit({kMain, "On the other's", {{"x", "x"}}, std::vector{*source.tip(other)}});
  source.commit_many(other, 1);
  const auto reports = sync(asking({kMain, other}));
  expect_plan(reports[0], Plan::FastForward, kMain);
  expect_plan(reports[1], Plan::FastForward, other);
}

TEST_P(RelayBatchTest, RewritesAsEachPolicyAllowsAndKeepsWhatIsReplaced) {
  const auto refs = branches(4);
  sync(asking(refs));
  std::vector<ObjectId> before;
  for (const auto& ref : refs) {
    before.push_back(*target.tip(ref));
    source.commit({ref, "Amended", {{"amended", ref}}, std::vector{*source.tip(kMain)}});
  }
  auto asked = asking(refs);
  asked.keep_backup = true;
  asked.refs[0].policy = Policy::Force;
  asked.refs[1].policy = Policy::Follow;
  asked.refs[1].put_tip = before[1];
  asked.refs[2].policy = Policy::Follow;
  asked.refs[2].put_tip = *source.tip(kMain);
  for (const bool dry_run : {true, false}) {
    asked.dry_run = dry_run;
    const auto reports = sync(asked);
    for (std::size_t i = 0; i < refs.size(); ++i)
      EXPECT_EQ(reports[i].plan, i < 2 ? Plan::Rewrite : Plan::Refuse);
    expect_error(reports[2], ErrorCode::Diverged, "somebody else moved");
    expect_error(reports[3], ErrorCode::Diverged, before[3].short_hex());
    if (dry_run) {
      for (std::size_t i = 0; i < refs.size(); ++i) EXPECT_EQ(target.tip(refs[i]), before[i]);
      EXPECT_TRUE(backups().empty());
    } else {
      expect_plan(reports[0], Plan::Rewrite, refs[0]);
      expect_plan(reports[1], Plan::Rewrite, refs[1]);
      EXPECT_EQ(backups(), (std::vector{before[0].hex() + " " + reports[0].backup_ref,
                                        before[1].hex() + " " + reports[1].backup_ref}));
    }
  }
}

TEST_P(RelayBatchTest, ADryRunTellsEachPlanAndWritesNothing) {
  const auto refs = branches(5);
  sync(asking({refs[0], refs[1], refs[2]}));
  source.commit_many(refs[1], 1);
  target.commit_many(refs[2], 1, "On the target");
  source.delete_ref(refs[4]);
  auto asked = asking(refs);
  asked.dry_run = true;
  const auto before = target.git({"for-each-ref"});
  const auto reports = sync(asked);
  EXPECT_EQ(reports[0].plan, Plan::Nothing);
  EXPECT_EQ(reports[1].plan, Plan::FastForward);
  EXPECT_EQ(reports[2].plan, Plan::Refuse);
  EXPECT_EQ(reports[3].plan, Plan::Create);
  EXPECT_EQ(reports[4].error->code, ErrorCode::BranchMissing);
  for (const auto& report : reports) {
    EXPECT_TRUE(report.dry_run);
    EXPECT_EQ(report.pack_bytes, 0U);
  }
  EXPECT_EQ(target.git({"for-each-ref"}), before);
}

TEST_P(RelayBatchTest, TagsAreMadeAndMovedOnlyWhereThePolicyAllows) {
  source.commit_many(kMain, 3);
  source.git({"tag", "light", "main~1"});
  source.git({"tag", "-a", "-m", "Annotated", "annotated", "main"});
  source.git({"tag", "-a", "-m", "Nested", "nested", "annotated"});
  source.set_ref(branch("light"), *source.tip(kMain));
  const std::vector<std::string> refs{"refs/tags/light", "refs/tags/annotated", "refs/tags/nested",
                                      branch("light"), kMain};
  auto reports = sync(asking(refs));
  for (std::size_t i = 0; i < refs.size(); ++i) expect_plan(reports[i], Plan::Create, refs[i]);
  const auto before = target.tip("refs/tags/light").value();
  source.git({"tag", "-f", "light", "main"});
  source.commit_many(branch("light"), 1);
  auto asked = asking(refs);
  reports = sync(asked);
  expect_error(reports[0], ErrorCode::Diverged, "tag that moved");
  EXPECT_EQ(target.tip("refs/tags/light"), before);
  expect_plan(reports[3], Plan::FastForward, branch("light"));
  asked.refs[0].policy = Policy::Follow;
  asked.refs[0].put_tip = before;
  reports = sync(asked);
  expect_plan(reports[0], Plan::Rewrite, refs[0]);
  EXPECT_EQ(target.fsck(), "");
}

TEST_P(RelayBatchTest, ARefThatMovesMeanwhileGetsAnotherLook) {
  const auto refs = branches(3);
  sync(asking(refs));
  for (const auto& ref : refs) source.commit_many(ref, 2);
  const auto between = source.tip(refs[1] + "~1").value();
  Taps taps;
  bool has_moved = false;
  taps.on_request = [&](GitService service, std::optional<std::uint64_t>) -> Status {
    if (service != GitService::ReceivePack || std::exchange(has_moved, true)) return {};
    target.fetch_from(source, refs[1]);
    target.set_ref(refs[1], between);
    return {};
  };
  const auto inner = transport();
  RelayEngine engine(std::make_unique<TappedTransport>(*inner, taps), limits, directory / "spool", clock);
  const auto reports = engine.sync(asking(refs), {});
  EXPECT_TRUE(has_moved);
  for (std::size_t i = 0; i < refs.size(); ++i) expect_plan(reports[i], Plan::FastForward, refs[i]);
}

TEST_P(RelayBatchTest, WhatCameMeanwhileIsNeitherReplacedNorDeleted) {
  const auto refs = branches(3);
  sync(asking(refs));
  source.commit({refs[0], "Amended", {{"a", "a"}}, std::vector{*source.tip(kMain)}});
  source.delete_ref(refs[1]);
  auto asked = asking(refs);
  for (auto& ref : asked.refs) {
    ref.policy = Policy::Force;
    ref.propagate_deletion = true;
    ref.common_tip = target.tip(ref.target_ref);
  }
  Taps taps;
  std::vector<ObjectId> theirs;
  taps.on_request = [&](GitService service, std::optional<std::uint64_t>) -> Status {
    if (service != GitService::ReceivePack || !theirs.empty()) return {};
    theirs = {target.commit_many(refs[0], 1, "Theirs"), target.commit_many(refs[1], 1, "Theirs")};
    return {};
  };
  const auto inner = transport();
  RelayEngine engine(std::make_unique<TappedTransport>(*inner, taps), limits, directory / "spool", clock);
  const auto reports = engine.sync(asked, {});
  for (std::size_t i = 0; i < 2; ++i) {
    expect_error(reports[i], ErrorCode::LeaseLost, "moved");
    EXPECT_EQ(target.tip(refs[i]), theirs[i]);
  }
}

class RelayDeletion : public RelayBatchTest {
 protected:
  /// Both sides have `count` branches besides main.
  void SetUp() override {
    refs = branches(20);
    refs.insert(refs.begin(), kMain);
    sync(asking(refs));
  }
  [[nodiscard]] SyncRequest deleting(const std::vector<std::string>& names) const {
    auto asked = asking(names);
    for (auto& ref : asked.refs) {
      ref.propagate_deletion = true;
      ref.common_tip = source.tip(ref.source_ref);
    }
    return asked;
  }
  void delete_at_source(const std::vector<std::string>& names) {
    for (const auto& name : names) source.delete_ref(name);
  }

  std::vector<std::string> refs;
};
INSTANTIATE_TEST_SUITE_P(Over, RelayDeletion, ::testing::Values(kRequestsV2, kMirrorPipesV2), name_of_way);
INSTANTIATE_TEST_SUITE_P(FullOver, RelayDeletion,
                         ::testing::Values(kPipesV0, kPipesV2, kRequestsV0, kMirrorRequestsV2), name_of_way);

TEST_P(RelayDeletion, IsPropagatedAloneAndAmongOthers) {
  for (const auto& names : {std::vector{refs[1]}, std::vector{refs[2], refs[3], refs[4]}}) {
    auto asked = deleting(names);
    asked.keep_backup = names.size() == 1;
    const auto before = target.tip(names[0]).value();
    delete_at_source({names[0]});
    if (names.size() > 1) source.commit_many(names.back(), 1);
    asked.dry_run = true;
    EXPECT_EQ(sync(asked)[0].plan, Plan::Delete);
    EXPECT_EQ(target.tip(names[0]), before);
    asked.dry_run = false;
    const auto reports = sync(asked);
    EXPECT_FALSE(reports[0].error) << reports[0].error->text();
    EXPECT_EQ(reports[0].plan, Plan::Delete);
    EXPECT_EQ(reports[0].target_tip_before, before);
    EXPECT_FALSE(reports[0].target_tip_after);
    EXPECT_FALSE(target.tip(names[0]));
    if (names.size() == 1) {
      EXPECT_EQ(backups(), std::vector{before.hex() + " " + reports[0].backup_ref});
    } else {
      expect_plan(reports[2], Plan::FastForward, names[2]);
    }
    // Gone on both sides: in step.
    const auto again = sync(asked)[0];
    EXPECT_FALSE(again.error);
    EXPECT_EQ(again.plan, Plan::Nothing);
  }
  EXPECT_EQ(target.fsck(), "");
}

TEST_P(RelayDeletion, IsNotPropagatedUnlessItIsAskedFor) {
  delete_at_source({refs[1], refs[2]});
  for (const auto& report : sync(asking({refs[1], refs[2]})))
    expect_error(report, ErrorCode::BranchMissing, "no such branch");
  EXPECT_TRUE(target.tip(refs[1]));
}

TEST_P(RelayDeletion, SparesWhatSomebodyElsePutThere) {
  for (const auto& names : {std::vector{refs[1]}, std::vector{refs[2], refs[3]}}) {
    auto asked = deleting(names);
    const auto theirs = target.commit_many(names[0], 1, "Theirs");
    delete_at_source(names);
    const auto reports = sync(asked);
    expect_error(reports[0], ErrorCode::Diverged, theirs.short_hex());
    EXPECT_EQ(reports[0].plan, Plan::Refuse);
    EXPECT_EQ(target.tip(names[0]), theirs);
    EXPECT_EQ(target.tip(names.back()).has_value(), names.size() == 1);
    asked.refs[0].policy = Policy::Force;
    EXPECT_FALSE(sync(asked)[0].error);
    EXPECT_FALSE(target.tip(names[0]));
  }
}

TEST_P(RelayDeletion, SparesWhatTheSourceIsNotKnownToHaveHadWhateverThePolicy) {
  const auto theirs = branch("theirs");
  target.set_ref(theirs, *target.tip(kMain));
  auto asked = asking({theirs});
  asked.refs[0].policy = Policy::Force;
  asked.refs[0].propagate_deletion = true;
  asked.may_delete_many = true;
  expect_error(sync(asked)[0], ErrorCode::Diverged, "known to have been on the source");
  EXPECT_TRUE(target.tip(theirs));
}

TEST_P(RelayDeletion, GoesOnBesideABranchThatHasToBeLookedAtAlone) {
  auto asked = deleting({refs[1], refs[2]});
  delete_at_source({refs[1]});
  std::string noise;
  std::mt19937 random(3);
  for (int i = 0; i < 300'000; ++i) noise += static_cast<char>(random());
  source.commit({refs[2], "Large", {{"large", noise}}});
  const auto theirs = target.commit_many(refs[2], 1, "Theirs");
  const auto reports = sync(asked);
  EXPECT_FALSE(reports[0].error) << reports[0].error->text();
  EXPECT_EQ(reports[0].plan, Plan::Delete);
  EXPECT_FALSE(target.tip(refs[1]));
  expect_error(reports[1], ErrorCode::Diverged, theirs.short_hex());
}

TEST_P(RelayDeletion, AtTheTargetIsNotUndoneWhereTheBindingGoesBothWays) {
  for (const auto& names : {std::vector{refs[1]}, std::vector{refs[2], refs[3]}}) {
    auto asked = deleting(names);
    for (auto& ref : asked.refs) ref.may_be_deleted_at_target = true;
    target.delete_ref(names[0]);
    const auto reports = sync(asked);
    expect_error(reports[0], ErrorCode::BranchMissing, "the target has deleted it");
    EXPECT_FALSE(target.tip(names[0]));
    // What was pushed since is worth more than the deletion.
    source.commit_many(names[0], 1);
    expect_plan(sync(asked)[0], Plan::Create, names[0]);
  }
}

TEST_P(RelayDeletion, NeverTakesTheDefaultBranch) {
  auto asked = deleting({kMain, refs[1]});
  delete_at_source({kMain, refs[1]});
  for (auto& ref : asked.refs) ref.policy = Policy::Force;
  const auto reports = sync(asked);
  expect_error(reports[0], ErrorCode::ProtectedBranch, "default branch");
  EXPECT_TRUE(target.tip(kMain));
  EXPECT_FALSE(target.tip(refs[1]));
  asked.refs.resize(1);
  expect_error(sync(asked)[0], ErrorCode::ProtectedBranch, "default branch");
}

TEST_P(RelayDeletion, AnEmptySourceDeletesNothing) {
  auto asked = deleting({refs[1]});
  delete_at_source(refs);
  asked.refs[0].policy = Policy::Force;
  asked.may_delete_many = true;
  expect_error(sync(asked)[0], ErrorCode::BranchMissing, "no branch at all");
  EXPECT_TRUE(target.tip(refs[1]));
}

TEST_P(RelayDeletion, OfManyAtOnceIsRefused) {
  const std::vector<std::string> five(refs.begin() + 1, refs.begin() + 6);
  auto asked = deleting(five);
  delete_at_source(five);
  source.commit_many(refs[10], 1);
  asked.refs.push_back({refs[10], refs[10]});
  // 21 refs: a fifth of them are 4.
  auto reports = sync(asked);
  for (std::size_t i = 0; i < 5; ++i) {
    expect_error(reports[i], ErrorCode::LimitExceeded, "delete 5 of the target's 21");
    EXPECT_TRUE(target.tip(five[i]));
  }
  expect_plan(reports[5], Plan::FastForward, refs[10]);
  asked.may_delete_many = true;
  reports = sync(asked);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_FALSE(reports[i].error);
    EXPECT_FALSE(target.tip(five[i]));
  }
}

TEST_P(RelayDeletion, MakesRoomForANameThatNeedsIt) {
  const auto directory_of = refs[1] + "/below";
  source.delete_ref(refs[1]);
  source.set_ref(directory_of, *source.tip(kMain));
  auto asked = deleting({refs[1], directory_of});
  asked.refs[0].common_tip = target.tip(refs[1]);
  auto alone = asking({directory_of});
  expect_error(sync(alone)[0], ErrorCode::RejectedByRemote, "keeps no branch");
  auto kept = asking({refs[1], directory_of, refs[2]});
  const auto reports = sync(kept);
  expect_error(reports[1], ErrorCode::RejectedByRemote, "keeps no branch");
  const auto done = sync(asked);
  EXPECT_FALSE(done[0].error) << done[0].error->text();
  EXPECT_FALSE(done[1].error) << done[1].error->text();
  EXPECT_FALSE(target.tip(refs[1]));
  EXPECT_EQ(target.tip(directory_of), source.tip(directory_of));

  // And the other way round.
  source.delete_ref(directory_of);
  source.set_ref(refs[1], *source.tip(kMain));
  expect_error(sync(asking({refs[1]}))[0], ErrorCode::RejectedByRemote, "keeps no branch");
  auto back = deleting({refs[1], directory_of});
  back.refs[1].common_tip = target.tip(directory_of);
  for (const auto& report : sync(back)) EXPECT_FALSE(report.error);
  EXPECT_EQ(target.tip(refs[1]), source.tip(refs[1]));
}

/// What one transfer does with all refs is what a run for each of them would have done.
struct Histories {
  Way way;
  unsigned seed;
  int rounds;
};

class RelayBatchHistories : public RelayBatchFixture, public ::testing::WithParamInterface<Histories> {
 protected:
  [[nodiscard]] Way way() const override { return GetParam().way; }
};
std::string name_of_histories(const ::testing::TestParamInfo<Histories>& tested) {
  return fmt::format("{}Seed{}", tested.param.way.name, tested.param.seed);
}
INSTANTIATE_TEST_SUITE_P(Over, RelayBatchHistories, ::testing::Values(Histories{kRequestsV2, 1, 3}),
                         name_of_histories);
INSTANTIATE_TEST_SUITE_P(FullOver, RelayBatchHistories,
                         ::testing::Values(Histories{kPipesV0, 2, 20}, Histories{kPipesV2, 3, 20},
                                           Histories{kRequestsV0, 4, 20}, Histories{kRequestsV2, 5, 20},
                                           Histories{kMirrorPipesV2, 6, 20}),
                         name_of_histories);

TEST_P(RelayBatchHistories, TogetherIsAsOneByOne) {
  std::mt19937 random(GetParam().seed);
  const auto chance = [&](int in) { return random() % static_cast<unsigned>(in) == 0; };
  auto refs = branches(8);
  refs.push_back("refs/tags/v1");
  sync(asking(refs));
  for (int round = 0; round < GetParam().rounds; ++round) {
    for (const auto& ref : refs) {
      const auto& from = refs[random() % 8];
      if (!source.tip(from)) continue;
      if (chance(3)) source.set_ref(ref, *source.tip(from));
      if (ref.starts_with("refs/tags/")) continue;
      if (chance(2) && source.tip(ref)) source.commit_many(ref, 1 + static_cast<int>(random() % 3));
      if (chance(4) && source.tip(ref)) source.merge(ref, {*source.tip(from)});
      if (chance(6) && source.tip(ref)) source.delete_ref(ref);
      if (chance(5) && target.tip(ref)) target.commit_many(ref, 1, "Theirs");
    }
    auto asked = asking(refs);
    asked.may_delete_many = true;
    for (auto& ref : asked.refs) {
      ref.policy = static_cast<Policy>(random() % 3);
      ref.put_tip = target.tip(ref.target_ref);
      ref.propagate_deletion = chance(2);
    }
    const auto twin_path = directory / fmt::format("twin-{}.git", round);
    std::filesystem::copy(target.path(), twin_path, std::filesystem::copy_options::recursive);
    const GitRepository twin(twin_path);
    const auto together = sync(asked);
    for (std::size_t i = 0; i < refs.size(); ++i) {
      auto alone = asked;
      alone.target = remote_of(twin);
      alone.refs = {asked.refs[i]};
      const auto one = sync(alone)[0];
      EXPECT_EQ(together[i].plan, one.plan)
          << round << " " << refs[i] << " " << name_of(together[i].plan) << " " << name_of(one.plan);
      EXPECT_EQ(together[i].error.has_value(), one.error.has_value()) << round << " " << refs[i];
      const auto code_of = [](const RunReport& report) { return report.error->code; };
      if (together[i].error && one.error) {
        EXPECT_EQ(code_of(together[i]), code_of(one)) << refs[i];
      }
      EXPECT_EQ(target.tip(refs[i]), twin.tip(refs[i])) << round << " " << refs[i];
    }
    EXPECT_EQ(target.fsck(), "");
  }
}

}  // namespace
}  // namespace gitferry::test

#include <algorithm>
#include <future>
#include <set>

#include <gtest/gtest.h>

#include "agent/sync/sync_service.h"
#include "tests/agent/sync/sync_fixture.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Error error_of(ErrorCode code) {
  return {code, "it went wrong", "", std::nullopt};
}

SyncWish waiting(bool force = false) {
  return {std::nullopt, seconds(20), force};
}
SyncWish not_waiting() {
  return {std::nullopt, milliseconds(0), false};
}

/// Syncs of a repository: `robot` of ten bound branches, and `whole` with every branch of its source.
class RepositorySyncTest : public SyncTest {
 protected:
  RepositorySyncTest() {
    auto whole = binding_between("whole", "in", "out");
    whole.granularity = Granularity::All;
    whole.branches.clear();
    auto disabled = binding_between("disabled", "in", "out");
    disabled.enabled = false;
    set_bindings({binding_between("robot", "in", "out"), whole, disabled});
    hosts_.set_branches("in", {{"refs/heads/a/b/c", 'a'},
                               {"refs/heads/feature/x", 'b'},
                               {"refs/heads/same", 'c'},
                               {"refs/heads/trunk", 'd'}});
    hosts_.set_branches(
        "out", {{"refs/heads/feature/x", '1'}, {"refs/heads/only-there", '2'}, {"refs/heads/same", 'c'}});
  }
  std::set<std::string> targets() {
    std::set<std::string> names;
    for (const auto& done : hosts_.done()) names.insert(done.target);
    return names;
  }
  static const SyncOutcome& of(const std::vector<SyncOutcome>& outcomes, const std::string& ref) {
    const auto found = std::find_if(outcomes.begin(), outcomes.end(),
                                    [&](const auto& one) { return one.key.internal_ref == ref; });
    if (found == outcomes.end()) throw std::runtime_error("no outcome for " + ref);
    return *found;
  }
};

TEST_F(RepositorySyncTest, EveryEnabledBranchBindingRuns) {
  auto binding = binding_between("robot", "in", "out");
  binding.branches[3].enabled = false;
  set_bindings({binding});
  service().start();
  const auto outcomes = service().sync_repository("robot", waiting()).value();
  ASSERT_EQ(outcomes.size(), 9U);
  for (const auto& outcome : outcomes) EXPECT_TRUE(outcome.finished && !outcome.report.error);
  EXPECT_FALSE(targets().contains("out refs/heads/b3"));
  EXPECT_TRUE(hosts_.listed().empty());
  for (const auto& row : run_rows()) EXPECT_EQ(row.trigger, Trigger::Manual);
}

TEST_F(RepositorySyncTest, OneFailingBranchAmongManyHidesNoOther) {
  hosts_.always_fail("refs/heads/b0", error_of(ErrorCode::Diverged));
  service().start();
  const auto outcomes = service().sync_repository("robot", waiting()).value();
  ASSERT_EQ(outcomes.size(), 10U);
  for (const auto& outcome : outcomes) {
    EXPECT_TRUE(outcome.finished);
    EXPECT_EQ(outcome.report.error.has_value(), outcome.key.internal_ref == "refs/heads/b0");
  }
}

TEST_F(RepositorySyncTest, WithoutAnEnabledBranchThereIsNothingToDo) {
  auto binding = binding_between("robot", "in", "out");
  binding.branches.clear();
  set_bindings({binding});
  EXPECT_TRUE(service().sync_repository("robot", waiting()).value().empty());
  EXPECT_TRUE(service().plan_repository("robot", waiting()).value().empty());
}

TEST_F(RepositorySyncTest, TheDirectionOfTheCallWins) {
  service().start();
  ASSERT_TRUE(service().sync_repository("robot", {Direction::ToInter, seconds(20), false}));
  EXPECT_TRUE(targets().contains("in refs/heads/b0"));
  hosts_.set_branches("out", {{"refs/heads/new", '3'}});
  const auto outcomes = service().sync_repository("whole", {Direction::ToInter, seconds(20), false}).value();
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_TRUE(targets().contains("in refs/heads/new"));
}

TEST_F(RepositorySyncTest, RefusesUnknownAndDisabledRepositories) {
  for (const auto& wish : {waiting(), not_waiting()}) {
    EXPECT_EQ(service().sync_repository("nobody", wish).error().code, ErrorCode::RepositoryUnknown);
    EXPECT_EQ(service().plan_repository("nobody", wish).error().code, ErrorCode::RepositoryUnknown);
    EXPECT_EQ(service().sync_repository("disabled", wish).error().code, ErrorCode::NotEnabled);
    EXPECT_EQ(service().plan_repository("disabled", wish).error().code, ErrorCode::NotEnabled);
  }
  EXPECT_TRUE(store().lanes().value().empty());
}

TEST_F(RepositorySyncTest, AnUnusableBindingSaysWhy) {
  auto broken = binding_between("robot", "in", "out");
  broken.enabled = false;
  broken.problem = "http is not allowed";
  set_bindings({broken});
  const auto refused = service().sync_repository("robot", waiting());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::NotEnabled);
  EXPECT_NE(refused.error().message.find("http is not allowed"), std::string::npos);
}

TEST_F(RepositorySyncTest, AWholeRepositoryRunsWhatDiffersAndReportsWhatIsEqual) {
  service().start();
  const auto outcomes = service().sync_repository("whole", waiting()).value();
  ASSERT_EQ(outcomes.size(), 4U);
  const auto& same = of(outcomes, "refs/heads/same");
  EXPECT_TRUE(same.finished);
  EXPECT_EQ(same.report.plan, Plan::Nothing);
  EXPECT_EQ(same.report.source_tip->short_hex(), "ccccccc");
  EXPECT_EQ(same.report.target_tip_after, same.report.source_tip);
  EXPECT_EQ(same.report.target_tip_before, same.report.source_tip);
  EXPECT_EQ(targets(), (std::set<std::string>{"out refs/heads/a/b/c", "out refs/heads/feature/x",
                                              "out refs/heads/trunk"}));
  EXPECT_EQ(hosts_.listed(), (std::vector<std::string>{"in", "out"})) << "each once";
  EXPECT_EQ(store().lanes().value().size(), 3U);
  const auto again = service().sync_repository("whole", waiting()).value();
  for (const auto& outcome : again) EXPECT_EQ(outcome.report.plan, Plan::Nothing);
  EXPECT_EQ(hosts_.done().size(), 3U);
}

TEST_F(RepositorySyncTest, ANameThatCannotBeTakenIsAnOutcomeAndHidesNoOther) {
  hosts_.set_branches("in", {{"refs/heads/--upload-pack=touch", '1'}, {"refs/heads/good", '2'}});
  service().start();
  const auto outcomes = service().sync_repository("whole", waiting()).value();
  ASSERT_EQ(outcomes.size(), 2U);
  const auto& bad = of(outcomes, "refs/heads/--upload-pack=touch");
  EXPECT_TRUE(bad.finished);
  ASSERT_TRUE(bad.report.error);
  EXPECT_EQ(info(bad.report.error->code).http_status, 200);
  EXPECT_NE(bad.report.error->message.find("--upload-pack=touch"), std::string::npos);
  EXPECT_FALSE(of(outcomes, "refs/heads/good").report.error);
  EXPECT_EQ(targets(), (std::set<std::string>{"out refs/heads/good"}));
}

TEST_F(RepositorySyncTest, ABranchThatFailedRunsAgainThoughBothSidesAreEqualByNow) {
  hosts_.always_fail("refs/heads/trunk", error_of(ErrorCode::Diverged));
  service().start();
  ASSERT_TRUE(of(service().sync_repository("whole", waiting()).value(), "refs/heads/trunk").report.error);
  hosts_.set_branches("out", {{"refs/heads/a/b/c", 'a'},
                              {"refs/heads/feature/x", 'b'},
                              {"refs/heads/same", 'c'},
                              {"refs/heads/trunk", 'd'}});
  const auto before = hosts_.done().size();
  ASSERT_TRUE(service().sync_repository("whole", waiting()));
  EXPECT_EQ(hosts_.done().size(), before + 1);
  EXPECT_EQ(hosts_.done().back().target, "out refs/heads/trunk");
}

TEST_F(RepositorySyncTest, AFailedListingIsTheAnswer) {
  service().start();
  for (const auto* host : {"out", "in"}) {
    hosts_.fail_listing(host, error_of(ErrorCode::HostUnresolved));
    EXPECT_EQ(service().sync_repository("whole", waiting()).error().code, ErrorCode::HostUnresolved);
    EXPECT_EQ(service().plan_repository("whole", waiting()).error().code, ErrorCode::HostUnresolved);
  }
  EXPECT_TRUE(hosts_.done().empty());
  EXPECT_TRUE(store().lanes().value().empty());
}

TEST_F(RepositorySyncTest, AMissingCredentialIsTheAnswer) {
  credentials_ = [](const RemoteUrl&) -> Result<std::optional<Credential>> {
    return fail(ErrorCode::AuthenticationFailed, "read the secret file: no such file");
  };
  EXPECT_EQ(service().sync_repository("whole", waiting()).error().code, ErrorCode::AuthenticationFailed);
  const auto planned = service().plan_repository("robot", waiting()).value();
  ASSERT_EQ(planned.size(), 10U) << "each branch tells";
  EXPECT_EQ(planned[9].report.error->code, ErrorCode::AuthenticationFailed);
  EXPECT_TRUE(hosts_.listed().empty());
}

TEST_F(RepositorySyncTest, TheWaitBoundsTheListing) {
  hosts_.close_listing_gate();
  service().start();
  const auto late = service().sync_repository("whole", {std::nullopt, milliseconds(20), false});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::Timeout);
  EXPECT_NE(late.error().hint.find("wait=0"), std::string::npos);
  EXPECT_EQ(service().plan_repository("whole", {std::nullopt, milliseconds(20), false}).error().code,
            ErrorCode::Timeout);
}

TEST_F(RepositorySyncTest, WhatTakesLongerThanTheWaitIsPending) {
  hosts_.close_gate();
  service().start();
  const auto outcomes = service().sync_repository("whole", {std::nullopt, milliseconds(500), false}).value();
  ASSERT_EQ(outcomes.size(), 4U);
  EXPECT_TRUE(of(outcomes, "refs/heads/same").finished);
  EXPECT_FALSE(of(outcomes, "refs/heads/trunk").finished);
  EXPECT_NE(of(outcomes, "refs/heads/trunk").lane_id, 0);
  const auto not_waited = service().sync_repository("robot", not_waiting()).value();
  for (const auto& outcome : not_waited) EXPECT_FALSE(outcome.finished);
}

TEST_F(RepositorySyncTest, StopEndsAListing) {
  hosts_.close_listing_gate();
  service().start();
  std::optional<Error> sync_error;
  std::optional<Error> plan_error;
  std::jthread syncing([&] { sync_error = service().sync_repository("whole", waiting()).error(); });
  std::jthread planning([&] { plan_error = service().plan_repository("whole", waiting()).error(); });
  ASSERT_TRUE(hosts_.wait_listed(2));
  service().stop();
  syncing.join();
  planning.join();
  EXPECT_EQ(sync_error->code, ErrorCode::Unavailable);
  EXPECT_EQ(plan_error->code, ErrorCode::Unavailable);
}

TEST_F(RepositorySyncTest, WithoutWaitingAWholeRepositoryIsListedLater) {
  hosts_.close_listing_gate();
  service().start();
  EXPECT_TRUE(service().sync_repository("whole", not_waiting()).value().empty());
  ASSERT_TRUE(hosts_.wait_listed(1));
  EXPECT_TRUE(store().lanes().value().empty());
  hosts_.open_listing_gate();
  ASSERT_TRUE(wait_done(3));
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  EXPECT_TRUE(targets().contains("out refs/heads/a/b/c"));
  EXPECT_FALSE(targets().contains("out refs/heads/same"));
  for (const auto& row : run_rows()) EXPECT_EQ(row.trigger, Trigger::Manual);
}

TEST_F(RepositorySyncTest, RepeatedCallsWithoutWaitingAreListedOnce) {
  hosts_.close_listing_gate();
  service().start();
  ASSERT_TRUE(service().sync_repository("whole", not_waiting()));
  ASSERT_TRUE(hosts_.wait_listed(1));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(service().sync_repository("whole", not_waiting()));
  hosts_.open_listing_gate();
  ASSERT_TRUE(hosts_.wait_listed(4));
  service().stop();
  EXPECT_EQ(hosts_.listed().size(), 4U) << "the one that ran, and one for all that came meanwhile";
}

/// `whole` with another source.
RepositoryBinding moved_whole() {
  auto whole = binding_between("whole", "elsewhere", "out");
  whole.granularity = Granularity::All;
  whole.branches.clear();
  return whole;
}

TEST_F(RepositorySyncTest, LeaveToForceThatWaitsIsNotForOtherAddresses) {
  hosts_.set_branches("elsewhere", {{"refs/heads/trunk", '7'}});
  ASSERT_TRUE(service().sync_repository("whole", {std::nullopt, milliseconds(0), true}));
  service().replace_snapshot(snapshot_of({moved_whole()}));
  ASSERT_TRUE(service().sync_repository("whole", not_waiting()));
  service().start();
  ASSERT_TRUE(wait_done(1));
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  EXPECT_EQ(hosts_.listed(), (std::vector<std::string>{"elsewhere", "out"}))
      << "the forced one lists nothing";
  for (const auto& done : hosts_.done()) EXPECT_EQ(done.policy, Policy::FfOnly);
}

TEST_F(RepositorySyncTest, AListingIsOfNoUseWhereTheAddressesChangedMeanwhile) {
  hosts_.close_listing_gate();
  service().start();
  auto synced =
      std::async(std::launch::async, [&] { return service().sync_repository("whole", waiting(true)); });
  ASSERT_TRUE(hosts_.wait_listed(1));
  service().replace_snapshot(snapshot_of({moved_whole()}));
  hosts_.open_listing_gate();
  const auto refused = synced.get();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::NotEnabled);
  EXPECT_NE(refused.error().message.find("addresses were changed"), std::string::npos);
  EXPECT_TRUE(store().lanes().value().empty());
}

TEST_F(RepositorySyncTest, AFailedListingInTheBackgroundDoesNotEndIt) {
  hosts_.fail_listing("in", error_of(ErrorCode::HostUnresolved));
  service().start();
  ASSERT_TRUE(service().sync_repository("whole", not_waiting()));
  ASSERT_TRUE(hosts_.wait_listed(1));
  hosts_.set_branches("elsewhere", {{"refs/heads/trunk", '7'}});
  service().replace_snapshot(snapshot_of({moved_whole()}));
  ASSERT_TRUE(service().sync_repository("whole", not_waiting()));
  ASSERT_TRUE(wait_done(1));
  EXPECT_EQ(hosts_.done()[0].source, "elsewhere refs/heads/trunk");
}

TEST_F(RepositorySyncTest, StopEndsTheListingInTheBackground) {
  hosts_.close_listing_gate();
  service().start();
  ASSERT_TRUE(service().sync_repository("whole", not_waiting()));
  ASSERT_TRUE(hosts_.wait_listed(1));
  service().stop();
  EXPECT_TRUE(hosts_.done().empty());
  EXPECT_EQ(service().sync_repository("whole", not_waiting()).error().code, ErrorCode::Unavailable);
}

TEST_F(RepositorySyncTest, APlanRunsWhatDiffersDryAndMarksNothing) {
  const auto outcomes = service().plan_repository("whole", waiting(true)).value();
  ASSERT_EQ(outcomes.size(), 4U);
  for (const auto& outcome : outcomes) EXPECT_TRUE(outcome.finished && outcome.report.dry_run);
  EXPECT_EQ(of(outcomes, "refs/heads/same").report.plan, Plan::Nothing);
  const auto done = hosts_.done();
  EXPECT_EQ(done.size(), 3U);
  for (const auto& run : done) EXPECT_TRUE(run.dry_run && run.policy == Policy::Force);
  EXPECT_EQ(service().plan_repository("robot", waiting()).value().size(), 10U);
  EXPECT_TRUE(store().lanes().value().empty());
  EXPECT_TRUE(run_rows().empty());
}

TEST_F(RepositorySyncTest, OneFailingPlanHidesNoOther) {
  hosts_.always_fail("refs/heads/b0", error_of(ErrorCode::Diverged));
  const auto outcomes = service().plan_repository("robot", waiting()).value();
  ASSERT_EQ(outcomes.size(), 10U);
  EXPECT_TRUE(outcomes[0].report.error);
  for (std::size_t i = 1; i < outcomes.size(); ++i)
    EXPECT_TRUE(outcomes[i].finished && !outcomes[i].report.error);
}

TEST_F(RepositorySyncTest, APlanTellsWhatItHadNoTimeFor) {
  hosts_.close_gate();
  const auto outcomes = service().plan_repository("robot", {std::nullopt, milliseconds(20), false}).value();
  ASSERT_EQ(outcomes.size(), 10U);
  for (const auto& outcome : outcomes) EXPECT_FALSE(outcome.finished);
  EXPECT_LE(hosts_.transfers().size(), 1U);
}

TEST_F(RepositorySyncTest, ForceReachesEveryRunOnce) {
  service().start();
  ASSERT_TRUE(service().sync_repository("whole", waiting(true)));
  const auto done = hosts_.done();
  ASSERT_EQ(done.size(), 3U);
  for (const auto& run : done) EXPECT_EQ(run.policy, Policy::Force);
}

TEST_F(RepositorySyncTest, ConcurrentSyncsOfOneRepositoryEachGetATrueAnswer) {
  service().start();
  std::vector<std::vector<SyncOutcome>> answers(6);
  {
    std::vector<std::jthread> callers;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      callers.emplace_back([&, i] {
        answers[i] = service().sync_repository(i % 2 == 0 ? "robot" : "whole", waiting()).value();
      });
    }
  }
  for (std::size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(answers[i].size(), i % 2 == 0 ? 10U : 4U);
    for (const auto& outcome : answers[i]) EXPECT_TRUE(outcome.finished && !outcome.report.error);
  }
  EXPECT_EQ(hosts_.largest_overlap(), 1U) << "of one target branch";
}

/// Bound branches and tags, and a branch and a tag of one name.
class TagSyncTest : public RepositorySyncTest {
 protected:
  TagSyncTest() {
    binding_.branches = {{"main", "main"}, {"v1", "v1"}};
    binding_.tags = Tags::All;
    set_bindings({binding_});
    hosts_.set_branches("in", {{"refs/heads/main", 'a'},
                               {"refs/heads/unbound", 'a'},
                               {"refs/heads/v1", 'b'},
                               {"refs/tags/-bad", 'c'},
                               {"refs/tags/same", 'c'},
                               {"refs/tags/v1", 'd'}});
    hosts_.set_branches("out",
                        {{"refs/heads/main", 'a'}, {"refs/tags/same", 'c'}, {"refs/tags/theirs", 'e'}});
  }
  RepositoryBinding binding_ = binding_between("robot", "in", "out");
};

TEST_F(TagSyncTest, ARepositorySyncTakesTagsBesidesBoundBranches) {
  service().start();
  const auto outcomes = service().sync_repository("robot", waiting()).value();
  ASSERT_EQ(outcomes.size(), 5U);
  EXPECT_EQ(of(outcomes, "refs/heads/main").report.plan, Plan::Nothing);
  EXPECT_EQ(of(outcomes, "refs/tags/same").report.plan, Plan::Nothing);
  EXPECT_TRUE(of(outcomes, "refs/tags/-bad").report.error);
  EXPECT_EQ(targets(), (std::set<std::string>{"out refs/heads/v1", "out refs/tags/v1"}));
  const auto rows = store().lanes().value();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_NE(rows[0].branch_id, rows[1].branch_id) << "the branch and the tag of one name";
}

TEST_F(TagSyncTest, WithoutTagsTheyAreNotEvenListed) {
  binding_.tags = Tags::None;
  set_bindings({binding_});
  service().start();
  ASSERT_TRUE(service().sync_repository("robot", waiting()));
  EXPECT_EQ(targets(), (std::set<std::string>{"out refs/heads/main", "out refs/heads/v1"}));
  EXPECT_TRUE(hosts_.listed().empty());
}

class TwoWaySyncTest : public RepositorySyncTest {
 protected:
  TwoWaySyncTest() {
    binding_.direction = BindingDirection::Both;
    binding_.branches = {{"main", "trunk"}, {"dev", "main"}};
    set_bindings({binding_});
  }
  RepositoryBinding binding_ = binding_between("robot", "in", "out");
};

TEST_F(TwoWaySyncTest, ABranchIsNamedByItsInternalNameFirst) {
  service().start();
  const auto by_internal = service().sync_branch("robot", "main", waiting()).value();
  ASSERT_EQ(by_internal.size(), 1U);
  EXPECT_EQ(by_internal[0].key.external_ref, "refs/heads/trunk");
  EXPECT_EQ(by_internal[0].direction, Direction::ToOuter);
  const auto by_external = service().sync_branch("robot", "trunk", waiting()).value();
  ASSERT_EQ(by_external.size(), 1U);
  EXPECT_EQ(by_external[0].key.internal_ref, "refs/heads/main");
  EXPECT_EQ(by_external[0].direction, Direction::ToInter);
  const auto named = service().sync_branch("robot", "main", {Direction::ToInter, seconds(20), false}).value();
  ASSERT_EQ(named.size(), 1U);
  EXPECT_EQ(named[0].key.internal_ref, "refs/heads/dev");
  EXPECT_EQ(service().sync_branch("robot", "nobody", waiting()).error().code, ErrorCode::NotEnabled);
}

TEST_F(TwoWaySyncTest, ForceNeedsTheSideThatIsToWin) {
  service().start();
  for (const auto& refused : {service().sync_branch("robot", "main", waiting(true)),
                              service().plan_branch("robot", "main", waiting(true)),
                              service().sync_repository("robot", waiting(true)),
                              service().plan_repository("robot", waiting(true))}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::InvalidArgument);
    EXPECT_NE(refused.error().text().find("sync_direct"), std::string::npos);
  }
  EXPECT_TRUE(store().lanes().value().empty());
  ASSERT_TRUE(service().sync_branch("robot", "trunk", {Direction::ToInter, seconds(20), true}));
  EXPECT_EQ(hosts_.done().at(0).policy, Policy::Force);
}

TEST_F(TwoWaySyncTest, AWholeRepositoryTakesWhatEitherSideHas) {
  binding_.granularity = Granularity::All;
  binding_.branches.clear();
  set_bindings({binding_});
  hosts_.set_branches("in", {{"refs/heads/a", 'a'}, {"refs/heads/same", 'c'}});
  hosts_.set_branches("out", {{"refs/heads/b", 'b'}, {"refs/heads/same", 'c'}});
  service().start();
  const auto outcomes = service().sync_repository("robot", waiting()).value();
  ASSERT_EQ(outcomes.size(), 3U);
  EXPECT_EQ(of(outcomes, "refs/heads/a").direction, Direction::ToOuter);
  EXPECT_EQ(of(outcomes, "refs/heads/b").direction, Direction::ToInter);
  EXPECT_EQ(targets(), (std::set<std::string>{"out refs/heads/a", "in refs/heads/b"}));
}

}  // namespace
}  // namespace gitferry

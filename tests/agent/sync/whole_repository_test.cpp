#include <gtest/gtest.h>

#include "agent/git/local_transport.h"
#include "agent/git/relay.h"
#include "tests/agent/sync/sync_fixture.h"
#include "tests/support/git_repository.h"

namespace gitferry::test {
namespace {

using std::chrono::seconds;

/// The service with the real engine between real repositories.
class WholeRepositoryTest : public SyncTest {
 protected:
  WholeRepositoryTest() {
    bind(target_);
    service_ = SyncService::make(
        options_of_sync_, store(), system_clock_,
        [this] {
          return std::make_unique<RelayEngine>(std::make_unique<LocalTransport>(), TransferLimits{},
                                               (directory_ / "spool").string(), system_clock_);
        },
        credentials_, *snapshot_.lock());
    service_->start();
  }
  ~WholeRepositoryTest() override { service_.reset(); }

  RepositoryBinding between(const GitRepository& target) {
    RepositoryBinding binding;
    binding.name = "robot";
    binding.internal = url_of(source_.path());
    binding.external = url_of(target.path());
    binding.granularity = Granularity::All;
    return binding;
  }
  void bind(const GitRepository& target) { set_bindings({between(target)}); }
  GitRepository repository(const std::string& name) {
    return GitRepository::init((directory_ / name).string());
  }
  static std::string refs(const GitRepository& repository) { return repository.git({"for-each-ref"}); }
  std::vector<SyncOutcome> sync(bool force = false) {
    return service_->sync_repository("robot", {std::nullopt, seconds(60), force}).value();
  }
  static std::size_t failed(const std::vector<SyncOutcome>& outcomes) {
    return static_cast<std::size_t>(std::count_if(outcomes.begin(), outcomes.end(), [](const auto& one) {
      return !one.finished || one.report.error.has_value();
    }));
  }
  void make_branches() {
    source_.commit_many("refs/heads/trunk", 3);
    for (const auto* name : {"refs/heads/feature/x", "refs/heads/a/b/c"}) {
      source_.set_ref(name, *source_.tip("refs/heads/trunk"));
      source_.commit_many(name, 1, name);
    }
    source_.git({"symbolic-ref", "HEAD", "refs/heads/trunk"});
  }

  SystemClock system_clock_;
  GitRepository source_ = repository("source.git");
  GitRepository target_ = repository("target.git");
};

TEST_F(WholeRepositoryTest, CarriesBranchesWithSlashesAndAnyDefaultBranch) {
  make_branches();
  const auto outcomes = sync();
  EXPECT_EQ(outcomes.size(), 3U);
  EXPECT_EQ(failed(outcomes), 0U);
  EXPECT_EQ(refs(target_), refs(source_));
  EXPECT_EQ(target_.fsck(), "");
}

TEST_F(WholeRepositoryTest, ForceDeletesWhatMovedSinceOfBranchesAndTags) {
  auto binding = between(target_);
  binding.tags = Tags::All;
  binding.deletions = Deletions::Propagate;
  service_->replace_snapshot(snapshot_of({binding}));
  make_branches();
  source_.set_ref("refs/tags/v1", *source_.tip("refs/heads/trunk"));
  ASSERT_EQ(failed(sync()), 0U);
  for (const auto* ref : {"refs/heads/feature/x", "refs/tags/v1"}) {
    source_.delete_ref(ref);
    target_.set_ref(ref, target_.commit_many("refs/heads/theirs", 1));
  }
  sync();
  EXPECT_TRUE(target_.tip("refs/heads/feature/x"));
  EXPECT_TRUE(target_.tip("refs/tags/v1"));
  EXPECT_EQ(failed(sync(true)), 0U);
  EXPECT_FALSE(target_.tip("refs/heads/feature/x"));
  EXPECT_FALSE(target_.tip("refs/tags/v1"));
  // What was never synced is nobody's to delete.
  EXPECT_TRUE(target_.tip("refs/heads/theirs"));
}

TEST_F(WholeRepositoryTest, TakesAnEmptySourceAndOneWithoutItsDefaultBranch) {
  EXPECT_TRUE(sync().empty());
  source_.commit_many("refs/heads/only", 1);
  source_.git({"symbolic-ref", "HEAD", "refs/heads/missing"});
  EXPECT_EQ(failed(sync()), 0U);
  EXPECT_EQ(refs(target_), refs(source_));
}

TEST_F(WholeRepositoryTest, ADivergedBranchHidesNoOtherUntilItIsForced) {
  make_branches();
  ASSERT_EQ(failed(sync()), 0U);
  const auto theirs = target_.commit_many("refs/heads/a/b/c", 1, "Theirs");
  source_.commit_many("refs/heads/a/b/c", 1, "Ours");
  source_.commit_many("refs/heads/trunk", 1, "More");
  const auto outcomes = sync();
  EXPECT_EQ(outcomes.size(), 3U);
  EXPECT_EQ(failed(outcomes), 1U);
  EXPECT_EQ(target_.tip("refs/heads/trunk"), source_.tip("refs/heads/trunk"));
  EXPECT_EQ(target_.tip("refs/heads/a/b/c"), theirs);
  const auto forced = sync(true);
  EXPECT_EQ(failed(forced), 0U);
  EXPECT_EQ(refs(target_), refs(source_));
  EXPECT_EQ(forced[0].report.plan, Plan::Rewrite);
  EXPECT_EQ(forced[0].report.target_tip_before, theirs);
}

TEST_F(WholeRepositoryTest, ADryRunChangesNeitherSide) {
  make_branches();
  ASSERT_EQ(failed(sync()), 0U);
  target_.commit_many("refs/heads/a/b/c", 1, "Theirs");
  source_.commit_many("refs/heads/a/b/c", 1, "Ours");
  source_.commit_many("refs/heads/trunk", 1, "More");
  source_.commit_many("refs/heads/new", 1);
  const auto source_before = refs(source_);
  const auto target_before = refs(target_);
  const auto planned = service_->plan_repository("robot", {std::nullopt, seconds(60), true}).value();
  std::vector<Plan> plans;
  for (const auto& outcome : planned) plans.push_back(outcome.report.plan);
  EXPECT_EQ(plans, (std::vector<Plan>{Plan::Rewrite, Plan::Nothing, Plan::Create, Plan::FastForward}));
  EXPECT_EQ(refs(source_), source_before);
  EXPECT_EQ(refs(target_), target_before);
}

TEST_F(WholeRepositoryTest, ABranchThatTheSourceLostStaysOnTheTarget) {
  make_branches();
  ASSERT_EQ(failed(sync()), 0U);
  const auto kept = target_.tip("refs/heads/feature/x");
  source_.delete_ref("refs/heads/feature/x");
  EXPECT_EQ(sync().size(), 2U);
  EXPECT_EQ(target_.tip("refs/heads/feature/x"), kept);
}

TEST_F(WholeRepositoryTest, AfterRebindingOnlyTheNewAddressesAreContacted) {
  make_branches();
  ASSERT_EQ(failed(sync()), 0U);
  const auto old_target = refs(target_);
  const auto other = repository("other.git");
  service_->replace_snapshot(snapshot_of({}));
  service_->replace_snapshot(snapshot_of({between(other)}));
  source_.commit_many("refs/heads/trunk", 1, "More");
  EXPECT_EQ(failed(sync()), 0U);
  EXPECT_EQ(refs(other), refs(source_));
  EXPECT_EQ(refs(target_), old_target);
}

TEST_F(WholeRepositoryTest, AFailedFirstSyncHealsAtTheNext) {
  make_branches();
  target_.set_hook("pre-receive", "exit 1");
  EXPECT_EQ(failed(sync()), 3U);
  target_.set_hook("pre-receive", "exit 0");
  EXPECT_EQ(failed(sync()), 0U);
  EXPECT_EQ(refs(target_), refs(source_));
}

TEST_F(WholeRepositoryTest, ConcurrentSyncsBothTellTheTruth) {
  make_branches();
  std::vector<std::vector<SyncOutcome>> answers(4);
  {
    std::vector<std::jthread> callers;
    for (auto& answer : answers) callers.emplace_back([&] { answer = sync(); });
  }
  for (const auto& answer : answers) {
    EXPECT_EQ(answer.size(), 3U);
    EXPECT_EQ(failed(answer), 0U);
    for (const auto& outcome : answer)
      EXPECT_EQ(outcome.report.target_tip_after, source_.tip(outcome.key.internal_ref));
  }
  EXPECT_EQ(refs(target_), refs(source_));
}

}  // namespace
}  // namespace gitferry::test

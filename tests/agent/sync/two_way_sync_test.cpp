#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "agent/git/local_transport.h"
#include "agent/git/relay.h"
#include "tests/agent/sync/sync_fixture.h"
#include "tests/support/git_repository.h"

namespace gitferry::test {
namespace {

using std::chrono::seconds;

/// The service with the real engine between two real repositories, of which all branches and tags are synced.
class RealReposTest : public SyncTest {
 protected:
  explicit RealReposTest(BindingDirection direction) {
    binding_.name = "robot";
    binding_.internal = url_of(internal_.path());
    binding_.external = url_of(external_.path());
    binding_.granularity = Granularity::All;
    binding_.direction = direction;
    binding_.tags = Tags::All;
    set_bindings({binding_});
    service_ = SyncService::make(
        options_of_sync_, store(), system_clock_,
        [this] {
          return std::make_unique<RelayEngine>(std::make_unique<LocalTransport>(), TransferLimits{},
                                               (directory_ / "spool").string(), system_clock_);
        },
        credentials_, *snapshot_.lock());
    service_->start();
  }
  ~RealReposTest() override { service_.reset(); }

  GitRepository repository(const std::string& name) {
    return GitRepository::init((directory_ / name).string());
  }
  static std::string refs(const GitRepository& repository) { return repository.git({"for-each-ref"}); }
  std::vector<SyncOutcome> sync(std::optional<Direction> direction = {}, bool force = false) {
    return service_->sync_repository("robot", {direction, seconds(60), force}).value();
  }
  /// The refs whose sync failed.
  static std::vector<std::string> failed(const std::vector<SyncOutcome>& outcomes) {
    std::vector<std::string> names;
    for (const auto& outcome : outcomes) {
      if (!outcome.finished || outcome.report.error) names.push_back(outcome.key.internal_ref);
    }
    return names;
  }
  const std::vector<std::string> none_;

  SystemClock system_clock_;
  GitRepository internal_ = repository("internal.git");
  GitRepository external_ = repository("external.git");
  RepositoryBinding binding_;
};

class TwoWayRealTest : public RealReposTest {
 protected:
  TwoWayRealTest() : RealReposTest(BindingDirection::Both) {}
};

TEST_F(TwoWayRealTest, PushesOnEitherSideReachTheOther) {
  internal_.commit_many("refs/heads/main", 2);
  external_.commit_many("refs/heads/docs", 1);
  EXPECT_EQ(failed(sync()), none_);
  EXPECT_EQ(refs(internal_), refs(external_));
  internal_.commit_many("refs/heads/main", 1, "From inside");
  external_.commit_many("refs/heads/docs", 1, "From outside");
  external_.set_ref("refs/tags/v1", *external_.tip("refs/heads/docs"));
  const auto outcomes = sync();
  EXPECT_EQ(failed(outcomes), none_);
  EXPECT_EQ(refs(internal_), refs(external_));
  EXPECT_EQ(internal_.fsck() + external_.fsck(), "");
  const auto docs = std::find_if(outcomes.begin(), outcomes.end(), [](const auto& outcome) {
    return outcome.key.internal_ref == "refs/heads/docs";
  });
  EXPECT_EQ(docs->direction, Direction::ToInter);
}

TEST_F(TwoWayRealTest, ABranchThatIsBehindWhereTheRunBeginsIsBroughtForward) {
  internal_.commit_many("refs/heads/main", 1);
  ASSERT_EQ(failed(sync()), none_);
  external_.commit_many("refs/heads/main", 1, "From outside");
  const auto outcomes = service_->sync_branch("robot", "main", {std::nullopt, seconds(60), false}).value();
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_EQ(failed(outcomes), none_);
  EXPECT_EQ(outcomes[0].direction, Direction::ToInter);
  EXPECT_EQ(outcomes[0].report.plan, Plan::FastForward);
  EXPECT_EQ(refs(internal_), refs(external_));
}

TEST_F(TwoWayRealTest, AConflictChangesNothingUntilSomebodySaysWhichSideWins) {
  internal_.commit_many("refs/heads/main", 1);
  ASSERT_EQ(failed(sync()), none_);
  internal_.commit_many("refs/heads/main", 1, "From inside");
  external_.commit_many("refs/heads/main", 1, "From outside");
  internal_.commit_many("refs/heads/other", 1);
  const auto inside = internal_.tip("refs/heads/main");
  const auto outside = external_.tip("refs/heads/main");
  const auto outcomes = sync();
  EXPECT_EQ(failed(outcomes), std::vector<std::string>{"refs/heads/main"});
  EXPECT_EQ(internal_.tip("refs/heads/main"), inside);
  EXPECT_EQ(external_.tip("refs/heads/main"), outside);
  EXPECT_EQ(external_.tip("refs/heads/other"), internal_.tip("refs/heads/other"));
  const auto text = outcomes.at(0).report.error->text();
  EXPECT_NE(text.find(inside->hex()), std::string::npos) << text;
  EXPECT_NE(text.find(outside->hex()), std::string::npos) << text;
  EXPECT_EQ(failed(sync(Direction::ToInter, true)), none_);
  EXPECT_EQ(internal_.tip("refs/heads/main"), outside);
  EXPECT_EQ(refs(internal_), refs(external_));
}

TEST_F(TwoWayRealTest, ATagThatIsAnotherOneOnEachSideIsAConflict) {
  const auto first = internal_.commit_many("refs/heads/main", 1);
  internal_.set_ref("refs/tags/v1", first);
  ASSERT_EQ(failed(sync()), none_);
  const auto second = internal_.commit_many("refs/heads/main", 1);
  internal_.set_ref("refs/tags/v1", second);
  EXPECT_EQ(failed(sync()), std::vector<std::string>{"refs/tags/v1"});
  EXPECT_EQ(external_.tip("refs/tags/v1"), first);
  EXPECT_EQ(external_.tip("refs/heads/main"), second);
}

TEST_F(TwoWayRealTest, ANameThatIsAFolderOnTheOtherSideHidesNoOther) {
  internal_.commit_many("refs/heads/a", 1);
  external_.commit_many("refs/heads/a/b", 1);
  internal_.commit_many("refs/heads/fine", 1);
  const auto outcomes = sync();
  EXPECT_EQ(failed(outcomes), (std::vector<std::string>{"refs/heads/a", "refs/heads/a/b"}));
  EXPECT_EQ(external_.tip("refs/heads/fine"), internal_.tip("refs/heads/fine"));
}

class NamesTest : public RealReposTest {
 protected:
  NamesTest() : RealReposTest(BindingDirection::ToOuter) {}
};

TEST_F(NamesTest, NamesThatLookLikeSomethingElseArriveAsTheyAre) {
  const std::string hex(40, 'a');
  const auto tip = internal_.commit_many("refs/heads/main", 2);
  for (const auto& ref : {std::string("refs/heads/v1"), std::string("refs/heads/tag"), "refs/heads/" + hex,
                          std::string("refs/tags/main"), "refs/tags/" + hex})
    internal_.set_ref(ref, tip);
  internal_.git({"tag", "-a", "-m", "annotated", "v1", "refs/heads/main"});
  EXPECT_EQ(failed(sync()), none_);
  EXPECT_EQ(refs(external_), refs(internal_));
  EXPECT_NE(external_.tip("refs/tags/v1"), external_.tip("refs/heads/v1"));
  EXPECT_EQ(external_.fsck(), "");
  for (const auto& branch : {std::string("v1"), std::string("tag"), hex}) {
    const auto outcomes = service_->sync_branch("robot", branch, {std::nullopt, seconds(60), false}).value();
    EXPECT_EQ(failed(outcomes), none_) << branch;
    EXPECT_EQ(outcomes.at(0).key.internal_ref, "refs/heads/" + branch);
  }
}

TEST_F(NamesTest, ABranchCalledHeadIsToldOfAndHidesNoOther) {
  const auto tip = internal_.commit_many("refs/heads/main", 1);
  internal_.set_ref("refs/heads/HEAD", tip);
  internal_.set_ref("refs/tags/HEAD", tip);
  const auto outcomes = sync();
  EXPECT_EQ(failed(outcomes), (std::vector<std::string>{"refs/heads/HEAD", "refs/tags/HEAD"}));
  EXPECT_NE(outcomes.front().report.error->text().find("HEAD"), std::string::npos);
  EXPECT_EQ(external_.tip("refs/heads/main"), tip);
  EXPECT_FALSE(external_.tip("refs/heads/HEAD"));
  EXPECT_EQ(service_->sync_branch("robot", "HEAD", {}).error().code, ErrorCode::InvalidArgument);
}

}  // namespace
}  // namespace gitferry::test

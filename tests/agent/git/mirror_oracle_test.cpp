// Both engines over the same random histories: they must plan alike and end in the same refs.

#include <array>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "agent/base/text.h"
#include "agent/git/fallback.h"
#include "agent/git/pack_scan.h"
#include "tests/agent/git/relay_fixture.h"

namespace gitferry::test {
namespace {

/// What one ref came to, of what both engines have to agree on.
struct Outcome {
  Plan plan = Plan::Undecided;
  std::optional<ErrorCode> error;
  std::optional<ObjectId> target_tip;
  bool operator==(const Outcome&) const = default;
};

std::string shown(const Outcome& outcome) {
  return std::string(name_of(outcome.plan)) + " " +
         (outcome.error ? std::string(info(*outcome.error).name) : "ok") + " " +
         (outcome.target_tip ? outcome.target_tip->short_hex() : "none");
}

/// One source and two targets, which get the same from outside, and each from an engine of its own.
class EnginesAgree : public RelayFixture, public ::testing::WithParamInterface<unsigned> {
 protected:
  static constexpr int kBranches = 4;

  static std::string branch(std::size_t number) { return "refs/heads/b" + std::to_string(number); }
  std::string message() { return "Commit of step " + std::to_string(++steps_); }

  void work_at_source() {
    const auto ref = branch(random_() % kBranches);
    const auto other = source.tip(branch(random_() % kBranches));
    switch (random_() % 9) {
      case 0:
        source.commit({ref, message(), {{"root", message()}}, std::vector<ObjectId>{}});
        break;
      case 1:
        if (const auto back = source.tip(ref + "~1")) source.set_ref(ref, *back);
        break;
      case 2:
        if (other && source.tip(ref)) source.merge(ref, {*other});
        break;
      case 3:
        source.delete_ref(ref);
        break;
      case 4:
        if (other) source.set_ref(ref, *other);
        break;
      case 5:
        if (source.tip(ref)) source.git({"tag", "-f", "-a", "-m", message(), "v1", ref});
        break;
      default:
        source.commit_many(ref, 1 + static_cast<int>(random_() % 4), message());
    }
  }
  /// Somebody pushes to both targets.
  void work_at_targets() {
    if (random_() % 3 != 0) return;
    const auto ref = branch(random_() % kBranches);
    if (!target.tip(ref)) return;
    const auto theirs = target.commit_many(ref, 1, message());
    second_.fetch_from(target, ref);
    ASSERT_EQ(second_.tip(ref), theirs);
  }
  SyncRequest random_request() {
    auto asked = request();
    asked.refs.clear();
    for (std::size_t i = 0; i < kBranches; ++i) {
      RefSync ref{branch(i), branch(i)};
      constexpr std::array kPolicies{Policy::FfOnly, Policy::Follow, Policy::Force};
      ref.policy = kPolicies.at(random_() % kPolicies.size());
      if (const auto put = put_.find(ref.target_ref); put != put_.end()) ref.put_tip = put->second;
      ref.propagate_deletion = random_() % 2 == 0;
      asked.refs.push_back(ref);
    }
    asked.refs.push_back({"refs/tags/v1", "refs/tags/v1"});
    asked.refs.back().policy = random_() % 2 == 0 ? Policy::Force : Policy::FfOnly;
    asked.dry_run = random_() % 6 == 0;
    return asked;
  }
  std::vector<Outcome> run(Engine& engine, const SyncRequest& asked, const GitRepository& to) {
    std::vector<Outcome> outcomes;
    const auto reports = engine.sync(asked, {});
    for (std::size_t i = 0; i < reports.size(); ++i) {
      const auto& report = reports[i];
      outcomes.push_back({report.plan, report.error ? std::optional(report.error->code) : std::nullopt,
                          to.tip(asked.refs[i].target_ref)});
      if (const auto put = tip_put_by(report)) put_.insert_or_assign(asked.refs[i].target_ref, *put);
    }
    return outcomes;
  }

  GitRepository second_ = GitRepository::init(directory / "second.git");
  std::map<std::string, ObjectId> put_;
  std::mt19937 random_{GetParam()};
  int steps_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Seeds, EnginesAgree, ::testing::Range(0U, 2U));
INSTANTIATE_TEST_SUITE_P(FullSeeds, EnginesAgree, ::testing::Range(2U, 20U));

TEST_P(EnginesAgree, OnRandomHistories) {
  source.commit_many(branch(0), 3);
  const auto relay_engine = engine_over(std::make_unique<VersionedTransport>(2));
  kind = EngineKind::Mirror;
  const auto mirror_engine = engine_over(std::make_unique<VersionedTransport>(GetParam() % 2 == 0 ? 2 : 0));
  for (int step = 0; step < 10; ++step) {
    for (int i = 0; i < 3; ++i) work_at_source();
    work_at_targets();
    const auto to_first = random_request();
    auto to_second = to_first;
    to_second.target = remote_of(second_);
    const auto by_relay = run(*relay_engine, to_first, target);
    const auto by_mirror = run(*mirror_engine, to_second, second_);
    for (std::size_t i = 0; i < by_relay.size(); ++i) {
      EXPECT_EQ(by_relay[i], by_mirror[i])
          << "step " << step << ", " << to_first.refs[i].target_ref << ": relay " << shown(by_relay[i])
          << ", mirror " << shown(by_mirror[i]);
    }
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_EQ(target.fsck(), "");
  EXPECT_EQ(second_.fsck(), "");
}

/// A relay that cannot decide what the test says.
class UndecidedRelay final : public Engine {
 public:
  explicit UndecidedRelay(std::string ref) : ref_(std::move(ref)) {}
  std::vector<RunReport> sync(const SyncRequest& request, std::stop_token /*stop*/) override {
    std::vector<RunReport> reports(request.refs.size());
    for (std::size_t i = 0; i < reports.size(); ++i) {
      if (request.refs[i].target_ref != ref_) continue;
      reports[i].relay_undecided = true;
      reports[i].error = Error{ErrorCode::GitFailed, "cannot be told", {}, {}};
    }
    return reports;
  }
  Result<std::vector<RefTip>> list_refs(const Remote&, RefScope, std::stop_token) override {
    return std::vector<RefTip>{};
  }

 private:
  std::string ref_;
};

TEST_F(RelayFixture, TheMirrorTakesOverWhatTheRelayCannotDecideAndNothingElse) {
  source.commit_many(kMain, 3);
  source.set_ref("refs/heads/other", *source.tip(kMain));
  auto both = request();
  both.refs.push_back({"refs/heads/other", "refs/heads/other"});
  kind = EngineKind::Mirror;
  FallbackEngine engine(std::make_unique<UndecidedRelay>("refs/heads/other"),
                        engine_over(std::make_unique<VersionedTransport>(2)),
                        DivergenceCount(std::make_unique<VersionedTransport>(2), limits, clock));
  const auto reports = engine.sync(both, {});
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_EQ(reports[0].engine, EngineKind::Relay);
  EXPECT_FALSE(target.tip(kMain));
  expect_arrived(reports[1], "refs/heads/other", "refs/heads/other");
  EXPECT_EQ(reports[1].engine, EngineKind::Mirror);
  EXPECT_TRUE(reports[1].relay_undecided);
}

/// The relay keeps no commit that is larger than its limit, and so cannot tell what lies behind one.
TEST_F(RelayFixture, AFastForwardBehindACommitTooLargeForTheRelayIsTheMirrors) {
  source.commit_many(kMain, 3);
  source.set_ref("refs/heads/other", *source.tip(kMain));
  auto both = request();
  both.refs.push_back({"refs/heads/other", "refs/heads/other"});
  const auto relay_engine = [this] { return engine_over(std::make_unique<VersionedTransport>(2)); };
  for (const auto& report : relay_engine()->sync(both, {})) ASSERT_FALSE(report.error);
  source.commit({kMain, std::string(PackScan::kCommitLimit + 1, 'x'), {{"large", "text"}}});
  source.commit_many(kMain, 2);
  source.commit_many("refs/heads/other", 1);
  auto alone = relay_engine();
  kind = EngineKind::Mirror;
  FallbackEngine engine(std::move(alone), engine_over(std::make_unique<VersionedTransport>(2)),
                        DivergenceCount(std::make_unique<VersionedTransport>(2), limits, clock));
  const auto reports = engine.sync(both, {});
  expect_arrived(reports[0]);
  EXPECT_EQ(reports[0].plan, Plan::FastForward);
  EXPECT_EQ(reports[0].engine, EngineKind::Mirror);
  EXPECT_TRUE(reports[0].relay_undecided);
  expect_arrived(reports[1], "refs/heads/other", "refs/heads/other");
  EXPECT_EQ(reports[1].engine, EngineKind::Relay);
}

/// With and without a place where both histories may be cut, and with one that is none any more.
TEST_F(RelayFixture, AutoCountsHowFarABranchDivergedWhereBothHostsSendCommitsAlone) {
  source.commit_many(kMain, 30);
  const auto synced = source.tip(kMain);
  expect_arrived(relay(request()));
  const auto abandoned = target.commit_many("refs/heads/abandoned", 2, "Abandoned");
  source.commit_many(kMain, 4, "On the source");
  source.merge(kMain, {source.commit_many("refs/heads/side", 3, "Aside")});
  target.commit_many(kMain, 2, "On the target");
  for (const bool filters : {true, false}) {
    for (const auto& repository : {source, target}) {
      repository.set_config("uploadpack.allowFilter", filters ? "true" : "false");
    }
    for (const auto& cut : {std::optional<ObjectId>(), synced, std::optional(abandoned)}) {
      FallbackEngine engine(engine_over(std::make_unique<VersionedTransport>(2)),
                            std::make_unique<UndecidedRelay>("none"),
                            DivergenceCount(std::make_unique<VersionedTransport>(2), limits, clock));
      auto asked = request();
      asked.refs.front().put_tip = cut;
      const auto report = engine.sync(asked, {}).front();
      ASSERT_TRUE(report.error);
      EXPECT_EQ(report.error->code, ErrorCode::Diverged);
      // The side branch has a root of its own: 4 + 3 + the merge.
      EXPECT_EQ(report.divergence, filters ? std::optional(Divergence{8, 2}) : std::nullopt);
    }
  }
}

}  // namespace
}  // namespace gitferry::test

#include "agent/sync/lane_request.h"

#include <set>
#include <stdexcept>

#include <gtest/gtest.h>

#include "tests/agent/sync/sync_fixture.h"

namespace gitferry {
namespace {

const LaneKey kLane{"robot", "refs/heads/main", "refs/heads/trunk"};

RepositoryBinding robot() {
  auto binding = binding_between("robot", "in:8443", "out");
  binding.branches = {{"main", "trunk", true}};
  return binding;
}

Result<std::optional<Credential>> configured(const RemoteUrl&) {
  Credential credential;
  credential.username = "configured";
  credential.password = Secret("of the file");
  return credential;
}

TEST(LaneRequest, GoesFromTheSourceToTheTargetWithTheBindingsPolicy) {
  const auto request = request_for(robot(), Direction::ToInter, configured).value();
  const auto ref = ref_sync_for(robot(), kLane, Direction::ToInter);
  EXPECT_EQ(request.source.url.host, "out");
  EXPECT_EQ(ref.source_ref, "refs/heads/trunk");
  EXPECT_EQ(request.target.url.host, "in");
  EXPECT_EQ(ref.target_ref, "refs/heads/main");
  EXPECT_EQ(ref.policy, Policy::FfOnly);
  EXPECT_FALSE(request.dry_run);
}

TEST(LaneRequest, ABranchesOwnPolicyWinsOverTheRepositorys) {
  auto binding = robot();
  binding.policy = Policy::Follow;
  binding.backup_refs = true;
  binding.branches.push_back({"dev", "dev", true, Policy::Force});
  EXPECT_TRUE(request_for(binding, Direction::ToOuter, configured).value().keep_backup);
  const auto main = ref_sync_for(binding, kLane, Direction::ToOuter);
  EXPECT_EQ(main.policy, Policy::Follow);
  EXPECT_FALSE(main.put_tip);
  const LaneKey dev{"robot", "refs/heads/dev", "refs/heads/dev"};
  EXPECT_EQ(ref_sync_for(binding, dev, Direction::ToOuter).policy, Policy::Force);
  binding.granularity = Granularity::All;
  EXPECT_EQ(policy_of(binding, dev), Policy::Follow);
}

TEST(LaneRequest, FollowsWhatWasPutInItsOwnDirection) {
  LaneRow lane;
  lane.put_to_outer = std::string(40, 'a');
  auto ref = ref_sync_for(robot(), kLane, Direction::ToOuter);
  go_by_what_is_known(ref, robot(), lane, Direction::ToOuter);
  ASSERT_TRUE(ref.put_tip);
  EXPECT_EQ(ref.put_tip->hex(), lane.put_to_outer);
  go_by_what_is_known(ref, robot(), lane, Direction::ToInter);
  EXPECT_FALSE(ref.put_tip);
}

TEST(LaneRequest, DeletionsGoWhereTheBindingGoesByWhatBothSidesHad) {
  auto binding = robot();
  EXPECT_FALSE(ref_sync_for(binding, kLane, Direction::ToOuter).propagate_deletion);
  binding.deletions = Deletions::Propagate;
  EXPECT_TRUE(ref_sync_for(binding, kLane, Direction::ToOuter).propagate_deletion);
  EXPECT_FALSE(ref_sync_for(binding, kLane, Direction::ToInter).propagate_deletion) << "against the binding";
  binding.branches[0].deletions = Deletions::Ignore;
  EXPECT_FALSE(ref_sync_for(binding, kLane, Direction::ToOuter).propagate_deletion);
  LaneRow lane;
  lane.common_tip = std::string(40, 'a');
  lane.put_to_outer = std::string(40, 'b');
  auto ref = ref_sync_for(binding, kLane, Direction::ToOuter);
  go_by_what_is_known(ref, binding, lane, Direction::ToOuter);
  EXPECT_EQ(ref.common_tip->hex(), lane.common_tip);
  EXPECT_EQ(ref.put_tip->hex(), lane.put_to_outer);
}

TEST(LaneRequest, ATwoWayLaneDeletesAtItsCommonTipAlone) {
  auto binding = robot();
  binding.direction = BindingDirection::Both;
  binding.deletions = Deletions::Propagate;
  LaneRow lane;
  lane.common_tip = std::string(40, 'a');
  lane.put_to_inter = std::string(40, 'b');
  auto ref = ref_sync_for(binding, kLane, Direction::ToInter);
  EXPECT_TRUE(ref.propagate_deletion);
  go_by_what_is_known(ref, binding, lane, Direction::ToInter);
  EXPECT_EQ(ref.common_tip->hex(), lane.common_tip);
  EXPECT_FALSE(ref.put_tip);
}

TEST(LaneRequest, ATagsLaneIsTheRepositorysAsLongAsTagsAreSynced) {
  const LaneKey tag{"robot", "refs/tags/v1", "refs/tags/v1"};
  for (const auto granularity : {Granularity::One, Granularity::All}) {
    auto binding = robot();
    binding.granularity = granularity;
    binding.policy = Policy::Force;
    EXPECT_EQ(binding_of(*snapshot_of({binding}), tag).error().code, ErrorCode::BranchUnknown);
    binding.tags = Tags::All;
    const auto bindings = snapshot_of({binding});
    EXPECT_TRUE(binding_of(*bindings, tag));
    EXPECT_FALSE(binding_of(*bindings, {"robot", "refs/tags/v1", "refs/tags/v2"}));
    EXPECT_FALSE(binding_of(*bindings, {"robot", "refs/tags/main", "refs/heads/main"}));
    EXPECT_EQ(policy_of(binding, tag), Policy::Force);
    EXPECT_EQ(deletions_of(binding, tag), Deletions::Ignore);
  }
}

TEST(LaneRequest, ATokenOfTheApiWinsAtItsOwnSide) {
  auto binding = robot();
  binding.internal_token = SideToken{"oauth2", Secret("T0KEN"), "https://in:8443"};
  const auto request = request_for(binding, Direction::ToOuter, configured).value();
  EXPECT_EQ(request.source.credential->username, "oauth2");
  EXPECT_EQ(request.source.credential->password.reveal(), "T0KEN");
  EXPECT_EQ(request.target.credential->username, "configured");
}

TEST(LaneRequest, ATokenIsNotShownToAnotherHostOrPortThanItsOwn) {
  auto binding = robot();
  for (const auto* origin :
       {"https://in", "https://out", "https://in:443", "https://evil.in:8443", "in:8443", ""}) {
    binding.internal_token = SideToken{"oauth2", Secret("T0KEN"), origin};
    const auto remote = remote_of(binding, Side::Internal, configured).value();
    EXPECT_EQ(remote.credential->username, "configured") << origin;
  }
}

TEST(LaneRequest, ATokenGivenForHttpsIsNotShownUnencrypted) {
  auto binding = robot();
  binding.internal_token = SideToken{"oauth2", Secret("T0KEN"), "https://in:8443"};
  binding.internal = url_of("http://in:8443/robot");
  EXPECT_EQ(remote_of(binding, Side::Internal, configured).value().credential->username, "configured");
}

TEST(LaneRequest, ATokenIsOnlyForHttp) {
  auto binding = robot();
  for (const auto* address : {"ssh://git@in:8443/robot", "git@in:robot", "/srv/robot.git"}) {
    binding.internal = url_of(address);
    binding.internal_token = SideToken{"oauth2", Secret("T0KEN"), binding.internal.origin()};
    const auto remote = remote_of(binding, Side::Internal, configured).value();
    EXPECT_EQ(remote.credential->username, "configured") << address;
  }
}

TEST(LaneRequest, ATokenSparesTheLookUp) {
  auto binding = robot();
  binding.internal_token = SideToken{"oauth2", Secret("T0KEN"), "https://in:8443"};
  const CredentialLookup unreadable = [](const RemoteUrl&) -> Result<std::optional<Credential>> {
    return fail(ErrorCode::AuthenticationFailed, "read the secret file: no such file");
  };
  EXPECT_TRUE(remote_of(binding, Side::Internal, unreadable));
  const auto refused = request_for(binding, Direction::ToOuter, unreadable);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::AuthenticationFailed);
}

TEST(LaneRequest, DividesLanesIntoTransfersThatWriteNoRefTwice) {
  std::vector<LaneKey> lanes;
  for (std::size_t i = 0; i < kMostRefsInTransfer + 2; ++i) {
    const auto ref = "refs/heads/b" + std::to_string(i);
    lanes.push_back({"robot", ref, ref});
  }
  lanes.push_back({"robot", "refs/heads/other", "refs/heads/b1"});
  const auto transfers = transfers_of(lanes, Direction::ToOuter);
  ASSERT_EQ(transfers.size(), 3U);
  EXPECT_EQ(transfers[0].size(), kMostRefsInTransfer);
  EXPECT_EQ(transfers[1], (std::vector<std::size_t>{kMostRefsInTransfer, kMostRefsInTransfer + 1}));
  EXPECT_EQ(transfers[2], std::vector<std::size_t>{kMostRefsInTransfer + 2});
  EXPECT_EQ(transfers_of(lanes, Direction::ToInter).size(), 2U) << "there they write different refs";
  EXPECT_TRUE(transfers_of({}, Direction::ToOuter).empty());
}

/// Throws where a transfer has one of `bad`, and leaves out reports where it has one of `lost`.
class DefectiveEngine final : public Engine {
 public:
  std::vector<RunReport> sync(const SyncRequest& request, std::stop_token) override {
    ++calls;
    std::vector<RunReport> reports;
    for (const auto& ref : request.refs) {
      if (bad.contains(ref.source_ref)) throw std::runtime_error("boom");
      if (!lost.contains(ref.source_ref)) reports.emplace_back().plan = Plan::Nothing;
    }
    return reports;
  }
  Result<std::vector<RefTip>> list_refs(const Remote&, RefScope, std::stop_token) override {
    return std::vector<RefTip>{};
  }

  std::set<std::string> bad;
  std::set<std::string> lost;
  int calls = 0;
};

TEST(LaneRequest, ADefectFailsTheRefsThatItIsAboutInFewTries) {
  DefectiveEngine engine;
  engine.bad = {"refs/heads/b7"};
  engine.lost = {"refs/heads/b900"};
  auto request = request_for(robot(), Direction::ToOuter, configured).value();
  for (int i = 0; i < 1000; ++i) {
    const auto ref = "refs/heads/b" + std::to_string(i);
    request.refs.push_back({ref, ref});
  }
  const auto reports = run_guarded(engine, request, {});
  ASSERT_EQ(reports.size(), 1000U);
  for (std::size_t i = 0; i < reports.size(); ++i) {
    ASSERT_EQ(reports[i].error.has_value(), i == 7 || i == 900) << i;
  }
  EXPECT_EQ(reports[7].error->code, ErrorCode::Internal);
  EXPECT_LT(engine.calls, 50);

  for (const auto& ref : request.refs) engine.bad.insert(ref.source_ref);
  engine.calls = 0;
  EXPECT_EQ(run_guarded(engine, request, {}).size(), 1000U);
  EXPECT_LE(engine.calls, 65) << "it has nothing to do with single refs";
}

}  // namespace
}  // namespace gitferry

#include "agent/sync/binding_registry.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/agent/store/store_fixture.h"
#include "tests/agent/sync/overlay_table.h"

namespace gitferry {
namespace {

const Actor kOps{"ops", "api", "request-1"};

RemoteUrl url(const std::string& text) {
  return parse_remote_url(text, any_scheme()).value().url;
}

RepositoryToBind wanted(const std::string& name) {
  RepositoryToBind made;
  made.name = name;
  made.internal = "https://in.example/" + name;
  made.external = "https://out.example/" + name;
  return made;
}

/// `robot` with the branches main -> main and dev -> stable (disabled).
BindingSnapshot file_with_robot() {
  BindingSnapshot file;
  auto& robot = file.repositories["robot"];
  robot.name = "robot";
  robot.internal = url("https://in.example/acme/robot");
  robot.external = url("https://out.example/acme/robot");
  robot.branches = {{"main", "main", true}, {"dev", "stable", false}};
  return file;
}

/// A registry on a real store, that can be opened again as after a restart.
class BindingRegistryTest : public StoreTest {
 protected:
  BindingRegistryTest() { options_.sealing_key = Secret(std::string(32, 'k')); }
  ~BindingRegistryTest() override { registry_.reset(); }

  BindingRegistry& open(BindingSnapshot file) {
    registry_.reset();
    reopen();
    return open_on(store(), std::move(file));
  }
  BindingRegistry& open_on(Store& store, BindingSnapshot file) {
    auto opened = BindingRegistry::open({store, clock_, AllowedAddresses{schemes_, {}},
                                         [this](const Snapshot& made) { published_.push_back(made); }},
                                        std::move(file));
    if (!opened) {
      ADD_FAILURE() << opened.error().text();
      std::abort();
    }
    registry_ = std::move(*opened);
    return *registry_;
  }
  BindingRegistry& registry() { return registry_ ? *registry_ : open({}); }
  RepositoryBinding bound(const std::string& name) {
    const auto* found = registry().snapshot()->find(name);
    return found == nullptr ? RepositoryBinding{} : *found;
  }
  bool is_bound(const std::string& name) { return registry().snapshot()->find(name) != nullptr; }
  /// The pairs of a repository, `main -> main(off)`.
  std::string branches(const std::string& name) {
    std::string text;
    for (const auto& branch : bound(name).branches)
      text += branch.internal + ">" + branch.external + (branch.enabled ? " " : "(off) ");
    return text;
  }
  std::vector<AuditRow> audit() { return store().audit({}, {1, 1000, true}).value().rows; }
  AuditEntry last_audit() { return audit().back().entry; }
  /// The same name in a store that was opened again: what a restart would show.
  RepositoryBinding after_restart(const std::string& name, BindingSnapshot file) {
    open(std::move(file));
    return bound(name);
  }
  /// A lane with an outcome, for seeing whether it is forgotten.
  void sync_once(const std::string& repository) {
    const LaneMark mark{lane_key("main", repository), Direction::ToOuter};
    const auto id = marked(mark).marked.at(0).lane_id;
    const auto row = lane(id);
    const auto run = store().begin_run(row, Direction::ToOuter, now_ms()).value();
    ASSERT_TRUE(store().finish_run(success(row, run)));
  }
  bool is_remembered(const std::string& repository) {
    const auto rows = store().lanes_of_repositories(std::vector<std::string>{repository}).value();
    return !rows.empty() && rows.at(0).last_success_at_ms != 0;
  }

  std::set<Scheme> schemes_{Scheme::Https, Scheme::Ssh};
  std::vector<Snapshot> published_;
  std::unique_ptr<BindingRegistry> registry_;
};

// --- the specification, through a store, restarts and reloads

TEST_F(BindingRegistryTest, HoldsTheTableOfRepositoriesOverReloadsAndRestarts) {
  using namespace overlay_table;
  const std::array order{0, 1, 2,
                         0, 2, 1};  // present, other values, vanished, back, vanished, back with others
  for (std::size_t row = 0; row < kRepositories.size(); ++row) {
    const auto& one = kRepositories[row];
    registry_.reset();
    ASSERT_TRUE(store().change_overrides({{"robot"}, {}, rows_of(one).repositories, {}, {}, {}}));
    for (const auto first : {0, 1, 2}) {
      open(file_of(kFiles[static_cast<std::size_t>(first)]));
      for (const auto column : order) {
        const auto i = static_cast<std::size_t>(column);
        ASSERT_TRUE(registry().reload(file_of(kFiles[i]), {"", "reload", ""}));
        EXPECT_EQ(in_force(*registry().snapshot()), one.in_force[i]) << "row " << row << ", column " << i;
      }
    }
  }
}

TEST_F(BindingRegistryTest, HoldsTheTableOfBranchesOverReloads) {
  using namespace overlay_table;
  for (std::size_t row = 0; row < kBranches.size(); ++row) {
    const auto& one = kBranches[row];
    registry_.reset();
    const auto rows = rows_of(one);
    ASSERT_TRUE(store().change_overrides({{"robot"}, {}, rows.repositories, rows.branches, {}, {}}));
    open({});
    for (const auto i : {0U, 1U, 2U, 3U, 0U, 2U, 1U}) {
      ASSERT_TRUE(registry().reload(file_of(kBranchFiles[i]), {"", "reload", ""}));
      EXPECT_EQ(branch_in_force(*registry().snapshot()), one.in_force[i])
          << "row " << row << ", column " << i;
    }
  }
}

// --- binding

TEST_F(BindingRegistryTest, BindsARepositoryThatARestartKeeps) {
  auto robot = wanted("robot");
  robot.enabled = false;
  robot.granularity = Granularity::All;
  robot.direction = BindingDirection::ToInter;
  const auto made = registry().bind_repository(robot, kOps);
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_EQ(made->origin, Origin::Api);
  EXPECT_NE(made->id, 0);
  EXPECT_EQ(made->created_at_ms, now_ms());
  for (const auto& found : {bound("robot"), after_restart("robot", {})}) {
    EXPECT_FALSE(found.enabled);
    EXPECT_EQ(found.internal.str(), "https://in.example/robot");
    EXPECT_EQ(found.external.str(), "https://out.example/robot");
    EXPECT_EQ(found.granularity, Granularity::All);
    EXPECT_EQ(found.direction, BindingDirection::ToInter);
    EXPECT_EQ(found.id, made->id);
    EXPECT_EQ(found.created_at_ms, made->created_at_ms);
  }
}

TEST_F(BindingRegistryTest, RefusesANameThatIsBoundByFileOrApi) {
  open(file_with_robot());
  ASSERT_TRUE(registry().bind_repository(wanted("other"), kOps));
  for (const auto* name : {"robot", "other"}) {
    const auto refused = registry().bind_repository(wanted(name), kOps);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::RepositoryExists);
  }
  EXPECT_TRUE(registry().bind_repository(wanted("Robot"), kOps)) << "names are case-sensitive";
}

TEST_F(BindingRegistryTest, SaysWhichParameterOfABindingIsWrong) {
  struct Case {
    std::string what;
    std::function<void(RepositoryToBind&)> spoil;
    ErrorCode code;
    std::string named;
  };
  const std::vector<Case> cases{
      {"empty name", [](auto& w) { w.name = ""; }, ErrorCode::InvalidArgument, "repo_name"},
      {"path as a name", [](auto& w) { w.name = ".."; }, ErrorCode::InvalidArgument, "repo_name"},
      {"long name", [](auto& w) { w.name = std::string(1 << 20, 'a'); }, ErrorCode::InvalidArgument,
       "repo_name"},
      {"NUL in a name", [](auto& w) { w.name = std::string("a\0b", 3); }, ErrorCode::InvalidArgument,
       "repo_name"},
      {"empty address", [](auto& w) { w.internal = ""; }, ErrorCode::RepositoryAddressInvalid,
       "internal_repo_address"},
      {"option in an address", [](auto& w) { w.external = "git@h.example:x.git -c core.sshCommand=touch"; },
       ErrorCode::RepositoryAddressInvalid, "external_repo_address"},
      {"long address", [](auto& w) { w.external = "https://h.example/" + std::string(1 << 20, 'a'); },
       ErrorCode::RepositoryAddressInvalid, "external_repo_address"},
      {"scheme", [](auto& w) { w.internal = "http://h.example/x"; }, ErrorCode::RepositoryAddressInvalid,
       "internal_repo_address"},
      {"user without password", [](auto& w) { w.internal = "https://bot@h.example/x"; },
       ErrorCode::RepositoryAddressInvalid, "internal_repo_address"},
      {"itself", [](auto& w) { w.external = "ssh://git@IN.example/Robot.git/"; },
       ErrorCode::RepositoryAddressInvalid, "external_repo_address"},
      {"granularity", [](auto& w) { w.granularity.reset(); }, ErrorCode::GranularityInvalid,
       "sync_granularity"},
      {"direction", [](auto& w) { w.direction.reset(); }, ErrorCode::DirectionInvalid, "sync_direction"},
      {"address before granularity",
       [](auto& w) {
         w.external = "";
         w.granularity.reset();
       },
       ErrorCode::RepositoryAddressInvalid, "external_repo_address"},
      {"token for ssh",
       [](auto& w) {
         w.internal = "git@h.example:x";
         w.internal_token = Secret("canary");
       },
       ErrorCode::InvalidArgument, "inter_token"},
      {"line break in a token", [](auto& w) { w.external_token = Secret("canary\r\nX: y"); },
       ErrorCode::InvalidArgument, "exter_token"},
      {"long token", [](auto& w) { w.external_token = Secret("canary" + std::string(4096, 'x')); },
       ErrorCode::InvalidArgument, "exter_token"},
  };
  for (const auto& one : cases) {
    auto spoiled = wanted("robot");
    one.spoil(spoiled);
    const auto refused = registry().bind_repository(spoiled, kOps);
    ASSERT_FALSE(refused) << one.what;
    EXPECT_EQ(refused.error().code, one.code) << one.what;
    EXPECT_NE(refused.error().message.find(one.named), std::string::npos) << refused.error().message;
    EXPECT_EQ(refused.error().text().find("canary"), std::string::npos) << one.what;
    EXPECT_LT(refused.error().text().size(), 1000U) << one.what;
  }
  EXPECT_TRUE(registry().snapshot()->repositories.empty());
  EXPECT_TRUE(audit().empty());
  EXPECT_TRUE(published_.empty());
}

TEST_F(BindingRegistryTest, S12_NeverQuotesTheUserInfoOfARefusedAddress) {
  for (const auto* address : {"https://bot:canary@h.example/../x", "https://canary@h.example/x",
                              "gopher://bot:canary@h.example/x", "bot:canary@h.example:x"}) {
    auto robot = wanted("robot");
    robot.internal = address;
    const auto refused = registry().bind_repository(robot, kOps);
    ASSERT_FALSE(refused) << address;
    EXPECT_EQ(refused.error().text().find("canary"), std::string::npos) << refused.error().text();
  }
}

TEST_F(BindingRegistryTest, SplitsUserInfoOffIntoTheSidesToken) {
  auto robot = wanted("robot");
  robot.internal = "https://bot:from-address@in.example:8443/robot";
  robot.external = "https://out.example/robot";
  robot.external_token = Secret("from-parameter");
  const auto made = registry().bind_repository(robot, kOps);
  ASSERT_TRUE(made);
  for (const auto& found : {*made, after_restart("robot", {})}) {
    EXPECT_EQ(found.internal.str(), "https://in.example:8443/robot");
    ASSERT_TRUE(found.internal_token);
    EXPECT_EQ(found.internal_token->username, "bot");
    EXPECT_EQ(found.internal_token->token.reveal(), "from-address");
    EXPECT_EQ(found.internal_token->given_for, "https://in.example:8443");
    ASSERT_TRUE(found.external_token);
    EXPECT_EQ(found.external_token->username, "oauth2");
    EXPECT_EQ(found.external_token->token.reveal(), "from-parameter");
  }
}

TEST_F(BindingRegistryTest, TakesTheTokenParameterRatherThanUserInfo) {
  auto robot = wanted("robot");
  robot.internal = "https://bot:from-address@in.example/robot";
  robot.internal_token = Secret(std::string(4096, 'p'));
  const auto made = registry().bind_repository(robot, kOps);
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_EQ(made->internal_token->username, "bot");
  EXPECT_EQ(made->internal_token->token.reveal(), std::string(4096, 'p'));
}

TEST_F(BindingRegistryTest, ListsRepositoriesByAgeAndThenById) {
  open(file_with_robot());
  clock_.advance(std::chrono::seconds(5));
  for (const auto* name : {"z", "a", "m"}) ASSERT_TRUE(registry().bind_repository(wanted(name), kOps));
  clock_.set_wall(from_epoch_ms(1'000));
  ASSERT_TRUE(registry().bind_repository(wanted("old"), kOps));
  const std::vector<std::string> order{"old", "robot", "z", "a", "m"};
  EXPECT_EQ(registry().snapshot()->by_age, order);
  open(file_with_robot());
  EXPECT_EQ(registry().snapshot()->by_age, order);
}

// --- unbinding

TEST_F(BindingRegistryTest, UnbindsARepositoryOfTheApiWithEverythingOfIt) {
  auto robot = wanted("robot");
  robot.internal_token = Secret("t");
  const auto first = registry().bind_repository(robot, kOps).value();
  ASSERT_TRUE(registry().bind_branch("robot", {"main", "main"}, kOps));
  ASSERT_TRUE(registry().unbind_repository("robot", kOps));
  EXPECT_FALSE(is_bound("robot"));
  EXPECT_TRUE(registry().snapshot()->by_age.empty());
  EXPECT_TRUE(registry().snapshot()->unbound.empty());
  const auto rows = store().overrides().value();
  EXPECT_TRUE(rows.repositories.empty());
  EXPECT_TRUE(rows.branches.empty());
  clock_.advance(std::chrono::seconds(1));
  const auto second = registry().bind_repository(wanted("robot"), kOps).value();
  EXPECT_TRUE(second.branches.empty());
  EXPECT_FALSE(second.internal_token);
  EXPECT_EQ(second.id, first.id) << "a name keeps its id";
  EXPECT_EQ(second.created_at_ms, now_ms());
}

TEST_F(BindingRegistryTest, HidesTheFilesEntryWhenItIsUnbound) {
  open(file_with_robot());
  ASSERT_TRUE(registry().set_branch_enabled("robot", "dev", true, kOps));
  ASSERT_TRUE(registry().unbind_repository("robot", kOps));
  EXPECT_EQ(registry().snapshot()->unbound, std::vector<std::string>{"robot"});
  open(file_with_robot());
  EXPECT_FALSE(is_bound("robot"));
  EXPECT_TRUE(store().overrides().value().branches.empty()) << "a branch override outlived its repository";
  EXPECT_EQ(registry().unbind_repository("robot", kOps).error().code, ErrorCode::RepositoryUnknown);
}

TEST_F(BindingRegistryTest, BindsAnUnboundEntryOfTheFileAnewWithoutBranches) {
  open(file_with_robot());
  ASSERT_TRUE(registry().unbind_repository("robot", kOps));
  auto again = wanted("robot");
  again.external = "https://new.example/robot";
  const auto made = registry().bind_repository(again, kOps);
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_EQ(made->origin, Origin::FileAndOverride);
  EXPECT_TRUE(made->branches.empty());
  EXPECT_TRUE(registry().snapshot()->unbound.empty());
  ASSERT_TRUE(registry().bind_branch("robot", {"main", "main"}, kOps));
  EXPECT_EQ(branches("robot"), "main>main ");
  open(file_with_robot());
  EXPECT_EQ(branches("robot"), "main>main ");
  EXPECT_EQ(bound("robot").external.host, "new.example");
  // What the file gets later is new.
  auto file = file_with_robot();
  file.repositories["robot"].branches.push_back({"late", "late", true});
  ASSERT_TRUE(registry().reload(file, {"", "reload", ""}));
  EXPECT_EQ(branches("robot"), "main>main late>late ");
}

TEST_F(BindingRegistryTest, BindsOverOverridesThatWaitForTheFile) {
  open(file_with_robot());
  ASSERT_TRUE(registry().set_repository_enabled("robot", false, kOps));
  ASSERT_TRUE(registry().unbind_branch("robot", "main", kOps));
  ASSERT_TRUE(registry().reload({}, {"", "reload", ""}));
  ASSERT_TRUE(registry().bind_repository(wanted("robot"), kOps));
  EXPECT_TRUE(bound("robot").enabled);
  EXPECT_TRUE(store().overrides().value().branches.empty());
}

// --- enabling, addresses, reset

TEST_F(BindingRegistryTest, SwitchesARepositoryAndForgetsTheOverrideWhenItIsAsInTheFile) {
  open(file_with_robot());
  ASSERT_TRUE(registry().set_repository_enabled("robot", false, kOps));
  EXPECT_FALSE(after_restart("robot", file_with_robot()).enabled);
  EXPECT_EQ(bound("robot").origin, Origin::FileAndOverride);
  EXPECT_EQ(bound("robot").file.enabled, true);
  ASSERT_TRUE(registry().set_repository_enabled("robot", true, kOps));
  EXPECT_TRUE(bound("robot").enabled);
  EXPECT_EQ(bound("robot").origin, Origin::File);
  EXPECT_TRUE(store().overrides().value().repositories.empty());
}

TEST_F(BindingRegistryTest, ChangesOneAddressAndLeavesTheOther) {
  open(file_with_robot());
  ASSERT_TRUE(
      registry().change_addresses("robot", {std::nullopt, "git@new.example:acme/robot", {}, {}}, kOps));
  const auto robot = after_restart("robot", file_with_robot());
  EXPECT_EQ(robot.external.str(), "git@new.example:acme/robot");
  EXPECT_EQ(robot.internal, file_with_robot().repositories["robot"].internal);
  EXPECT_EQ(robot.file.external, file_with_robot().repositories["robot"].external);
  EXPECT_FALSE(robot.file.internal);
  ASSERT_TRUE(
      registry().change_addresses("robot", {std::nullopt, "https://out.example/acme/robot", {}, {}}, kOps));
  EXPECT_EQ(bound("robot").origin, Origin::File);
  EXPECT_TRUE(store().overrides().value().repositories.empty());
}

TEST_F(BindingRegistryTest, RefusesAddressesAndLeavesEverythingAsItWas) {
  open(file_with_robot());
  struct Case {
    AddressChange change;
    ErrorCode code;
    const char* named;
  };
  const std::vector<Case> cases{
      {{"nonsense", {}, {}, {}}, ErrorCode::RepositoryAddressInvalid, "internal_repo_address"},
      {{{}, "http://h.example/x", {}, {}}, ErrorCode::RepositoryAddressInvalid, "external_repo_address"},
      {{{}, "https://in.example/acme/robot.git", {}, {}},
       ErrorCode::RepositoryAddressInvalid,
       "same repository"},
      {{{}, {}, Secret("canary\n"), {}}, ErrorCode::InvalidArgument, "inter_token"},
      {{{}, "git@h.example:x", {}, Secret("canary")}, ErrorCode::InvalidArgument, "exter_token"}};
  for (const auto& one : cases) {
    const auto refused = registry().change_addresses("robot", one.change, kOps);
    ASSERT_FALSE(refused) << one.named;
    EXPECT_EQ(refused.error().code, one.code) << one.named;
    EXPECT_NE(refused.error().message.find(one.named), std::string::npos) << refused.error().message;
    EXPECT_EQ(refused.error().text().find("canary"), std::string::npos);
  }
  EXPECT_EQ(bound("robot").origin, Origin::File);
  EXPECT_TRUE(audit().empty());
}

TEST_F(BindingRegistryTest, S04_KeepsATokenOnlyAsLongAsItsHostStays) {
  struct Case {
    const char* what;
    AddressChange change;
    std::optional<std::string> token;
    const char* username;
  };
  schemes_.insert(Scheme::Http);
  const std::vector<Case> cases{
      {"another path", {"https://in.example/moved", {}, {}, {}}, "first", "bot"},
      {"another host", {"https://evil.example/robot", {}, {}, {}}, {}, ""},
      {"another port", {"https://in.example:8443/robot", {}, {}, {}}, {}, ""},
      {"no encryption any more", {"http://in.example/robot", {}, {}, {}}, {}, ""},
      {"ssh", {"ssh://git@in.example/robot", {}, {}, {}}, {}, ""},
      {"another host with a token",
       {"https://new.example/robot", {}, Secret("second"), {}},
       "second",
       "oauth2"},
      {"another host with user info", {"https://u:third@new.example/robot", {}, {}, {}}, "third", "u"},
      {"a new token alone", {{}, {}, Secret("rotated"), {}}, "rotated", "bot"},
      {"a new name for the token", {"https://other@in.example/robot", {}, {}, {}}, "first", "other"},
      {"an empty token", {{}, {}, Secret(), {}}, {}, ""},
      {"the other side alone", {{}, "https://new.example/robot", {}, {}}, "first", "bot"}};
  for (const auto& one : cases) {
    auto robot = wanted("robot");
    robot.internal = "https://bot:first@in.example/robot";
    ASSERT_TRUE(registry().bind_repository(robot, kOps)) << one.what;
    ASSERT_TRUE(registry().change_addresses("robot", one.change, kOps)) << one.what;
    const auto token = after_restart("robot", {}).internal_token;
    ASSERT_EQ(token.has_value(), one.token.has_value()) << one.what;
    if (token) {
      EXPECT_EQ(token->token.reveal(), *one.token) << one.what;
      EXPECT_EQ(token->username, one.username) << one.what;
      EXPECT_EQ(token->given_for, bound("robot").internal.origin()) << one.what;
    }
    ASSERT_TRUE(registry().unbind_repository("robot", kOps));
  }
}

TEST_F(BindingRegistryTest, ATokenGivenForHttpsIsNotShownWhereTheFileTurnsToHttp) {
  schemes_.insert(Scheme::Http);
  open(file_with_robot());
  ASSERT_TRUE(registry().change_addresses("robot", {{}, {}, Secret("canary"), {}}, kOps));
  ASSERT_TRUE(bound("robot").internal_token);
  auto plain = file_with_robot();
  plain.repositories["robot"].internal = url("http://in.example/acme/robot");
  ASSERT_TRUE(registry().reload(plain, {"", "reload", ""}));
  EXPECT_FALSE(bound("robot").internal_token);
  EXPECT_FALSE(after_restart("robot", plain).internal_token);
}

TEST_F(BindingRegistryTest, TakesATokenAwayThatWaitsForItsHostToComeBack) {
  open(file_with_robot());
  ASSERT_TRUE(registry().change_addresses("robot", {{}, {}, Secret("canary"), {}}, kOps));
  auto moved = file_with_robot();
  moved.repositories["robot"].internal = url("https://new.example/acme/robot");
  ASSERT_TRUE(registry().reload(moved, {"", "reload", ""}));
  ASSERT_FALSE(bound("robot").internal_token);
  ASSERT_TRUE(registry().change_addresses("robot", {{}, {}, Secret(), {}}, kOps));
  EXPECT_FALSE(after_restart("robot", file_with_robot()).internal_token);
  EXPECT_TRUE(store().overrides().value().repositories.empty());
}

TEST_F(BindingRegistryTest, ForgetsLanesWhoseAddressesTheFileChangedWhileNobodyRan) {
  open(file_with_robot());
  sync_once("robot");
  auto file = file_with_robot();
  file.repositories["robot"].enabled = false;
  open(file);
  EXPECT_TRUE(is_remembered("robot")) << "its addresses are the same";
  open({});
  open(file_with_robot());
  EXPECT_TRUE(is_remembered("robot"));
  for (const auto side : {Side::Internal, Side::External}) {
    auto moved = file_with_robot();
    auto& robot = moved.repositories["robot"];
    (side == Side::Internal ? robot.internal : robot.external) = url("https://new.example/acme/robot");
    open(moved);
    EXPECT_FALSE(is_remembered("robot")) << name_of(side);
    const auto lanes = store().lanes_of_repositories(std::vector<std::string>{"robot"}).value();
    ASSERT_EQ(lanes.size(), 1U);
    EXPECT_TRUE(lanes[0].is_pending()) << "as a reload would have it";
    EXPECT_EQ(lanes[0].trigger, Trigger::Configuration);
    sync_once("robot");
    open(moved);
    EXPECT_TRUE(is_remembered("robot")) << "once is enough";
    open(file_with_robot());
    sync_once("robot");
  }
}

TEST_F(BindingRegistryTest, KnowsAfterARestartWhichAddressesALiveChangeLeft) {
  open(file_with_robot());
  ASSERT_TRUE(registry().change_addresses("robot", {"https://new.example/robot", {}, {}, {}}, kOps));
  sync_once("robot");
  open(file_with_robot());
  EXPECT_TRUE(is_remembered("robot"));
  auto moved = file_with_robot();
  moved.repositories["robot"].external = url("https://out.example/moved");
  ASSERT_TRUE(registry().reload(moved, {"", "reload", ""}));
  EXPECT_FALSE(is_remembered("robot"));
  sync_once("robot");
  open(moved);
  EXPECT_TRUE(is_remembered("robot"));
  ASSERT_TRUE(registry().unbind_repository("robot", kOps));
  ASSERT_TRUE(registry().reset_repository("robot", kOps));
  sync_once("robot");
  open(moved);
  EXPECT_TRUE(is_remembered("robot"));
}

TEST_F(BindingRegistryTest, GoesBackToTheFile) {
  open(file_with_robot());
  ASSERT_TRUE(registry().set_repository_enabled("robot", false, kOps));
  ASSERT_TRUE(registry().unbind_branch("robot", "main", kOps));
  ASSERT_TRUE(registry().bind_branch("robot", {"x", "y"}, kOps));
  ASSERT_TRUE(registry().reset_repository("robot", kOps));
  EXPECT_EQ(branches("robot"), "main>main dev>stable(off) ");
  EXPECT_TRUE(bound("robot").enabled);
  EXPECT_EQ(bound("robot").origin, Origin::File);
  const auto rows = store().overrides().value();
  EXPECT_TRUE(rows.repositories.empty() && rows.branches.empty());
  ASSERT_TRUE(registry().unbind_repository("robot", kOps));
  ASSERT_TRUE(registry().reset_repository("robot", kOps)) << "it brings an unbound entry back";
  EXPECT_EQ(branches("robot"), "main>main dev>stable(off) ");
}

TEST_F(BindingRegistryTest, ResetsOnlyWhatTheFileKnowsOrWaitsForIt) {
  open(file_with_robot());
  ASSERT_TRUE(registry().bind_repository(wanted("api"), kOps));
  EXPECT_EQ(registry().reset_repository("none", kOps).error().code, ErrorCode::RepositoryUnknown);
  EXPECT_EQ(registry().reset_repository("api", kOps).error().code, ErrorCode::InvalidArgument);
  EXPECT_TRUE(is_bound("api"));
  ASSERT_TRUE(registry().unbind_repository("robot", kOps));
  ASSERT_TRUE(registry().reload({}, {"", "reload", ""}));
  ASSERT_TRUE(registry().reset_repository("robot", kOps));
  EXPECT_EQ(store().overrides().value().repositories.size(), 1U) << "only that of `api` is left";
  EXPECT_EQ(registry().reset_repository("robot", kOps).error().code, ErrorCode::RepositoryUnknown);
}

// --- branches

TEST_F(BindingRegistryTest, BindsABranchPairOnce) {
  open(file_with_robot());
  clock_.advance(std::chrono::seconds(3));
  const auto made = registry().bind_branch("robot", {"feature/x", "x", false}, kOps);
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_NE(made->id, 0);
  EXPECT_EQ(made->created_at_ms, now_ms());
  EXPECT_EQ(made->origin, Origin::Api);
  EXPECT_EQ(branches("robot"), "main>main dev>stable(off) feature/x>x(off) ");
  for (const auto& [internal, external] : {std::pair("feature/x", "x"), {"main", "main"}}) {
    EXPECT_EQ(registry().bind_branch("robot", {internal, external}, kOps).error().code,
              ErrorCode::BranchExists);
  }
  clock_.advance(std::chrono::seconds(1));
  EXPECT_TRUE(registry().bind_branch("robot", {"main", "mirror"}, kOps)) << "a source may have two targets";
  EXPECT_TRUE(registry().bind_branch("robot", {"Main", "main"}, kOps)) << "names are case-sensitive";
  const auto again = after_restart("robot", file_with_robot());
  EXPECT_EQ(again.branches.size(), 5U);
  EXPECT_EQ(again.branches.at(2).id, made->id);
}

TEST_F(BindingRegistryTest, SaysWhyABranchCannotBeBound) {
  open(file_with_robot());
  auto whole = wanted("whole");
  whole.granularity = Granularity::All;
  ASSERT_TRUE(registry().bind_repository(whole, kOps));
  struct Case {
    std::string repository;
    BranchBinding branch;
    ErrorCode code;
    std::string named;
  };
  const std::vector<Case> cases{
      {"none", {"main", "main"}, ErrorCode::RepositoryUnknown, "'none'"},
      {"whole", {"main", "main"}, ErrorCode::BranchOnWholeRepository, "'whole'"},
      {"robot", {"--upload-pack=x", "x"}, ErrorCode::InvalidArgument, "internal_branch_name"},
      {"robot", {"x", "a..b"}, ErrorCode::InvalidArgument, "external_branch_name"},
      {"robot", {"x", ""}, ErrorCode::InvalidArgument, "external_branch_name"},
      {"robot", {std::string(1 << 20, 'x'), "x"}, ErrorCode::InvalidArgument, "internal_branch_name"},
      {"robot", {"HEAD", "x"}, ErrorCode::InvalidArgument, "internal_branch_name"},
      {"none", {"", "x"}, ErrorCode::InvalidArgument, "internal_branch_name"}};
  for (const auto& one : cases) {
    const auto refused = registry().bind_branch(one.repository, one.branch, kOps);
    ASSERT_FALSE(refused) << one.named;
    EXPECT_EQ(refused.error().code, one.code) << one.named;
    EXPECT_NE(refused.error().message.find(one.named), std::string::npos) << refused.error().message;
    EXPECT_LT(refused.error().text().size(), 1000U);
  }
  EXPECT_EQ(audit().size(), 1U);
}

TEST_F(BindingRegistryTest, SwitchesEveryPairOfThatNameOnTheSourceSide) {
  auto file = file_with_robot();
  file.repositories["robot"].branches = {{"main", "a", true}, {"main", "b", false}, {"a", "main", true}};
  open(file);
  ASSERT_TRUE(registry().set_branch_enabled("robot", "main", false, kOps));
  EXPECT_EQ(branches("robot"), "main>a(off) main>b(off) a>main ");
  EXPECT_EQ(bound("robot").branches.at(0).file_enabled, true);
  EXPECT_FALSE(bound("robot").branches.at(1).file_enabled);
  ASSERT_TRUE(registry().set_branch_enabled("robot", "main", true, kOps));
  EXPECT_EQ(branches("robot"), "main>a main>b a>main ");
  EXPECT_EQ(store().overrides().value().branches.size(), 1U) << "main -> a is as in the file again";
  file.repositories["robot"].direction = BindingDirection::ToInter;
  ASSERT_TRUE(registry().reload(file, {"", "reload", ""}));
  ASSERT_TRUE(registry().set_branch_enabled("robot", "main", false, kOps));
  EXPECT_EQ(branches("robot"), "main>a main>b a>main(off) ");
  EXPECT_EQ(registry().set_branch_enabled("robot", "x", true, kOps).error().code, ErrorCode::BranchUnknown);
}

TEST_F(BindingRegistryTest, EnablesABranchOfADisabledRepositoryWithoutEnablingThat) {
  open(file_with_robot());
  ASSERT_TRUE(registry().set_repository_enabled("robot", false, kOps));
  ASSERT_TRUE(registry().set_branch_enabled("robot", "dev", true, kOps));
  EXPECT_FALSE(bound("robot").enabled);
  EXPECT_EQ(branches("robot"), "main>main dev>stable ");
}

TEST_F(BindingRegistryTest, UnbindsBranchesOfTheFileAndOfTheApi) {
  open(file_with_robot());
  const auto api = registry().bind_branch("robot", {"main", "mirror"}, kOps).value();
  ASSERT_TRUE(registry().unbind_branch("robot", "main", kOps));
  EXPECT_EQ(branches("robot"), "dev>stable(off) ");
  open(file_with_robot());
  EXPECT_EQ(branches("robot"), "dev>stable(off) ");
  EXPECT_EQ(store().overrides().value().branches.size(), 1U) << "only what hides the file's branch";
  EXPECT_EQ(registry().unbind_branch("robot", "main", kOps).error().code, ErrorCode::BranchUnknown);
  EXPECT_EQ(registry().bind_branch("robot", {"main", "mirror"}, kOps).value().id, api.id);
  EXPECT_EQ(registry().bind_branch("robot", {"main", "main"}, kOps).value().origin, Origin::File)
      << "bound again as the file has it";
}

TEST_F(BindingRegistryTest, AnswersForWholeRepositoriesAndUnknownOnesByTheirCodes) {
  auto whole = wanted("whole");
  whole.granularity = Granularity::All;
  ASSERT_TRUE(registry().bind_repository(whole, kOps));
  EXPECT_EQ(registry().unbind_branch("whole", "main", kOps).error().code, ErrorCode::NoBranchToUnbind);
  EXPECT_EQ(registry().set_branch_enabled("whole", "main", true, kOps).error().code,
            ErrorCode::BranchUnknown);
  const std::string none(1 << 20, 'n');
  EXPECT_EQ(registry().unbind_branch(none, "main", kOps).error().code, ErrorCode::RepositoryUnknown);
  EXPECT_EQ(registry().set_branch_enabled(none, "main", true, kOps).error().code,
            ErrorCode::RepositoryUnknown);
  EXPECT_EQ(registry().set_repository_enabled(none, true, kOps).error().code, ErrorCode::RepositoryUnknown);
  EXPECT_EQ(registry().change_addresses(none, {"x", {}, {}, {}}, kOps).error().code,
            ErrorCode::RepositoryUnknown);
  const auto refused = registry().unbind_repository(none, kOps);
  EXPECT_EQ(refused.error().code, ErrorCode::RepositoryUnknown);
  EXPECT_LT(refused.error().text().size(), 1000U);
}

// --- audit

TEST_F(BindingRegistryTest, S44_LeavesAnAuditRowForEveryChange) {
  open(file_with_robot());
  auto api = wanted("api");
  api.internal = "https://bot:canary@in.example/api";
  ASSERT_TRUE(registry().bind_repository(api, kOps));
  EXPECT_EQ(last_audit().action, "bind_repository");
  EXPECT_EQ(last_audit().actor, "ops");
  EXPECT_EQ(last_audit().via, "api");
  EXPECT_EQ(last_audit().request_id, "request-1");
  EXPECT_EQ(last_audit().repository, "api");
  EXPECT_EQ(last_audit().before, "");
  EXPECT_EQ(
      last_audit().after,
      R"({"enable":true,"internal_repo_address":"https://in.example/api",)"
      R"("external_repo_address":"https://out.example/api","sync_granularity":"one",)"
      R"("sync_direction":"to_outer","policy":"ff_only","deletions":"ignore","tags":"none","backup_refs":false,"token_present":{"internal":true,"external":false}})");
  ASSERT_TRUE(registry().set_repository_enabled("robot", false, kOps));
  EXPECT_EQ(last_audit().action, "set_repository_enabled");
  EXPECT_EQ(last_audit().before + last_audit().after, R"({"enable":true}{"enable":false})");
  ASSERT_TRUE(registry().change_addresses("api", {{}, "https://new.example/api", {}, {}}, kOps));
  EXPECT_EQ(last_audit().action, "change_addresses");
  EXPECT_EQ(last_audit().before, R"({"external_repo_address":"https://out.example/api"})");
  EXPECT_EQ(last_audit().after, R"({"external_repo_address":"https://new.example/api"})");
  ASSERT_TRUE(registry().change_addresses("api", {{}, {}, Secret("canary2"), {}}, kOps));
  EXPECT_EQ(last_audit().after, R"({"token_present":{"internal":true,"external":false}})");
  ASSERT_TRUE(registry().bind_branch("robot", {"x", "y"}, kOps));
  EXPECT_EQ(last_audit().action, "bind_branch");
  EXPECT_EQ(last_audit().branch, "x -> y");
  EXPECT_EQ(last_audit().before + "|" + last_audit().after, R"(|{"enable":true})");
  ASSERT_TRUE(registry().set_branch_enabled("robot", "x", false, kOps));
  EXPECT_EQ(last_audit().action, "set_branch_enabled");
  EXPECT_EQ(last_audit().before + last_audit().after, R"({"enable":true}{"enable":false})");
  ASSERT_TRUE(registry().unbind_branch("robot", "x", kOps));
  EXPECT_EQ(last_audit().action, "unbind_branch");
  EXPECT_EQ(last_audit().before + "|" + last_audit().after, R"({"enable":false}|)");
  ASSERT_TRUE(registry().reset_repository("robot", kOps));
  EXPECT_EQ(last_audit().action, "reset_repository");
  EXPECT_EQ(last_audit().before + last_audit().after, R"({"enable":false}{"enable":true})");
  ASSERT_TRUE(registry().unbind_repository("api", kOps));
  EXPECT_EQ(last_audit().action, "unbind_repository");
  EXPECT_NE(last_audit().before.find("https://new.example/api"), std::string::npos);
  EXPECT_EQ(last_audit().after, "");
  EXPECT_EQ(audit().size(), 9U);
  for (const auto& row : audit()) {
    const auto& entry = row.entry;
    EXPECT_EQ((entry.before + entry.after + entry.repository + entry.branch).find("canary"),
              std::string::npos);
  }
}

TEST_F(BindingRegistryTest, WritesNothingForAChangeThatChangesNothing) {
  open(file_with_robot());
  ASSERT_TRUE(registry().set_repository_enabled("robot", true, kOps));
  ASSERT_TRUE(registry().set_branch_enabled("robot", "dev", false, kOps));
  ASSERT_TRUE(
      registry().change_addresses("robot", {"https://IN.example/acme/robot", {}, Secret(), {}}, kOps));
  ASSERT_TRUE(registry().reset_repository("robot", kOps));
  ASSERT_TRUE(registry().reload(file_with_robot(), {"", "reload", ""}));
  EXPECT_TRUE(audit().empty());
  const auto rows = store().overrides().value();
  EXPECT_TRUE(rows.repositories.empty() && rows.branches.empty());
}

TEST_F(BindingRegistryTest, LeavesOneRowOfAReloadForEachRepositoryThatChanged) {
  auto file = file_with_robot();
  file.repositories["stays"] = file.repositories["robot"];
  file.repositories["stays"].name = "stays";
  file.repositories["hidden"] = file.repositories["robot"];
  file.repositories["hidden"].name = "hidden";
  open(file);
  ASSERT_TRUE(registry().unbind_repository("hidden", kOps));
  ASSERT_TRUE(registry().set_repository_enabled("stays", false, kOps));
  const auto before = audit().size();
  file.repositories.erase("hidden");
  file.repositories["stays"].enabled = false;  // what the API had said already
  file.repositories["robot"].branches = {{"main", "main", true}, {"new", "new", true}};
  file.repositories["added"] = file.repositories["stays"];
  file.repositories["added"].name = "added";
  ASSERT_TRUE(registry().reload(file, {"", "reload", ""}));
  const auto rows = audit();
  ASSERT_EQ(rows.size(), before + 2);
  const auto& robot = rows[before].entry;
  EXPECT_EQ(robot.action + " " + robot.via + " " + robot.actor, "reload reload ");
  EXPECT_EQ(robot.repository, "robot");
  EXPECT_EQ(robot.before, R"x({"branches":["dev -> stable (disabled)"]})x");
  EXPECT_EQ(robot.after, R"({"branches":["new -> new"]})");
  EXPECT_EQ(rows[before + 1].entry.repository, "added");
  EXPECT_EQ(rows[before + 1].entry.before, "");
}

TEST_F(BindingRegistryTest, S44_AuditsAReloadedWebhookSecretWithoutShowingIt) {
  auto file = file_with_robot();
  file.repositories["robot"].internal_webhook =
      WebhookSource{"gitlab", WebhookScheme::Token, {{Secret("canary1")}}};
  open(file);
  file.repositories["robot"].internal_webhook->secrets = {{Secret("canary2")}};
  ASSERT_TRUE(registry().reload(file, {"", "reload", ""}));
  ASSERT_EQ(audit().size(), 1U);
  EXPECT_EQ(last_audit().after, R"({"webhook":{"internal":"gitlab","external":null}})");
  EXPECT_EQ(bound("robot").internal_webhook->secrets.at(0).value.reveal(), "canary2");
}

OrganisationHook hook(const std::string& name, const std::string& secret) {
  OrganisationHook made;
  made.name = name;
  made.source = {"github", WebhookScheme::Hmac, {{Secret(secret)}}};
  made.instance = url("https://github.com/x");
  made.instance.path.clear();
  made.owners = {"acme"};
  return made;
}

TEST_F(BindingRegistryTest, TakesUpAReloadInWhichOnlyHooksOfOrganisationsChanged) {
  auto file = file_with_robot();
  file.hooks = {hook("acme", "the old secret")};
  open(file);
  ASSERT_EQ(registry().snapshot()->hooks.size(), 1U);

  file.hooks = {hook("acme", "the new secret"), hook("other", "another secret")};
  ASSERT_TRUE(registry().reload(file, {"", "reload", ""}));
  ASSERT_EQ(published_.size(), 1U);
  ASSERT_EQ(published_.back()->hooks.size(), 2U);
  EXPECT_EQ(published_.back()->hooks[0].source.secrets.at(0).value.reveal(), "the new secret");
  EXPECT_EQ(registry().snapshot(), published_.back());

  file.hooks.clear();
  ASSERT_TRUE(registry().reload(file, {"", "reload", ""}));
  EXPECT_TRUE(published_.back()->hooks.empty());
}

TEST_F(BindingRegistryTest, HooksAndBindingsOfAReloadAreInForceAtTheSameMoment) {
  open(file_with_robot());
  auto file = file_with_robot();
  file.repositories["robot"].direction = BindingDirection::ToInter;
  file.hooks = {hook("acme", "a secret")};
  ASSERT_TRUE(registry().reload(file, {"", "reload", ""}));
  ASSERT_EQ(published_.size(), 1U) << "one snapshot has both";
  EXPECT_EQ(published_[0]->hooks.size(), 1U);
  EXPECT_EQ(published_[0]->find("robot")->direction, BindingDirection::ToInter);
}

TEST_F(BindingRegistryTest, AChangeThroughTheApiKeepsTheHooks) {
  auto file = file_with_robot();
  file.hooks = {hook("acme", "a secret")};
  open(file);
  ASSERT_TRUE(registry().bind_repository(wanted("other"), kOps));
  ASSERT_EQ(published_.size(), 1U);
  ASSERT_EQ(published_[0]->hooks.size(), 1U);
  EXPECT_EQ(published_[0]->hooks[0].name, "acme");
}

TEST_F(BindingRegistryTest, AuditsReloadedHooksWithoutTheirSecrets) {
  auto file = file_with_robot();
  file.hooks = {hook("acme", "canary1"), hook("stays", "canary2")};
  open(file);
  ASSERT_TRUE(registry().reload(file, {"", "reload", ""}));
  EXPECT_TRUE(audit().empty()) << "nothing changed";

  file.hooks[0].source.secrets = {{Secret("canary3")}};
  ASSERT_TRUE(registry().reload(file, {"", "reload", ""}));
  ASSERT_EQ(audit().size(), 1U);
  EXPECT_EQ(last_audit().action + " " + last_audit().repository, "reload ");
  EXPECT_EQ(last_audit().before, R"({"webhooks":["acme: github at https://github.com of acme"]})");
  EXPECT_EQ(last_audit().after, last_audit().before) << "that it changed, and not to what";

  file.hooks.erase(file.hooks.begin());
  ASSERT_TRUE(registry().reload(file, {"", "reload", ""}));
  ASSERT_EQ(audit().size(), 2U);
  EXPECT_NE(last_audit().before, "");
  EXPECT_EQ(last_audit().after, "");
}

TEST_F(BindingRegistryTest, BoundsTheAuditOfVeryManyBranches) {
  auto file = file_with_robot();
  for (int i = 0; i < 500; ++i) {
    const auto name = "b" + std::to_string(i);
    file.repositories["robot"].branches.push_back({name, name, true});
  }
  open(file);
  ASSERT_TRUE(registry().unbind_repository("robot", kOps));
  EXPECT_NE(last_audit().before.find("\"and 402 more\""), std::string::npos) << last_audit().before;
}

// --- lanes

TEST_F(BindingRegistryTest, ForgetsWhatLanesKnowOfAddressesThatAreNoneAnyMore) {
  open(file_with_robot());
  sync_once("robot");
  ASSERT_TRUE(registry().set_repository_enabled("robot", false, kOps));
  ASSERT_TRUE(registry().set_repository_enabled("robot", true, kOps));
  ASSERT_TRUE(registry().change_addresses("robot", {{}, {}, Secret("t"), {}}, kOps));
  EXPECT_TRUE(is_remembered("robot"));
  ASSERT_TRUE(registry().change_addresses("robot", {"https://new.example/x", {}, {}, {}}, kOps));
  EXPECT_FALSE(is_remembered("robot"));
  sync_once("robot");
  ASSERT_TRUE(registry().unbind_repository("robot", kOps));
  EXPECT_FALSE(is_remembered("robot"));
}

TEST_F(BindingRegistryTest, ForgetsWhatLanesKnowWhenAReloadMovesARepository) {
  auto file = file_with_robot();
  open(file);
  sync_once("robot");
  file.repositories["robot"].enabled = false;
  ASSERT_TRUE(registry().reload(file, {"", "reload", ""}));
  EXPECT_TRUE(is_remembered("robot"));
  file.repositories["robot"].external = url("https://new.example/acme/robot");
  ASSERT_TRUE(registry().reload(file, {"", "reload", ""}));
  EXPECT_FALSE(is_remembered("robot"));
  sync_once("robot");
  ASSERT_TRUE(registry().reload({}, {"", "reload", ""}));
  EXPECT_FALSE(is_remembered("robot"));
}

// --- what a stored address may come to

TEST_F(BindingRegistryTest, MendsABindingWhoseSchemeIsNotAllowedAnyMore) {
  schemes_.insert(Scheme::Http);
  auto robot = wanted("robot");
  robot.internal = "http://in.example/robot";
  ASSERT_TRUE(registry().bind_repository(robot, kOps));
  schemes_.erase(Scheme::Http);
  EXPECT_NE(after_restart("robot", {}).problem, "");
  EXPECT_FALSE(bound("robot").enabled);
  ASSERT_TRUE(registry().set_repository_enabled("robot", true, kOps));
  EXPECT_FALSE(bound("robot").enabled) << "what is wrong with it is not mended by that";
  ASSERT_TRUE(registry().change_addresses("robot", {"https://in.example/robot", {}, {}, {}}, kOps));
  EXPECT_EQ(bound("robot").problem, "");
  EXPECT_TRUE(bound("robot").enabled);
}

// --- failures of the store

TEST_F(BindingRegistryTest, ChangesNothingWhereTheStoreCannotWrite) {
  options_.sealing_key = Secret();  // writing an address fails, as a full disk would
  open(file_with_robot());
  const auto before = registry().snapshot();
  EXPECT_FALSE(registry().bind_repository(wanted("api"), kOps));
  EXPECT_FALSE(registry().change_addresses("robot", {"https://new.example/x", {}, {}, {}}, kOps));
  EXPECT_EQ(registry().snapshot(), before);
  EXPECT_TRUE(published_.empty());
  EXPECT_TRUE(audit().empty());
  ASSERT_TRUE(registry().set_repository_enabled("robot", false, kOps)) << "what needs no key goes on";
}

// --- several at once

TEST_F(BindingRegistryTest, PublishesEverySnapshotInOrder) {
  open(file_with_robot());
  EXPECT_TRUE(published_.empty()) << "the first is not published";
  ASSERT_TRUE(registry().bind_repository(wanted("a"), kOps));
  ASSERT_TRUE(registry().unbind_repository("a", kOps));
  ASSERT_TRUE(registry().reload({}, {"", "reload", ""}));
  ASSERT_EQ(published_.size(), 3U);
  EXPECT_EQ(published_[0]->repositories.size(), 2U);
  EXPECT_EQ(published_[1]->repositories.size(), 1U);
  EXPECT_EQ(published_[2]->repositories.size(), 0U);
  EXPECT_EQ(published_[2], registry().snapshot());
}

TEST_F(BindingRegistryTest, LetsOneOfManyBindANameAndTheOthersKnow) {
  open({});
  constexpr int kRounds = 10;
  std::atomic<bool> done = false;
  std::atomic<int> torn = 0;
  // Each repository is bound with an address that carries its name: a half-made snapshot would show another.
  std::thread reader([&] {
    while (!done) {
      const auto seen = registry_->snapshot();
      if (seen->by_age.size() != seen->repositories.size()) ++torn;
      for (const auto& [name, binding] : seen->repositories) {
        if (binding.name != name || binding.internal.path != "/" + name || binding.id == 0) ++torn;
      }
    }
  });
  for (int round = 0; round < kRounds; ++round) {
    const auto name = "r" + std::to_string(round);
    std::atomic<int> bound_count = 0;
    std::atomic<int> exists = 0;
    std::vector<std::thread> clients;
    clients.reserve(8);
    for (int i = 0; i < 8; ++i) {
      clients.emplace_back([&] {
        const auto made = registry_->bind_repository(wanted(name), kOps);
        if (made) ++bound_count;
        if (!made && made.error().code == ErrorCode::RepositoryExists) ++exists;
      });
    }
    for (auto& client : clients) client.join();
    EXPECT_EQ(bound_count, 1);
    EXPECT_EQ(exists, 7);
  }
  done = true;
  reader.join();
  EXPECT_EQ(torn, 0);
  EXPECT_EQ(audit().size(), static_cast<std::size_t>(kRounds));
  EXPECT_EQ(published_.size(), static_cast<std::size_t>(kRounds));
}

TEST_F(BindingRegistryTest, LetsOneOfManyBindABranchAndTheOthersKnow) {
  open(file_with_robot());
  std::atomic<int> bound_count = 0;
  std::atomic<int> exists = 0;
  std::vector<std::thread> clients;
  clients.reserve(8);
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      const auto made = registry_->bind_branch("robot", {"x", "x"}, kOps);
      if (made) ++bound_count;
      if (!made && made.error().code == ErrorCode::BranchExists) ++exists;
    });
  }
  for (auto& client : clients) client.join();
  EXPECT_EQ(bound_count, 1);
  EXPECT_EQ(exists, 7);
  EXPECT_EQ(branches("robot"), "main>main dev>stable(off) x>x ");
}

TEST_F(BindingRegistryTest, ChecksWhatIsGivenAndChangesNothing) {
  open(file_with_robot());
  const auto nothing = registry().check_repository({});
  EXPECT_FALSE(nothing.name || nothing.internal || nothing.external);

  const auto good = registry().check_repository(
      {"rover", "https://bot:pass@in.example/rover", "https://out.example/rover", {}, Secret("token")});
  EXPECT_FALSE(good.name || good.internal || good.external);
  EXPECT_EQ(good.binding.name, "rover");
  EXPECT_EQ(good.binding.internal.str(), "https://in.example/rover");
  EXPECT_EQ(good.binding.internal_token->username, "bot");
  EXPECT_EQ(good.binding.external_token->token.reveal(), "token");

  const auto bad = registry().check_repository(
      {"robot", "gopher://in.example/x", "ssh://out.example/x", {}, Secret("token")});
  EXPECT_EQ(bad.name->code, ErrorCode::RepositoryExists);
  EXPECT_EQ(bad.internal->code, ErrorCode::RepositoryAddressInvalid);
  EXPECT_EQ(bad.external->code, ErrorCode::InvalidArgument) << "no token is shown over ssh";
  EXPECT_EQ(registry().check_repository({"repo", {}, {}, {}, {}}).name->code, ErrorCode::InvalidArgument);

  const std::string same = "https://in.example/x";
  const auto twice = registry().check_repository({{}, same, same + ".git", {}, {}});
  EXPECT_FALSE(twice.internal);
  EXPECT_EQ(twice.external->code, ErrorCode::RepositoryAddressInvalid);
  EXPECT_FALSE(is_bound("rover"));
  EXPECT_TRUE(published_.empty());
}

}  // namespace
}  // namespace gitferry

#include "agent/sync/overlay.h"

#include <gtest/gtest.h>

#include "tests/agent/sync/overlay_table.h"

namespace gitferry {
namespace {

using overlay_table::address;

AllowedAddresses https_and_ssh() {
  return {{Scheme::Https, Scheme::Ssh}, {}};
}
AllowedAddresses of_any_scheme() {
  return {any_scheme(), {}};
}

TEST(Overlay, PutsRepositoryOverridesOnEveryStateOfTheFile) {
  using namespace overlay_table;
  for (std::size_t row = 0; row < kRepositories.size(); ++row) {
    for (std::size_t column = 0; column < kFiles.size(); ++column) {
      const auto& one = kRepositories[row];
      EXPECT_EQ(in_force(overlay(file_of(kFiles[column]), rows_of(one), https_and_ssh())),
                one.in_force[column])
          << "row " << row << ", column " << column;
    }
  }
}

TEST(Overlay, PutsBranchOverridesOnEveryStateOfTheFile) {
  using namespace overlay_table;
  for (std::size_t row = 0; row < kBranches.size(); ++row) {
    for (std::size_t column = 0; column < kBranchFiles.size(); ++column) {
      const auto& one = kBranches[row];
      EXPECT_EQ(branch_in_force(overlay(file_of(kBranchFiles[column]), rows_of(one), https_and_ssh())),
                one.in_force[column])
          << "row " << row << ", column " << column;
    }
  }
}

/// A file with one whole entry.
BindingSnapshot file() {
  BindingSnapshot made;
  auto& robot = made.repositories["robot"];
  robot.name = "robot";
  robot.internal = address("in");
  robot.external = address("out");
  robot.policy = Policy::Force;
  robot.internal_webhook = WebhookSource{"gitlab", WebhookScheme::Token, {{Secret("hook")}}};
  robot.branches = {{"main", "main", true}, {"dev", "dev", true}};
  return made;
}

RepositoryOverride row(RepositoryOverride::Kind kind) {
  RepositoryOverride made;
  made.name = "robot";
  made.kind = kind;
  return made;
}

RepositoryOverride bound_row() {
  auto made = row(RepositoryOverride::Kind::Bound);
  made.enabled = true;
  made.internal = "https://api-in.example/x";
  made.external = "https://api-out.example/x";
  made.granularity = Granularity::One;
  made.direction = BindingDirection::ToInter;
  made.created_at_ms = 42;
  return made;
}

RepositoryBinding robot_of(const BindingSnapshot& base, const RepositoryOverride& own,
                           const std::vector<BranchOverride>& branches = {}) {
  return overlay(base, OverrideRows{{own}, branches}, https_and_ssh()).repositories.at("robot");
}

TEST(Overlay, ChangesEveryFieldAndKeepsWhatTheFileSays) {
  auto own = bound_row();
  own.enabled = false;
  own.granularity = Granularity::All;
  const auto robot = robot_of(file(), own);
  EXPECT_FALSE(robot.enabled);
  EXPECT_EQ(robot.internal.str(), "https://api-in.example/x");
  EXPECT_EQ(robot.external.str(), "https://api-out.example/x");
  EXPECT_EQ(robot.granularity, Granularity::All);
  EXPECT_EQ(robot.direction, BindingDirection::ToInter);
  EXPECT_EQ(robot.origin, Origin::FileAndOverride);
  EXPECT_EQ(robot.file.enabled, true);
  EXPECT_EQ(robot.file.internal, address("in"));
  EXPECT_EQ(robot.file.external, address("out"));
  EXPECT_EQ(robot.file.granularity, Granularity::One);
  EXPECT_EQ(robot.file.direction, BindingDirection::ToOuter);
  EXPECT_TRUE(robot.branches.empty()) << "a whole repository has no branches of its own";
}

TEST(Overlay, LeavesWebhooksPolicyAndBranchesToTheFile) {
  const auto robot =
      robot_of(file(), bound_row(), {{"robot", "x", "y", BranchOverride::Kind::Bound, true, 5}});
  EXPECT_EQ(robot.policy, Policy::Force);
  ASSERT_TRUE(robot.internal_webhook);
  EXPECT_EQ(robot.internal_webhook->provider, "gitlab");
  ASSERT_EQ(robot.branches.size(), 3U);
  EXPECT_EQ(robot.branches[0].internal, "main");
  EXPECT_EQ(robot.branches[1].internal, "dev");
  EXPECT_EQ(robot.branches[2].external, "y");
  EXPECT_EQ(robot.branches[2].origin, Origin::Api);
}

TEST(Overlay, ABindingThatAnOverrideMakesTwoWayIsFastForwardOnly) {
  auto base = file();
  base.repositories.at("robot").branches[0].policy = Policy::Follow;
  base.repositories.at("robot").deletions = Deletions::Propagate;
  auto own = bound_row();
  own.direction = BindingDirection::Both;
  const auto robot = robot_of(base, own);
  EXPECT_TRUE(robot.is_two_way());
  EXPECT_EQ(robot.policy, Policy::FfOnly);
  EXPECT_EQ(robot.policy_of(robot.branches[0]), Policy::FfOnly);
  EXPECT_EQ(robot.deletions, Deletions::Propagate) << "those are the file's";
}

TEST(Overlay, MakesABindingOfAnOverrideAlone) {
  const auto robot = robot_of({}, bound_row());
  EXPECT_EQ(robot.name, "robot");
  EXPECT_EQ(robot.origin, Origin::Api);
  EXPECT_EQ(robot.policy, Policy::FfOnly);
  EXPECT_EQ(robot.created_at_ms, 42);
  EXPECT_FALSE(robot.file.enabled || robot.file.internal || robot.file.external || robot.file.granularity ||
               robot.file.direction);
}

TEST(Overlay, OrdersTheBranchesOfTheApiByAgeBehindThoseOfTheFile) {
  const auto robot = robot_of(file(), row(RepositoryOverride::Kind::Change),
                              {{"robot", "a", "a", BranchOverride::Kind::Bound, true, 30},
                               {"robot", "b", "b", BranchOverride::Kind::Bound, true, 10},
                               {"robot", "c", "c", BranchOverride::Kind::Bound, true, 20},
                               {"robot", "d", "d", BranchOverride::Kind::Bound, true, 10}});
  std::string order;
  for (const auto& branch : robot.branches) order += branch.internal + " ";
  EXPECT_EQ(order, "main dev b d c a ");
}

TEST(Overlay, TellsBranchPairsApartByBothNames) {
  const auto robot = robot_of(file(), row(RepositoryOverride::Kind::Change),
                              {{"robot", "main", "other", BranchOverride::Kind::Unbound, {}, 0},
                               {"robot", "Main", "main", BranchOverride::Kind::Unbound, {}, 0}});
  EXPECT_EQ(robot.branches.size(), 2U);
}

TEST(Overlay, S04_ShowsATokenOnlyToTheHostItWasGivenForAndNeverLessEncrypted) {
  struct Case {
    const char* address;
    const char* given_for;
    bool is_shown;
  };
  for (const auto& [text, given_for, is_shown] :
       {Case{"https://h.example/x", "https://h.example", true},
        Case{"https://h.example:8443/x", "https://h.example:8443", true},
        Case{"https://h.example:8443/x", "https://h.example", false},
        Case{"https://other.example/x", "https://h.example", false},
        Case{"https://sub.h.example/x", "https://h.example", false},
        Case{"http://h.example/x", "http://h.example", true},
        Case{"http://h.example/x", "https://h.example", false},
        Case{"https://h.example/x", "http://h.example", true},
        Case{"https://h.example:8443/x", "http://h.example", false},
        Case{"https://h.example/x", "h.example", false},
        Case{"ssh://git@h.example/x", "ssh://h.example", false},
        Case{"ssh://git@h.example/x", "https://h.example", false}, Case{"/srv/x", "file://local", false}}) {
    auto own = bound_row();
    own.external = text;
    own.external_token = SideToken{"bot", Secret("t"), given_for};
    const auto made = overlay({}, OverrideRows{{own}, {}}, of_any_scheme()).repositories.at("robot");
    EXPECT_EQ(made.external_token.has_value(), is_shown) << text << " " << given_for;
  }
}

TEST(Overlay, TakesATokenAloneAsAnOverrideWhereItIsInForce) {
  auto own = row(RepositoryOverride::Kind::Change);
  own.internal_token = SideToken{"bot", Secret("t"), address("in").origin()};
  EXPECT_EQ(robot_of(file(), own).origin, Origin::FileAndOverride);
  own.internal_token->given_for = "https://elsewhere.example";
  EXPECT_EQ(robot_of(file(), own).origin, Origin::File);
}

TEST(Overlay, S27_DisablesABindingWhoseStoredAddressIsNotAllowedAnyMore) {
  auto own = row(RepositoryOverride::Kind::Change);
  own.external = "http://plain.example/x";
  const auto robot = robot_of(file(), own);
  EXPECT_FALSE(robot.enabled);
  EXPECT_NE(robot.problem.find("the stored external address"), std::string::npos) << robot.problem;
  EXPECT_NE(robot.problem.find("'http' is not allowed"), std::string::npos) << robot.problem;
  EXPECT_EQ(robot.external.str(), "http://plain.example/x") << "it is shown, so that somebody can mend it";
  EXPECT_EQ(robot.file.external, address("out"));
  EXPECT_FALSE(robot.file.enabled) << "nobody switched it off";
  const auto allowed = overlay(file(), OverrideRows{{own}, {}}, of_any_scheme()).repositories.at("robot");
  EXPECT_TRUE(allowed.enabled);
  EXPECT_EQ(allowed.problem, "");
}

TEST(Overlay, S27_DisablesABindingWhoseStoredAddressIsOfANetworkThatIsNotAllowed) {
  auto own = row(RepositoryOverride::Kind::Change);
  own.external = "https://10.0.0.7/x";
  const auto robot = robot_of(file(), own);
  EXPECT_FALSE(robot.enabled);
  EXPECT_NE(robot.problem.find("10.0.0.7 is a private or reserved address"), std::string::npos)
      << robot.problem;
  const AllowedAddresses wider{any_scheme(), AddressPolicy::from({"10.0.0.0/8"}).value()};
  EXPECT_TRUE(overlay(file(), OverrideRows{{own}, {}}, wider).repositories.at("robot").enabled);
}

TEST(Overlay, S27_DisablesABindingWhoseStoredAddressIsNone) {
  for (const std::optional<std::string>& text :
       {std::optional<std::string>("nonsense"), std::optional<std::string>("https://h/../x"),
        std::optional<std::string>()}) {
    auto own = bound_row();
    own.internal = text;
    const auto robot = robot_of({}, own);
    EXPECT_FALSE(robot.enabled);
    EXPECT_NE(robot.problem, "") << text.value_or("unset");
  }
}

TEST(Overlay, DisablesABindingThatAChangeOfTheFileMadeItsOwnTarget) {
  auto own = row(RepositoryOverride::Kind::Change);
  own.internal = address("out").str() + ".git";
  const auto robot = robot_of(file(), own);
  EXPECT_FALSE(robot.enabled);
  EXPECT_NE(robot.problem.find("the same repository"), std::string::npos) << robot.problem;
}

TEST(Overlay, NeverTakesUserInfoFromAStoredAddress) {
  auto own = bound_row();
  own.internal = "https://bot:canary@h.example/x";
  const auto robot = robot_of({}, own);
  EXPECT_EQ(robot.internal.str(), "https://h.example/x");
  EXPECT_FALSE(robot.internal_token);
}

TEST(Overlay, KeepsRepositoriesApart) {
  auto base = file();
  base.repositories["other"] = base.repositories["robot"];
  base.repositories["other"].name = "other";
  base.repositories["Robot"] = base.repositories["robot"];
  base.repositories["Robot"].name = "Robot";
  const auto made =
      overlay(base, OverrideRows{{row(RepositoryOverride::Kind::Unbound)}, {}}, https_and_ssh());
  EXPECT_EQ(made.unbound, std::vector<std::string>{"robot"});
  EXPECT_EQ(made.repositories.size(), 2U);
  EXPECT_TRUE(made.by_age.empty());
}

}  // namespace
}  // namespace gitferry

#include "agent/sync/router.h"

#include <gtest/gtest.h>

namespace gitferry {
namespace {

RemoteUrl url(const std::string& text) {
  return parse_remote_url(text, any_scheme()).value().url;
}

RepositoryBinding binding() {
  RepositoryBinding made;
  made.name = "robot";
  made.internal = url("https://gitlab.corp/acme/robot.git");
  made.external = url("git@github.com:acme/robot.git");
  made.branches = {{"main", "trunk", true},
                   {"main", "mirror", true},
                   {"dev", "dev", false},
                   {"both", "on", true},
                   {"both", "off", false}};
  return made;
}

PushEvent push_of(std::vector<std::string> refs) {
  PushEvent event;
  for (auto& ref : refs) event.changes.push_back({std::move(ref), std::nullopt, std::nullopt, false});
  return event;
}

std::vector<LaneKey> keys(const Route& route) {
  std::vector<LaneKey> found;
  for (const auto& mark : route.marks) found.push_back(mark.key);
  return found;
}

TEST(Router, MarksEveryBindingOfAPushedBranch) {
  const auto routed = route(push_of({"refs/heads/main"}), binding(), Side::Internal);
  EXPECT_EQ(keys(routed), (std::vector<LaneKey>{{"robot", "refs/heads/main", "refs/heads/mirror"},
                                                {"robot", "refs/heads/main", "refs/heads/trunk"}}));
  EXPECT_EQ(routed.marks[0].direction, Direction::ToOuter);
  EXPECT_EQ(routed.ignored_reason(), "");
}

TEST(Router, MatchesTheNameOnTheSideThatFired) {
  auto to_inter = binding();
  to_inter.direction = BindingDirection::ToInter;
  const auto routed = route(push_of({"refs/heads/trunk"}), to_inter, Side::External);
  EXPECT_EQ(keys(routed), (std::vector<LaneKey>{{"robot", "refs/heads/main", "refs/heads/trunk"}}));
  EXPECT_EQ(routed.marks[0].direction, Direction::ToInter);
  EXPECT_EQ(route(push_of({"refs/heads/main"}), to_inter, Side::External).ignored_reason(),
            "branch_not_bound");
}

TEST(Router, SaysWhyARefIsIgnored) {
  struct Case {
    const char* ref;
    const char* reason;
  };
  for (const auto& [ref, reason] :
       {Case{"refs/heads/unknown", "branch_not_bound"}, Case{"refs/heads/dev", "branch_disabled"},
        Case{"refs/tags/v1", "not_a_branch"}, Case{"refs/notes/commits", "not_a_branch"},
        Case{"refs/heads/", "not_a_branch"}, Case{"refs/heads/-x", "not_a_branch"},
        Case{"refs/heads/Main", "branch_not_bound"}}) {
    const auto routed = route(push_of({ref}), binding(), Side::Internal);
    EXPECT_TRUE(routed.marks.empty()) << ref;
    ASSERT_EQ(routed.refs.size(), 1U);
    EXPECT_EQ(routed.refs[0].reason, reason) << ref;
    EXPECT_EQ(routed.ignored_reason(), reason) << ref;
  }
}

TEST(Router, OneEnabledBindingOfABranchIsEnough) {
  const auto routed = route(push_of({"refs/heads/both"}), binding(), Side::Internal);
  EXPECT_EQ(keys(routed), (std::vector<LaneKey>{{"robot", "refs/heads/both", "refs/heads/on"}}));
  EXPECT_EQ(routed.refs[0].reason, "");
}

TEST(Router, IgnoresDeletionsDisabledRepositoriesAndTheTargetsEcho) {
  auto event = push_of({"refs/heads/main"});
  EXPECT_EQ(route(event, binding(), Side::External).ignored_reason(), "not_a_source");
  event.changes[0].deleted = true;
  EXPECT_EQ(route(event, binding(), Side::Internal).ignored_reason(), "deletion_ignored");
  EXPECT_TRUE(route(event, binding(), Side::Internal).refs.at(0).deleted);
  auto disabled = binding();
  disabled.enabled = false;
  EXPECT_EQ(route(push_of({"refs/heads/main"}), disabled, Side::Internal).ignored_reason(),
            "repository_disabled");
}

TEST(Router, AWholeRepositorySyncsEveryBranchUnderItsOwnName) {
  auto all = binding();
  all.granularity = Granularity::All;
  all.branches.clear();
  const auto routed =
      route(push_of({"refs/heads/feature/x", "refs/tags/v1", "refs/heads/a"}), all, Side::Internal);
  EXPECT_EQ(keys(routed), (std::vector<LaneKey>{{"robot", "refs/heads/a", "refs/heads/a"},
                                                {"robot", "refs/heads/feature/x", "refs/heads/feature/x"}}));
  EXPECT_EQ(routed.refs[1].reason, "not_a_branch");
}

TEST(Router, ARefNamedTwiceIsMarkedOnce) {
  const auto routed = route(push_of({"refs/heads/both", "refs/heads/both"}), binding(), Side::Internal);
  EXPECT_EQ(routed.marks.size(), 1U);
  EXPECT_EQ(routed.refs.size(), 2U);
}

TEST(Router, TellsMixedAndMissingReasons) {
  EXPECT_EQ(route(push_of({"refs/tags/a", "refs/heads/zzz"}), binding(), Side::Internal).ignored_reason(),
            "several_reasons");
  EXPECT_EQ(route(push_of({}), binding(), Side::Internal).ignored_reason(), "no_changes");
}

PushEvent unspecific() {
  PushEvent event;
  event.is_unspecific = true;
  return event;
}

TEST(Router, AnEventThatDoesNotSayWhatMovedMarksEveryEnabledBranch) {
  const auto routed = route(unspecific(), binding(), Side::Internal);
  EXPECT_EQ(keys(routed), (std::vector<LaneKey>{{"robot", "refs/heads/both", "refs/heads/on"},
                                                {"robot", "refs/heads/main", "refs/heads/mirror"},
                                                {"robot", "refs/heads/main", "refs/heads/trunk"}}));
  EXPECT_TRUE(routed.refs.empty());
  EXPECT_FALSE(routed.needs_listing);
  EXPECT_EQ(routed.ignored_reason(), "");
}

TEST(Router, AnEventThatDoesNotSayWhatMovedNeedsAListingOfAWholeRepository) {
  auto all = binding();
  all.granularity = Granularity::All;
  all.branches.clear();
  const auto routed = route(unspecific(), all, Side::Internal);
  EXPECT_TRUE(routed.needs_listing);
  EXPECT_TRUE(routed.marks.empty());
  EXPECT_EQ(routed.ignored_reason(), "");
  EXPECT_EQ(route(unspecific(), all, Side::External).ignored_reason(), "not_a_source");
  EXPECT_FALSE(route(unspecific(), all, Side::External).needs_listing);
}

TEST(Router, SaysWhyAnEventThatDoesNotSayWhatMovedIsIgnored) {
  EXPECT_EQ(route(unspecific(), binding(), Side::External).ignored_reason(), "not_a_source");
  auto changed = binding();
  changed.enabled = false;
  EXPECT_EQ(route(unspecific(), changed, Side::Internal).ignored_reason(), "repository_disabled");
  changed = binding();
  for (auto& branch : changed.branches) branch.enabled = false;
  EXPECT_EQ(route(unspecific(), changed, Side::Internal).ignored_reason(), "branch_disabled");
  changed.branches.clear();
  EXPECT_EQ(route(unspecific(), changed, Side::Internal).ignored_reason(), "branch_not_bound");
}

TEST(Router, OfATwoWayBindingBothSidesAreSources) {
  auto two_way = binding();
  two_way.direction = BindingDirection::Both;
  const auto out = route(push_of({"refs/heads/main"}), two_way, Side::Internal);
  ASSERT_EQ(out.marks.size(), 2U);
  EXPECT_EQ(out.marks[0].direction, Direction::ToOuter);
  const auto in = route(push_of({"refs/heads/trunk"}), two_way, Side::External);
  EXPECT_EQ(keys(in), (std::vector<LaneKey>{{"robot", "refs/heads/main", "refs/heads/trunk"}}));
  EXPECT_EQ(in.marks[0].direction, Direction::ToInter);
  EXPECT_EQ(route(push_of({"refs/heads/main"}), two_way, Side::External).ignored_reason(),
            "branch_not_bound");
  for (const auto& mark : route(unspecific(), two_way, Side::External).marks)
    EXPECT_EQ(mark.direction, Direction::ToInter);
}

TEST(Router, DeletionsMarkWhereTheyPropagateAndEachBranchMaySayOtherwise) {
  auto event = push_of({"refs/heads/main", "refs/heads/unknown", "refs/heads/dev"});
  for (auto& change : event.changes) change.deleted = true;
  auto propagating = binding();
  propagating.deletions = Deletions::Propagate;
  propagating.branches[1].deletions = Deletions::Ignore;
  const auto routed = route(event, propagating, Side::Internal);
  EXPECT_EQ(keys(routed), (std::vector<LaneKey>{{"robot", "refs/heads/main", "refs/heads/trunk"}}));
  EXPECT_EQ(routed.refs[1].reason, "branch_not_bound");
  EXPECT_EQ(routed.refs[2].reason, "branch_disabled");
  propagating.branches[0].deletions = Deletions::Ignore;
  EXPECT_EQ(route(event, propagating, Side::Internal).refs[0].reason, "deletion_ignored");
  auto all = binding();
  all.granularity = Granularity::All;
  all.branches.clear();
  EXPECT_EQ(route(event, all, Side::Internal).ignored_reason(), "deletion_ignored");
  all.deletions = Deletions::Propagate;
  EXPECT_EQ(route(event, all, Side::Internal).marks.size(), 3U);
}

TEST(Router, TagsAreLanesOfTheirOwnWhereTheyAreSynced) {
  const auto event = push_of({"refs/tags/main", "refs/tags/-x", "refs/tags/HEAD", "refs/heads/main"});
  for (const auto granularity : {Granularity::One, Granularity::All}) {
    auto tagged = binding();
    tagged.tags = Tags::All;
    tagged.granularity = granularity;
    if (granularity == Granularity::All) tagged.branches.clear();
    const auto routed = route(event, tagged, Side::Internal);
    EXPECT_EQ(keys(routed).back(), (LaneKey{"robot", "refs/tags/main", "refs/tags/main"}));
    EXPECT_EQ(routed.refs[0].reason, "");
    EXPECT_EQ(routed.refs[1].reason, "not_a_branch");
    EXPECT_EQ(routed.refs[2].reason, "not_a_branch");
    EXPECT_EQ(routed.refs[3].reason, "") << "the branch of the same name is another lane";
    EXPECT_TRUE(route(unspecific(), tagged, Side::Internal).needs_listing);
    EXPECT_EQ(route(event, tagged, Side::External).ignored_reason(), "not_a_source");
  }
}

TEST(Router, ADeletedTagFollowsTheRepositorysRule) {
  auto event = push_of({"refs/tags/v1"});
  event.changes[0].deleted = true;
  auto tagged = binding();
  tagged.tags = Tags::All;
  EXPECT_EQ(route(event, tagged, Side::Internal).ignored_reason(), "deletion_ignored");
  tagged.deletions = Deletions::Propagate;
  EXPECT_EQ(route(event, tagged, Side::Internal).marks.size(), 1U);
}

TEST(Router, BranchesWithNamesThatLookLikeSomethingElseAreBranches) {
  auto all = binding();
  all.granularity = Granularity::All;
  all.branches.clear();
  const std::string hex(40, 'a');
  const auto routed =
      route(push_of({"refs/heads/tag", "refs/heads/" + hex, "refs/heads/HEAD"}), all, Side::Internal);
  EXPECT_EQ(routed.marks.size(), 2U);
  EXPECT_EQ(routed.refs[2].reason, "not_a_branch");
}

TEST(Router, KnowsARepositoryByAnyOfItsUrlsOrItsFullName) {
  const auto address = url("https://github.com/acme/robot.git");
  EXPECT_TRUE(names_repository({"", {"git@github.com:Acme/Robot.git"}}, address));
  EXPECT_TRUE(names_repository({"", {"not an address", "https://GITHUB.com/acme/robot"}}, address));
  EXPECT_TRUE(names_repository({"Acme/Robot", {"https://internal-name/acme/robot"}}, address));
  EXPECT_FALSE(names_repository({"acme/other", {"https://github.com/acme/other"}}, address));
  EXPECT_TRUE(names_repository({"KEY/robot", {}}, url("https://bitbucket.corp/scm/key/robot.git")));
  EXPECT_FALSE(names_repository({"evil/acme/robot", {}}, address));
  EXPECT_FALSE(names_repository({"", {"", "::", std::string(5000, 'x')}}, address));
  EXPECT_FALSE(names_repository({}, address));
}

}  // namespace
}  // namespace gitferry

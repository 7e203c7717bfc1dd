#include "agent/sync/status_overview.h"

#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/agent/sync/status_fixture.h"

namespace gitferry {
namespace {

class StatusOverviewTest : public BindingStatusTest {
 protected:
  /// Branches in every state: the whole repository, one with tags, and one that is switched off.
  void bind_some() {
    add("robot", {"never", "pending", "good", "failed", "diverged", "retrying", "crashed"});
    mark("robot", "pending");
    run(mark("robot", "good"));
    run(mark("robot", "failed"), ErrorCode::AuthenticationFailed);
    run(mark("robot", "diverged"), ErrorCode::Diverged);
    run(mark("robot", "retrying"), ErrorCode::Timeout);
    crash("robot", "crashed");
    mark("robot", "bound-no-more");
    mark("gone", "main");
    add("tagged", {"main"}).tags = Tags::All;
    marked({{"tagged", "refs/tags/v1", "refs/tags/v1"}, Direction::ToOuter});
    add("whole", {});
    for (const auto* branch : {"b", "Feature", "a"}) run(mark("whole", branch));
    add("off", {"main"}).enabled = false;
    run(mark("off", "main"), ErrorCode::Diverged);
  }
  StatusOverview overview(const StatusFilter& filter = {}, const Page& page = {1, 100, false},
                          const std::string& repository = {}) {
    return status_overview(bindings_, store(), repository, filter, page).value();
  }
  std::int64_t count(const StatusOverview& found, Standing standing) {
    return found.counts.at(static_cast<std::size_t>(standing));
  }
};

TEST_F(StatusOverviewTest, ShowsWhatThePagesShow) {
  bind_some();
  const auto all = overview();
  const auto pages = page(1, 100);
  EXPECT_EQ(all.listing.total, pages.total);
  ASSERT_EQ(all.listing.rows.size(), pages.rows.size());
  ASSERT_EQ(pages.rows.size(), 13U);
  for (std::size_t i = 0; i < pages.rows.size(); ++i) {
    const auto& row = all.listing.rows[i];
    const auto& expected = pages.rows[i];
    EXPECT_EQ(row.key, expected.key) << i;
    EXPECT_EQ(row.state, expected.state) << expected.key.internal_ref;
    EXPECT_EQ(row.branch_id, expected.branch_id) << expected.key.internal_ref;
    EXPECT_EQ(row.enabled, expected.enabled) << expected.key.internal_ref;
    EXPECT_EQ(row.lane.has_value(), expected.lane.has_value()) << expected.key.internal_ref;
  }
  EXPECT_EQ(text_of(overview({}, {1, 100, false}, "whole").listing.rows),
            text_of(page(1, 100, "whole").rows));
}

TEST_F(StatusOverviewTest, CountsEveryStateWithWhatDivergedApart) {
  bind_some();
  for (const auto& found : {overview(), overview({{Standing::Never}, "nothing"}, {7, 1, false})}) {
    EXPECT_EQ(count(found, Standing::Quarantined), 1);
    EXPECT_EQ(count(found, Standing::Diverged), 1);
    EXPECT_EQ(count(found, Standing::Failed), 1);
    EXPECT_EQ(count(found, Standing::Retrying), 1);
    EXPECT_EQ(count(found, Standing::Pending), 2);
    EXPECT_EQ(count(found, Standing::Never), 2);
    EXPECT_EQ(count(found, Standing::InSync), 4);
    EXPECT_EQ(count(found, Standing::Disabled), 1);
  }
  EXPECT_EQ(count(overview({}, {}, "whole"), Standing::InSync), 3);
  EXPECT_EQ(count(overview({}, {}, "whole"), Standing::Pending), 0);
}

TEST_F(StatusOverviewTest, LetsThroughWhatIsLookedFor) {
  bind_some();
  const auto shown = [&](const StatusFilter& filter) { return text_of(overview(filter).listing.rows); };
  EXPECT_EQ(shown({{Standing::Diverged}, ""}), "robot:diverged ");
  EXPECT_EQ(shown({{Standing::Failed, Standing::Quarantined}, ""}), "robot:failed robot:crashed ");
  EXPECT_EQ(shown({{}, "feat"}), "whole:Feature ");
  EXPECT_EQ(shown({{}, "WHOLE"}), "whole:Feature whole:a whole:b ");
  EXPECT_EQ(shown({{Standing::InSync}, "o"}), "robot:good whole:Feature whole:a whole:b ");
  EXPECT_EQ(shown({{}, "refs/heads"}), "") << "the full names of branches are not what people see";
  EXPECT_EQ(overview({{}, "refs/tags/v"}).listing.total, 1);
  EXPECT_EQ(shown({{Standing::Retrying}, "whole"}), "");
}

TEST_F(StatusOverviewTest, FindsABranchByItsNameOnEitherSide) {
  auto& robot = add("robot", {"main"});
  robot.branches.push_back({"release/1.x", "stable", true});
  EXPECT_EQ(overview({{}, "stab"}).listing.total, 1);
  EXPECT_EQ(overview({{}, "release"}).listing.total, 1);
  EXPECT_EQ(overview({{}, "unstable"}).listing.total, 0);
}

TEST_F(StatusOverviewTest, PagesThroughWhatItLetsThrough) {
  bind_some();
  const StatusFilter filter{{Standing::InSync}, ""};
  for (std::int64_t size = 1; size <= 5; ++size) {
    std::string together;
    for (std::int64_t number = 1; number <= 5; ++number) {
      const auto found = overview(filter, {number, size, false}).listing;
      EXPECT_EQ(found.total, 4);
      EXPECT_LE(found.rows.size(), static_cast<std::size_t>(size));
      together += text_of(found.rows);
    }
    EXPECT_EQ(together, "robot:good whole:Feature whole:a whole:b ") << size;
  }
  EXPECT_TRUE(overview(filter, {INT64_MAX, INT64_MAX, false}).listing.rows.empty());
}

TEST_F(StatusOverviewTest, HasAStableWordForEachState) {
  std::set<std::string> words;
  for (std::size_t i = 0; i < kStandings; ++i) {
    const auto standing = static_cast<Standing>(i);
    EXPECT_EQ(standing_called(name_of(standing)), standing);
    words.emplace(name_of(standing));
  }
  EXPECT_EQ(words, (std::set<std::string>{"quarantined", "diverged", "failed", "retrying", "pending",
                                          "never_synced", "in_sync", "disabled"}));
  EXPECT_FALSE(standing_called("sideways"));
  EXPECT_FALSE(standing_called(""));
}

TEST_F(StatusOverviewTest, DoesNotKnowARepositoryThatIsNotBound) {
  const auto unknown = status_overview(bindings_, store(), "none", {}, {});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::RepositoryUnknown);
}

}  // namespace
}  // namespace gitferry

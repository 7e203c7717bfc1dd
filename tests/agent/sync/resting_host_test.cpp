// A host that does not answer, and the runner: who waits, who does not, and what ends the wait.

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "agent/sync/lane_runner.h"
#include "tests/agent/sync/sync_fixture.h"

namespace gitferry {
namespace {

using std::chrono::seconds;

/// Twelve repositories at a host that is down, and one elsewhere.
class R32_RestingHost : public SyncTest {
 protected:
  R32_RestingHost() {
    // One after the other: nothing is under way when the breaker opens.
    options_of_sync_.workers = 1;
    for (int i = 0; i < 12; ++i) bindings_.push_back(binding_between(name(i), "in", "dead"));
    bindings_.push_back(binding_between("elsewhere", "in", "alive"));
    set_bindings(bindings_);
  }
  static std::string name(int i) { return "r" + std::to_string(100 + i); }
  std::int64_t request_of(const std::string& repository) {
    const auto id = marked({lane_key("b1", repository), Direction::ToOuter}).marked[0].lane_id;
    runner().wake();
    return id;
  }
  bool is_resting() { return runner().resting_hosts() == std::vector<std::string>{"dead"}; }
  std::size_t probes() {
    const auto listed = hosts_.listed();
    return static_cast<std::size_t>(std::ranges::count(listed, "dead"));
  }
  /// Marks all of the dead host, and waits until it rests.
  void let_rest(ErrorCode code = ErrorCode::ConnectionFailed) {
    hosts_.take_down("dead", code);
    for (int i = 0; i < 12; ++i) lanes_.push_back(request_of(name(i)));
    runner().start();
    ASSERT_TRUE(eventually([&] { return is_resting() && std::ranges::count(attempts(), 1) == 5; }));
  }
  std::vector<int> attempts() {
    std::vector<int> all;
    for (const auto id : lanes_) all.push_back(lane(id).attempts);
    return all;
  }

  std::vector<RepositoryBinding> bindings_;
  std::vector<std::int64_t> lanes_;
};

TEST_F(R32_RestingHost, ItsLanesWaitUntriedWhileTheOthersGoOn) {
  let_rest();
  const auto before = attempts();
  const auto elsewhere = request_of("elsewhere");
  ASSERT_TRUE(eventually([&] { return !lane(elsewhere).is_pending(); }));
  EXPECT_EQ(attempts(), before);
  EXPECT_EQ(probes(), 0U);
}

TEST_F(R32_RestingHost, AProbeInVainCostsNoAttemptAndTheNextComesLater) {
  let_rest();
  const auto before = attempts();
  clock_.advance(seconds(30));
  ASSERT_TRUE(eventually([&] { return probes() == 1; }));
  const auto elsewhere = request_of("elsewhere");
  ASSERT_TRUE(eventually([&] { return !lane(elsewhere).is_pending(); }));
  clock_.advance(seconds(59));
  const auto again = request_of("elsewhere");
  ASSERT_TRUE(eventually([&] { return !lane(again).is_pending(); }));
  EXPECT_EQ(probes(), 1U);
  EXPECT_EQ(attempts(), before);
  clock_.advance(seconds(1));
  ASSERT_TRUE(eventually([&] { return probes() == 2; }));
  EXPECT_EQ(attempts(), before);
}

TEST_F(R32_RestingHost, AnAnswerLetsAllOfItsLanesRunAtOnce) {
  let_rest();
  hosts_.bring_up("dead");
  // Some are to be tried again much later; they need not wait for that.
  clock_.advance(seconds(30));
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  EXPECT_EQ(probes(), 1U);
  EXPECT_TRUE(runner().resting_hosts().empty());
}

TEST_F(R32_RestingHost, OneThatIsBoundNoLongerIsNotShown) {
  let_rest();
  set_bindings({bindings_.back()});
  EXPECT_TRUE(runner().resting_hosts().empty());
}

TEST_F(R32_RestingHost, WhoWantsToKnowHasItProbedAtOnce) {
  let_rest();
  hosts_.bring_up("dead");
  const auto repository = name(3);
  runner().probe_soon(std::span(&repository, 1));
  runner().wake();
  ASSERT_TRUE(eventually([&] { return all_done(); }));
  EXPECT_EQ(probes(), 1U);
}

TEST_F(R32_RestingHost, AHostThatFailsForOneRepositoryIsAskedForOthersBeforeItRestsOn) {
  let_rest(ErrorCode::HostError);
  clock_.advance(seconds(30));
  ASSERT_TRUE(eventually([&] { return probes() == 3; }));
  const auto elsewhere = request_of("elsewhere");
  ASSERT_TRUE(eventually([&] { return !lane(elsewhere).is_pending(); }));
  EXPECT_EQ(probes(), 3U);
  EXPECT_TRUE(is_resting());
}

TEST_F(R32_RestingHost, AStopWhileItIsProbedLeavesItsLanesPending) {
  let_rest();
  hosts_.close_listing_gate();
  clock_.advance(seconds(30));
  ASSERT_TRUE(eventually([&] { return probes() == 1; }));
  const auto before = attempts();
  options_of_sync_.grace = seconds(0);
  std::jthread opener([&] { hosts_.open_listing_gate(); });
  runner().stop();
  EXPECT_EQ(attempts(), before);
  for (const auto id : lanes_) EXPECT_TRUE(lane(id).is_pending());
}

}  // namespace
}  // namespace gitferry

// Many repositories beside each other: a large one does not hold up the small ones, and a sweep of the
// reconcile asks for no more than it needs. These take minutes: they run in `./dev test --full`.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/agent/git/noise.h"
#include "tests/e2e/kill_world.h"
#include "tests/e2e/percentile.h"

namespace gitferry::test {
namespace {

using std::chrono::minutes;
using std::chrono::steady_clock;

constexpr unsigned kSeed = 38;

double ms_since(steady_clock::time_point began) {
  return std::chrono::duration<double, std::milli>(steady_clock::now() - began).count();
}

/// One large repository, which is the first, and small ones beside it; each has one branch.
class FullFairness : public ::testing::Test {
 protected:
  static constexpr int kSmall = 50;
  static constexpr int kFiles = 32;
  static constexpr std::size_t kFileBytes = 64U << 20U;  ///< 2 GiB together
  static constexpr BoundBranch kLarge{0, 0};

  void SetUp() override {
    auto& large = world.source(kLarge.repository);
    // The bytes neither compress nor are like others; to try takes minutes.
    large.set_config("core.compression", "0");
    large.set_config("core.bigFileThreshold", "1m");
    for (int file = 0; file < kFiles; ++file) {
      NewCommit commit;
      commit.ref = KillWorld::ref_of(kLarge);
      commit.files = {
          {fmt::format("noise{}", file), noise(kFileBytes, static_cast<std::uint32_t>(file + 1))}};
      large.commit(commit);
    }
    ASSERT_TRUE(world.start()) << world.agent().log();
    for (int i = 0; i < kSmall; ++i) static_cast<void>(push_to_next());
  }

  /// Pushes to the next small repository, and waits until it is on the other side; how long that took from
  /// its delivery on.
  double push_to_next() {
    const BoundBranch branch{1 + pushes_++ % kSmall, 0};
    world.commit(branch);
    const auto began = steady_clock::now();
    EXPECT_TRUE(world.deliver(branch));
    EXPECT_TRUE(eventually([&] { return world.has_arrived(branch); })) << world.agent().log();
    return ms_since(began);
  }

  KillWorld world{{.repositories = 1 + kSmall, .branches = 1}};

 private:
  int pushes_ = 0;
};

TEST_F(FullFairness, R38_OfTwoGigabytesDoesNotHoldUpFiftySmallOnes) {
  std::vector<double> alone;
  std::vector<double> beside;
  for (int i = 0; i < 2 * kSmall; ++i) alone.push_back(push_to_next());
  const auto began = steady_clock::now();
  ASSERT_TRUE(world.deliver(kLarge));
  const auto is_running = [&] {
    const auto rows = world.runs();
    return std::ranges::any_of(rows, [](const auto& row) { return row["state"] == "running"; });
  };
  ASSERT_TRUE(eventually(is_running)) << world.agent().log();
  while (!world.has_arrived(kLarge) && ms_since(began) < 600'000) beside.push_back(push_to_next());
  std::printf(
      "R-38 fairness: alone: n=%zu p50=%.0f p99=%.0f ms; beside 2 GiB, which took %.0f s: n=%zu "
      "p50=%.0f p99=%.0f ms\n",
      alone.size(), percentile(alone, 0.5), percentile(alone, 0.99), ms_since(began) / 1000, beside.size(),
      percentile(beside, 0.5), percentile(beside, 0.99));
  ASSERT_TRUE(world.has_arrived(kLarge)) << world.agent().log();
  EXPECT_GE(beside.size(), 10U) << "no more small ones arrived while the large one was on its way";
  world.expect_rest("R-38 fairness", kSeed);
}

using Listings = std::map<std::string, int>;

/// How often each repository was listed at a host, by the lines of its log from `first` on.
Listings listings_of(const GitHost& host, std::size_t first) {
  Listings listings;
  const auto lines = host.access_log();
  for (std::size_t i = first; i < lines.size(); ++i) {
    if (lines[i].find(" 200 ") == std::string::npos) continue;
    const auto end = lines[i].find(".git/info/refs?service=");
    if (end == std::string::npos) continue;
    const auto begin = lines[i].rfind('/', end) + 1;
    ++listings[lines[i].substr(begin, end - begin)];
  }
  return listings;
}

TEST(FullSweep, R14_OfAThousandRepositoriesEachIsListedOnceASide) {
  constexpr std::size_t kRepositories = 1000;
  KillWorld world({.repositories = kRepositories, .branches = 10, .reconcile = "10m"});
  const auto branches = world.branches();
  ASSERT_TRUE(world.start()) << world.agent().log();
  const auto began = steady_clock::now();
  // No webhook tells of any of them.
  for (const auto& branch : branches)
    ASSERT_TRUE(eventually([&] { return world.has_arrived(branch); }, minutes(15))) << world.agent().log();
  const auto arrived_s = ms_since(began) / 1000;
  world.expect_rest("R-14 missed webhooks", kSeed);

  const auto at_source = world.source_host().access_log().size();
  const auto at_target = world.target_host().access_log().size();
  world.options.reconcile = "4m";
  ASSERT_TRUE(world.start()) << world.agent().log();
  const auto swept = steady_clock::now();
  // Soon after the start, at the place in the interval that is drawn for it, and an interval later.
  constexpr int kRounds = 3;
  ASSERT_TRUE(eventually(
      [&] {
        // The log is long, and what is waited for takes minutes: it is not read all the time.
        std::this_thread::sleep_for(std::chrono::seconds(1));
        const auto listings = listings_of(world.target_host(), at_target);
        return listings.size() == kRepositories &&
               std::ranges::all_of(listings, [](const auto& one) { return one.second >= kRounds; });
      },
      minutes(15)))
      << world.agent().log();
  const auto swept_s = ms_since(swept) / 1000;
  for (const auto* host : {&world.source_host(), &world.target_host()}) {
    const auto listings = listings_of(*host, host == &world.source_host() ? at_source : at_target);
    std::size_t all = 0;
    for (const auto& [repository, times] : listings) {
      all += static_cast<std::size_t>(times);
      // The fourth of those that come first in the interval is due when the third of the last one is.
      EXPECT_LE(times, kRounds + 1) << repository;
    }
    std::printf("R-14 sweep: branches=%zu repositories=%zu arrived_s=%.0f rounds_s=%.0f listings=%zu\n",
                branches.size(), listings.size(), arrived_s, swept_s, all);
    EXPECT_LE(all, kRounds * kRepositories * 21 / 20);
  }
  world.expect_rest("R-14 sweep", kSeed);
}

}  // namespace
}  // namespace gitferry::test

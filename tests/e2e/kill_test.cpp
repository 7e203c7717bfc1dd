// The promise of a 202: whenever the agent is killed, an acknowledged push is in the record and reaches the
// target.

#include <chrono>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "tests/e2e/kill_world.h"
#include "tests/e2e/push_load.h"

namespace gitferry::test {
namespace {

struct Kills {
  int kills;
  int repositories;
  int branches;
};

class RandomKills : public ::testing::TestWithParam<Kills> {};

TEST_P(RandomKills, R01_NothingAcknowledgedIsLostAndEveryBranchArrives) {
  constexpr unsigned seed = 20'261'127;
  std::mt19937 random{seed};  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same moments each time
  KillWorld world({.repositories = GetParam().repositories, .branches = GetParam().branches});
  {
    const PushLoad load(world, seed);
    for (int kill = 0; kill < GetParam().kills; ++kill) {
      // Half of the boots sync with each engine, so that each finds what the other left behind.
      world.options.engine = random() % 2 == 0 ? "relay" : "mirror";
      ASSERT_TRUE(world.start()) << world.agent().log();
      // The moment is the point of the test; nothing is waited for.
      std::this_thread::sleep_for(std::chrono::milliseconds(5 + random() % 396));
      world.kill();
      ASSERT_NO_FATAL_FAILURE(world.expect_nothing_lost());
    }
  }
  EXPECT_GE(world.ledger().acknowledged(), static_cast<std::size_t>(GetParam().kills));
  world.settle("R-01 random kills", seed);
}

std::string name_of_kills(const ::testing::TestParamInfo<Kills>& test) {
  return std::to_string(test.param.kills);
}

INSTANTIATE_TEST_SUITE_P(Kills, RandomKills, ::testing::Values(Kills{10, 4, 2}), name_of_kills);
INSTANTIATE_TEST_SUITE_P(FullKills, RandomKills, ::testing::Values(Kills{200, 20, 5}), name_of_kills);

}  // namespace
}  // namespace gitferry::test

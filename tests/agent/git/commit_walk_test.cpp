#include "agent/git/commit_walk.h"

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace gitferry::test {
namespace {

ObjectId id_of(int number) {
  return ObjectId::from_hex(fmt::format("{:040x}", number + 1)).value();
}

std::string commit_with(const std::vector<int>& parents) {
  auto content = "tree " + std::string(40, '0') + "\n";
  for (const int parent : parents) content += "parent " + id_of(parent).hex() + "\n";
  return content + "author A <a@example.org> 1 +0000\n\nA commit\n";
}

TEST(CommitWalk, ProvesEachPairByItself) {
  // 5 -> 4 -> 1, 3 -> 2 -> 1, and 6 alone.
  CommitWalk walk(std::vector<TipPair>{{id_of(5), id_of(1)},
                                       {id_of(3), id_of(1)},
                                       {id_of(5), id_of(2)},
                                       {id_of(6), id_of(1)},
                                       {id_of(4), id_of(1)}});
  ASSERT_TRUE(walk.add(id_of(4), commit_with({1})));
  EXPECT_FALSE(walk.is_found(0)) << "nothing leads from 5 to 4 yet";
  EXPECT_TRUE(walk.is_found(4));
  ASSERT_TRUE(walk.add(id_of(5), commit_with({4})));
  EXPECT_TRUE(walk.is_found(0));
  ASSERT_TRUE(walk.add(id_of(2), commit_with({1})));
  ASSERT_TRUE(walk.add(id_of(3), commit_with({2})));
  EXPECT_TRUE(walk.is_found(1));
  EXPECT_FALSE(walk.is_found(2));
  EXPECT_FALSE(walk.is_found(3));
  EXPECT_FALSE(walk.all_found());
}

TEST(CommitWalk, TwoPairsMayShareBothTips) {
  CommitWalk walk(std::vector<TipPair>{{id_of(2), id_of(1)}, {id_of(2), id_of(1)}});
  ASSERT_TRUE(walk.add(id_of(2), commit_with({0, 1})));
  EXPECT_TRUE(walk.all_found());
}

/// Random graphs in random order, against plain reachability.
TEST(CommitWalk, FindsWhatIsReachableWhateverTheOrder) {
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    const int count = 2 + static_cast<int>(random() % 30);
    std::vector<std::vector<int>> parents(static_cast<std::size_t>(count));
    std::vector<std::set<int>> ancestors(static_cast<std::size_t>(count));
    for (int i = 1; i < count; ++i) {
      const auto at = static_cast<std::size_t>(i);
      for (auto n = random() % 3; n > 0; --n) {
        const int parent = static_cast<int>(random() % static_cast<unsigned>(i));
        parents[at].push_back(parent);
        ancestors[at].insert(parent);
        const auto& further = ancestors[static_cast<std::size_t>(parent)];
        ancestors[at].insert(further.begin(), further.end());
      }
    }
    std::vector<TipPair> pairs;
    std::vector<bool> expected;
    for (auto n = 1 + random() % 12; n > 0; --n) {
      const auto from = random() % static_cast<unsigned>(count);
      const int to = static_cast<int>(random() % static_cast<unsigned>(count));
      if (static_cast<int>(from) == to) continue;
      pairs.push_back({id_of(static_cast<int>(from)), id_of(to)});
      expected.push_back(ancestors[from].contains(to));
    }
    if (pairs.empty()) continue;
    std::vector<int> order(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) order[static_cast<std::size_t>(i)] = i;
    std::shuffle(order.begin(), order.end(), random);
    CommitWalk walk(pairs);
    for (const int i : order)
      ASSERT_TRUE(walk.add(id_of(i), commit_with(parents[static_cast<std::size_t>(i)])));
    for (std::size_t i = 0; i < pairs.size(); ++i)
      ASSERT_EQ(walk.is_found(i), expected[i]) << round << " " << i;
  }
}

TEST(CommitWalk, EndsAtItsLimitOfSets) {
  // A chain of tips, each of which reaches all older ones: the sets grow as the square of their number.
  constexpr int tips = 4000;
  std::vector<TipPair> pairs;
  for (int i = 1; i <= tips; ++i) pairs.push_back({id_of(i), id_of(-1)});
  CommitWalk walk(pairs);
  Status added;
  for (int i = tips; i > 0 && added; --i) added = walk.add(id_of(i), commit_with({i - 1}));
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::LimitExceeded);
}

}  // namespace
}  // namespace gitferry::test

#include "agent/sync/reconcile_schedule.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <random>
#include <set>

#include <gtest/gtest.h>
#include <malloc.h>

#include "tests/agent/sync/sync_fixture.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr seconds kSecond{1};
const ComparisonEnd kFine;

ComparisonEnd failing(ErrorCode code, std::optional<Side> side = Side::External,
                      std::optional<seconds> retry_after = std::nullopt) {
  return {Error{code, "it went wrong", "", retry_after}, side};
}

/// A schedule whose comparisons take no time, and a time that only goes when it is told to.
class ReconcileScheduleTest : public ::testing::Test {
 protected:
  static RepositoryBinding binding(const std::string& name, const std::string& internal = "in",
                                   const std::string& external = "out") {
    auto made = binding_between(name, internal, external);
    made.branches.resize(1);
    return made;
  }
  static std::vector<RepositoryBinding> many(int count, const std::string& external = "out") {
    std::vector<RepositoryBinding> made;
    for (int i = 0; i < count; ++i)
      made.push_back(binding("r" + std::to_string(100'000 + i), "in", external));
    return made;
  }
  ReconcileSchedule& schedule() {
    if (!schedule_) schedule_.emplace(ReconcileSchedule::Options{interval_, [this] { return fraction_(); }});
    return *schedule_;
  }
  void bind(const std::vector<RepositoryBinding>& bindings) {
    const auto before = std::exchange(bindings_, snapshot_of(bindings));
    schedule().replace(*before, *bindings_, now_);
  }
  /// Everything that is due until `end`, compared with the outcome that `outcome` says; in order.
  std::vector<std::pair<std::string, MonotonicTime>> run_until(
      MonotonicTime end, const std::function<ComparisonEnd(const std::string&)>& outcome = {}) {
    std::vector<std::pair<std::string, MonotonicTime>> done;
    for (auto next = schedule().next(); next && *next <= end; next = schedule().next()) {
      now_ = std::max(now_, *next);
      while (const auto name = schedule().take(now_)) {
        done.emplace_back(*name, now_);
        news_.push_back(schedule().finish(*name, outcome ? outcome(*name) : kFine, now_));
      }
    }
    now_ = end;
    return done;
  }
  [[nodiscard]] std::size_t failures_told() const {
    return static_cast<std::size_t>(
        std::count_if(news_.begin(), news_.end(), [](const auto& news) { return news.is_failing; }));
  }
  /// Until everything bound was compared once, and lies within its first interval.
  void settle() { run_until(now_ + minutes(1)); }

  milliseconds interval_{600'000};
  std::mt19937 generator_{17};
  std::function<double()> fraction_ = [this] {
    return std::uniform_real_distribution<double>(0.0, 1.0)(generator_);
  };
  std::optional<ReconcileSchedule> schedule_;
  Snapshot bindings_ = snapshot_of({});
  MonotonicTime now_{};
  std::vector<ReconcileSchedule::News> news_;
};

TEST_F(ReconcileScheduleTest, AFewRepositoriesAreComparedAtOnceAfterAStart) {
  bind(many(5));
  EXPECT_EQ(run_until(now_ + kSecond).size(), 5U);
}

TEST_F(ReconcileScheduleTest, TheFirstSweepOfManyTakesAMinuteAndHasNoBurst) {
  bind(many(10'000));
  const auto begin = now_;
  std::map<std::int64_t, int> per_second;
  std::set<std::string> names;
  for (const auto& [name, at] : run_until(now_ + minutes(1))) {
    ++per_second[std::chrono::floor<seconds>(at - begin).count()];
    names.insert(name);
  }
  EXPECT_EQ(names.size(), 10'000U);
  for (const auto& [second, count] : per_second) EXPECT_LE(count, 10'000 / 60 * 3 / 2) << second;
}

TEST_F(ReconcileScheduleTest, ManyRepositoriesStaySpreadOverTheInterval) {
  bind(many(10'000));
  settle();
  for (int round = 0; round < 3; ++round) {
    std::map<std::int64_t, int> per_half_minute;
    const auto begin = now_;
    for (const auto& [name, at] : run_until(now_ + minutes(9)))
      ++per_half_minute[std::chrono::floor<seconds>(at - begin).count() / 30];
    EXPECT_EQ(per_half_minute.size(), 18U);
    for (const auto& [index, count] : per_half_minute) {
      EXPECT_GE(count, 10'000 / 20 / 2) << "round " << round << ", half minute " << index;
      EXPECT_LE(count, 10'000 / 20 * 2) << "round " << round << ", half minute " << index;
    }
  }
}

TEST_F(ReconcileScheduleTest, NoRepositoryIsLeftAloneForLongerThanTheInterval) {
  bind(many(200));
  std::map<std::string, MonotonicTime> last;
  std::map<std::string, int> rounds;
  for (const auto& [name, at] : run_until(now_ + minutes(60))) {
    if (const auto before = last.find(name); before != last.end()) {
      EXPECT_LE(at - before->second, interval_);
      if (++rounds[name] > 1) {
        EXPECT_GE(at - before->second, interval_ * 9 / 10) << "jitter is a tenth at most";
      }
    }
    last[name] = at;
  }
  EXPECT_EQ(last.size(), 200U);
  for (const auto& [name, count] : rounds) EXPECT_LE(count, 8);
}

TEST_F(ReconcileScheduleTest, DisabledUnusableAndBranchlessRepositoriesAreNotCompared) {
  auto disabled = binding("disabled");
  disabled.enabled = false;
  auto unusable = binding("unusable");
  unusable.problem = "http is not allowed";
  auto branchless = binding("branchless");
  branchless.branches[0].enabled = false;
  auto whole = binding("whole");
  whole.granularity = Granularity::All;
  whole.branches.clear();
  bind({disabled, unusable, branchless, whole});
  for (const auto* name : {"disabled", "unusable", "branchless", "unknown"})
    schedule().ask(name, Claim::Proven, now_);
  const auto done = run_until(now_ + kSecond);
  ASSERT_EQ(done.size(), 1U);
  EXPECT_EQ(done[0].first, "whole");
}

TEST_F(ReconcileScheduleTest, WithoutAnIntervalOnlyWhatIsAskedForIsCompared) {
  interval_ = milliseconds(0);
  bind(many(3));
  EXPECT_EQ(schedule().next(), std::nullopt);
  schedule().ask("r100001", Claim::Proven, now_);
  const auto done = run_until(now_ + minutes(60));
  ASSERT_EQ(done.size(), 1U);
  EXPECT_EQ(done[0].first, "r100001");
  EXPECT_FALSE(schedule().is_behind(now_ + minutes(600)));
}

TEST_F(ReconcileScheduleTest, AHostIsAskedByOneUntilItAnsweredAndByTwoAfterwards) {
  bind(many(10));
  now_ += minutes(2);
  const auto first = schedule().take(now_);
  ASSERT_TRUE(first);
  EXPECT_FALSE(schedule().take(now_));
  EXPECT_FALSE(schedule().next()) << "what waits for a host is not looked at again and again";
  schedule().finish(*first, kFine, now_);
  const auto second = schedule().take(now_);
  const auto third = schedule().take(now_);
  ASSERT_TRUE(second && third);
  EXPECT_FALSE(schedule().take(now_));
  schedule().finish(*second, kFine, now_);
  EXPECT_TRUE(schedule().take(now_));
  EXPECT_FALSE(schedule().take(now_));
}

TEST_F(ReconcileScheduleTest, WhoWaitsForABusyHostKeepsNobodyFromTheOther) {
  bind(
      {binding("a", "hub", "x"), binding("b", "hub", "y"), binding("c", "z", "y"), binding("d", "hub", "w")});
  now_ += minutes(2);
  ASSERT_EQ(schedule().take(now_), "a");
  ASSERT_EQ(schedule().take(now_), "c") << "b waits for the hub, and c does not wait for b";
  EXPECT_FALSE(schedule().take(now_));
  schedule().finish("c", kFine, now_);
  EXPECT_FALSE(schedule().take(now_));
  schedule().finish("a", kFine, now_);
  EXPECT_EQ(schedule().take(now_), "b");
  EXPECT_EQ(schedule().take(now_), "d");
}

TEST_F(ReconcileScheduleTest, ADeadHostRestsLongerAndLongerAndStarvesNobody) {
  auto bindings = many(100, "dead");
  for (int i = 0; i < 100; ++i) bindings.push_back(binding("well" + std::to_string(i), "in", "out"));
  bind(bindings);
  const auto begin = now_;
  std::vector<seconds> tries;
  std::map<std::string, int> compared;
  for (const auto& [name, at] : run_until(now_ + minutes(60), [](const std::string& name) {
         return name[0] == 'r' ? failing(ErrorCode::ConnectionFailed) : kFine;
       })) {
    if (name[0] == 'r') {
      tries.push_back(std::chrono::floor<seconds>(at - begin));
    } else {
      ++compared[name];
    }
  }
  EXPECT_EQ(compared.size(), 100U);
  for (const auto& [name, count] : compared) EXPECT_GE(count, 6);
  // 1 + 2 + 4 + 8 minutes, and every ten from then on: not once a repository.
  EXPECT_GE(tries.size(), 6U);
  EXPECT_LE(tries.size(), 10U);
  ASSERT_GE(tries.size(), 3U);
  EXPECT_GE(tries[1] - tries[0], minutes(1));
  EXPECT_GE(tries[2] - tries[1], minutes(2));
  EXPECT_EQ(failures_told(), 1U) << "the log says it once";
  EXPECT_EQ(news_.size(), tries.size() + static_cast<std::size_t>(std::accumulate(
                                             compared.begin(), compared.end(), 0,
                                             [](int sum, const auto& one) { return sum + one.second; })));
}

TEST_F(ReconcileScheduleTest, AHostThatIsBackIsComparedWhole) {
  bind(many(100));
  run_until(now_ + minutes(30), [](const std::string&) { return failing(ErrorCode::Timeout); });
  news_.clear();
  std::set<std::string> names;
  for (const auto& [name, at] : run_until(now_ + minutes(12))) names.insert(name);
  EXPECT_EQ(names.size(), 100U);
  const auto told = std::count_if(news_.begin(), news_.end(), [](const auto& news) {
    return news.answering == std::vector<std::string>{"out"};
  });
  EXPECT_EQ(told, 1);
  EXPECT_EQ(failures_told(), 0U);
}

TEST_F(ReconcileScheduleTest, RetryAfterIsObeyed) {
  bind(many(2));
  const auto first = *schedule().take(now_ += kSecond);
  const auto news =
      schedule().finish(first, failing(ErrorCode::HostBusy, Side::Internal, seconds(1'800)), now_);
  EXPECT_EQ(news.host, "in");
  EXPECT_EQ(news.rest, seconds(1'800));
  schedule().ask(first, Claim::Proven, now_);
  EXPECT_TRUE(run_until(now_ + seconds(1'799)).empty());
  EXPECT_EQ(run_until(now_ + minutes(2)).size(), 2U);
}

TEST_F(ReconcileScheduleTest, OneBrokenRepositoryDoesNotPutItsHostToRest) {
  bind(many(50));
  std::map<std::string, int> compared;
  const auto done = run_until(now_ + minutes(60), [](const std::string& name) {
    return name == "r100007" ? failing(ErrorCode::HostError) : kFine;
  });
  for (const auto& [name, at] : done) ++compared[name];
  for (const auto& [name, count] : compared) EXPECT_GE(count, 6) << name;
  EXPECT_LE(compared["r100007"], 12);
  EXPECT_EQ(failures_told(), 1U);
  for (const auto& news : news_) EXPECT_EQ(news.host, "");
}

TEST_F(ReconcileScheduleTest, AHostWhoseRepositoriesAllFailRests) {
  bind(many(50));
  const auto done =
      run_until(now_ + minutes(10), [](const std::string&) { return failing(ErrorCode::HostError); });
  EXPECT_LE(done.size(), 10U);
  EXPECT_TRUE(std::any_of(news_.begin(), news_.end(), [](const auto& news) { return news.host == "out"; }));
}

TEST_F(ReconcileScheduleTest, ARefusedRepositoryIsToldOnceAndAgainWhenItIsWell) {
  bind(many(1));
  bool is_refused = true;
  const auto outcome = [&](const std::string&) {
    return is_refused ? failing(ErrorCode::AuthenticationFailed) : kFine;
  };
  EXPECT_LE(run_until(now_ + minutes(60), outcome).size(), 8U) << "once an interval is enough";
  EXPECT_EQ(failures_told(), 1U);
  is_refused = false;
  news_.clear();
  run_until(now_ + minutes(60), outcome);
  EXPECT_EQ(std::count_if(news_.begin(), news_.end(), [](const auto& news) { return news.is_well_again; }),
            1);
}

TEST_F(ReconcileScheduleTest, WhatTheStoreRefusedIsTriedAgainSoon) {
  bind(many(1));
  int failures = 2;
  const auto done = run_until(now_ + seconds(30), [&](const std::string&) {
    return failures-- > 0 ? failing(ErrorCode::StoreFull, std::nullopt) : kFine;
  });
  EXPECT_EQ(done.size(), 3U);
}

TEST_F(ReconcileScheduleTest, AProvenClaimGoesFirstAndCountsOnceInFiveSeconds) {
  fraction_ = [] { return 0.5; };
  bind(many(1'000));
  settle();
  now_ += minutes(20);  // all are overdue
  for (int i = 0; i < 100; ++i) schedule().ask("r100900", Claim::Proven, now_);
  EXPECT_EQ(schedule().take(now_), "r100900");
  schedule().ask("r100900", Claim::Proven, now_);
  const auto asked_at = now_;
  schedule().finish("r100900", kFine, now_);
  std::vector<MonotonicTime> at;
  for (const auto& [name, time] : run_until(now_ + minutes(1)))
    if (name == "r100900") at.push_back(time);
  EXPECT_EQ(at, (std::vector<MonotonicTime>{asked_at + ReconcileSchedule::kProvenPause}))
      << "what was asked for during the comparison may have come too late for it";
}

TEST_F(ReconcileScheduleTest, AProvenClaimOvertakesWhatWaitsForItsHost) {
  bind(many(20));
  now_ += minutes(2);
  const auto first = *schedule().take(now_);
  ASSERT_FALSE(schedule().take(now_));
  schedule().ask("r100019", Claim::Proven, now_);
  ASSERT_FALSE(schedule().take(now_));
  schedule().finish(first, kFine, now_);
  EXPECT_EQ(schedule().take(now_), "r100019");
}

TEST_F(ReconcileScheduleTest, AProvenClaimIsKeptUntilTheHostCouldBeListed) {
  bind(many(1));
  settle();
  int failures = 3;
  schedule().ask("r100000", Claim::Proven, now_);
  const auto begin = now_;
  const auto done = run_until(now_ + seconds(60), [&](const std::string&) {
    return failures-- > 0 ? failing(ErrorCode::AuthenticationFailed) : kFine;
  });
  ASSERT_EQ(done.size(), 4U);
  EXPECT_LE(done.back().second - begin, seconds(5 + 10 + 20 + 1));
}

TEST_F(ReconcileScheduleTest, WhatIsHeardCountsOnceAMinuteForOneAndTenTimesForAll) {
  bind(many(100));
  settle();
  run_until(now_ + minutes(1));
  std::map<std::string, int> heard;
  const auto begin = now_;
  interval_ = milliseconds(0);
  schedule_.emplace(ReconcileSchedule::Options{interval_, fraction_});
  schedule().replace({}, *bindings_, now_);
  for (int second = 0; second < 60; ++second) {
    for (const auto& [name, binding] : bindings_->repositories) schedule().ask(name, Claim::Heard, now_);
    for (const auto& [name, at] : run_until(begin + seconds(second + 1))) ++heard[name];
  }
  EXPECT_EQ(heard.size(), ReconcileSchedule::kHeardAtOnce);
  for (const auto& [name, count] : heard) EXPECT_EQ(count, 1) << name;
  run_until(now_ + minutes(1));
  schedule().ask("r100099", Claim::Heard, now_);
  EXPECT_EQ(run_until(now_ + seconds(1)).size(), 1U) << "the next minute has room again";
  schedule().ask("r100099", Claim::Heard, now_);
  EXPECT_TRUE(run_until(now_ + seconds(58)).empty());
  EXPECT_EQ(run_until(now_ + seconds(2)).size(), 1U);
}

TEST_F(ReconcileScheduleTest, WhatIsHeardIsNotTriedAgain) {
  interval_ = milliseconds(0);
  bind(many(1));
  schedule().ask("r100000", Claim::Heard, now_);
  EXPECT_EQ(run_until(now_ + minutes(60), [](const std::string&) { return failing(ErrorCode::AccessDenied); })
                .size(),
            1U);
}

TEST_F(ReconcileScheduleTest, AReloadComparesWhatIsNewOrChangedAndForgetsWhatIsGone) {
  auto bindings = many(20);
  bind(bindings);
  settle();
  run_until(now_ + minutes(1));
  bindings[3].branches.push_back({"new", "new", true});
  bindings.erase(bindings.begin() + 7);
  bindings.push_back(binding("zoo"));
  fraction_ = [] { return 0.0; };
  bind(bindings);
  std::set<std::string> soon;
  for (const auto& [name, at] : run_until(now_ + kSecond)) soon.insert(name);
  EXPECT_TRUE(soon.contains("r100003"));
  EXPECT_TRUE(soon.contains("zoo"));
  EXPECT_LE(soon.size(), 4U) << "of the others the times stay";
  for (const auto& [name, at] : run_until(now_ + minutes(30))) EXPECT_NE(name, "r100007");
}

TEST_F(ReconcileScheduleTest, AReloadDuringAComparisonIsFollowedByAnother) {
  auto bindings = many(2);
  bind(bindings);
  now_ += kSecond;
  ASSERT_EQ(schedule().take(now_), "r100000");
  bindings[0].external = url_of("https://moved/r");
  bind(bindings);
  EXPECT_FALSE(schedule().take(now_)) << "the internal host is still being listed";
  schedule().finish("r100000", kFine, now_);
  std::vector<std::string> names;
  for (const auto& [name, at] : run_until(now_ + seconds(10))) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"r100001", "r100000"}));
}

TEST_F(ReconcileScheduleTest, ARepositoryThatGoesDuringItsComparisonGivesItsPlacesBack) {
  bind(many(2));
  now_ += kSecond;
  ASSERT_EQ(schedule().take(now_), "r100000");
  auto bindings = many(2);
  bindings.erase(bindings.begin());
  bind(bindings);
  EXPECT_FALSE(schedule().take(now_));
  schedule().finish("r100000", kFine, now_);
  EXPECT_EQ(schedule().take(now_), "r100001");
}

TEST_F(ReconcileScheduleTest, SaysWhenItIsBehind) {
  bind(many(3));
  EXPECT_FALSE(schedule().is_behind(now_ + minutes(10)));
  EXPECT_TRUE(schedule().is_behind(now_ + minutes(11)));
  now_ += minutes(11);
  ASSERT_TRUE(schedule().take(now_));
  ASSERT_FALSE(schedule().take(now_));
  EXPECT_TRUE(schedule().is_behind(now_)) << "also of what waits for a host";
}

TEST_F(ReconcileScheduleTest, TenThousandRepositoriesTakeLittleMemory) {
  const auto bindings = snapshot_of(many(10'000));
  const auto before = ::mallinfo2().uordblks;
  schedule().replace({}, *bindings, now_);
  const auto bytes = ::mallinfo2().uordblks - before;
  EXPECT_LE(bytes / 10'000, 150U);
}

TEST_F(ReconcileScheduleTest, AskingAgainAndAgainTakesNoMoreMemory) {
  bind(many(10));
  settle();
  const auto before = ::mallinfo2().uordblks;
  for (int i = 0; i < 100'000; ++i) {
    now_ += seconds(6);
    schedule().ask("r100003", Claim::Proven, now_);
    const auto name = schedule().take(now_);
    if (name) schedule().finish(*name, kFine, now_);
  }
  EXPECT_LE(::mallinfo2().uordblks, before + 8'192);
}

}  // namespace
}  // namespace gitferry

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/unique_fd.h"
#include "tests/agent/store/postgres/shared_fixture.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const auto kAny = [](const LaneRow&) { return Offer::Taken; };

/// Another process with a store of its own. It begins a run of each lane, and then does what it is told.
class OtherAgent {
 public:
  OtherAgent(const SharedStoreOptions& options, const std::vector<std::int64_t>& lanes) {
    std::array<int, 2> to{};
    std::array<int, 2> from{};
    if (::pipe2(to.data(), O_CLOEXEC) != 0 || ::pipe2(from.data(), O_CLOEXEC) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ < 0) std::abort();
    if (pid_ == 0) work(options, lanes, to[0], from[1]);
    UniqueFd(to[0]).reset();
    UniqueFd(from[1]).reset();
    to_ = UniqueFd(to[1]);
    from_ = UniqueFd(from[0]);
    EXPECT_EQ(answer(), 'b') << "the other agent begins its runs";
  }
  OtherAgent(const OtherAgent&) = delete;
  OtherAgent& operator=(const OtherAgent&) = delete;
  ~OtherAgent() { end(SIGKILL); }

  void signal(int number) const { ::kill(pid_, number); }
  void end(int number) {
    if (pid_ == 0) return;
    ::kill(pid_, number);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  /// `f`: ends its first run. Answers `k` for done, `l` for a lost lease, `?` for anything else.
  /// `a`: begins a run of its first lane again, as soon as it may. Answers `k`.
  char tell(char what) {
    EXPECT_EQ(::write(to_.get(), &what, 1), 1);
    return answer();
  }

 private:
  char answer() {
    char said = 0;
    return ::read(from_.get(), &said, 1) == 1 ? said : '-';
  }

  [[noreturn]] static void work(const SharedStoreOptions& options, const std::vector<std::int64_t>& lanes,
                                int in, int out) {
    const FakeClock clock;
    auto opened = PostgresStore::open(options, clock);
    if (!opened) ::_exit(1);
    auto& store = **opened;
    const auto now_ms = to_epoch_ms(clock.now());
    std::vector<RunEnd> ends;
    for (const auto id : lanes) {
      const auto row = store.lane(id).value().value();
      RunEnd end;
      end.lane_id = id;
      end.run_id = store.begin_run(row, Direction::ToOuter, now_ms).value();
      end.done_seq = row.requested_seq;
      end.finished_at_ms = now_ms;
      ends.push_back(end);
    }
    say(out, 'b');
    for (char told = 0; ::read(in, &told, 1) == 1;) {
      if (told == 'f') {
        const auto finished = store.finish_run(ends.front());
        say(out, finished ? 'k' : finished.error().code == ErrorCode::LeaseLost ? 'l' : '?');
        continue;
      }
      while (!store.begin_run(store.lane(lanes.front()).value().value(), Direction::ToOuter, now_ms))
        std::this_thread::sleep_for(milliseconds(20));
      say(out, 'k');
    }
    ::_exit(0);
  }
  static void say(int out, char what) {
    if (::write(out, &what, 1) != 1) ::_exit(2);
  }

  pid_t pid_ = 0;
  UniqueFd to_;
  UniqueFd from_;
};

class AgentsTest : public SharedStoreTest {
 protected:
  /// By a store that is closed again: who forks should have no threads.
  std::int64_t marked_before(const std::string& branch) { return mark(*open(), branch); }
  /// Finishes a run of the lane as any agent does.
  void serve(SqlStore& store, std::int64_t id) {
    const auto row = store.lane(id).value().value();
    const auto run = store.begin_run(row, Direction::ToOuter, now_ms());
    ASSERT_TRUE(run) << run.error().text();
    ASSERT_TRUE(store.finish_run(success(row, *run)));
  }
};

TEST_F(AgentsTest, ALaneIsRunByOneAgentAtATime) {
  auto first = open();
  auto second = open();
  const auto id = mark(*first, "main");
  const auto seen_by_first = first->lane(id).value().value();
  const auto seen_by_second = second->lane(id).value().value();
  const auto run = first->begin_run(seen_by_first, Direction::ToOuter, now_ms());
  ASSERT_TRUE(run);

  const auto refused = second->begin_run(seen_by_second, Direction::ToOuter, now_ms());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Unavailable);
  EXPECT_FALSE(second->first_due(now_ms(), kAny).value());
  EXPECT_TRUE(first->first_due(now_ms(), kAny).value())
      << "of its own runs an agent keeps the account itself";
  LaneGroup group{"robot", seen_by_first.requested_directions, 0, 0, 0, 100};
  EXPECT_TRUE(second->due_of(group, now_ms(), 10).value().empty());

  ASSERT_TRUE(first->finish_run(success(seen_by_first, *run)));
  const auto stale = second->begin_run(seen_by_second, Direction::ToOuter, now_ms());
  ASSERT_FALSE(stale) << "there is nothing left to run";
  EXPECT_EQ(stale.error().code, ErrorCode::Unavailable);
  mark(*second, "main");
  serve(*second, id);
}

TEST_F(AgentsTest, AFailureInOneAgentIsARetryLaterForTheOthersToo) {
  auto first = open();
  auto second = open();
  const auto id = mark(*first, "main");
  const auto seen_by_second = second->lane(id).value().value();
  const auto row = first->lane(id).value().value();
  auto end = success(row, first->begin_run(row, Direction::ToOuter, now_ms()).value());
  end.done_seq.reset();
  end.report.error = Error{ErrorCode::Timeout, "timed out", "", std::nullopt};
  end.next_attempt_at_ms = now_ms() + 900'000;
  ASSERT_TRUE(first->finish_run(end));
  EXPECT_FALSE(second->begin_run(seen_by_second, Direction::ToOuter, now_ms()));
  EXPECT_FALSE(second->first_due(now_ms(), kAny).value());
  EXPECT_TRUE(second->first_due(end.next_attempt_at_ms, kAny).value());
}

TEST_F(AgentsTest, ManyWorkersOfThreeAgentsNeverRunALaneTwiceAtOnceAndServeEveryMark) {
  constexpr int kLanes = 10;
  constexpr int kMarks = 300;
  std::vector<std::unique_ptr<PostgresStore>> agents;
  for (int i = 0; i < 3; ++i) agents.push_back(open());
  std::array<std::atomic<int>, kLanes> running{};
  std::atomic<int> twice{0};
  std::atomic<int> runs{0};
  std::atomic<bool> all_marked{false};
  const auto work = [&](PostgresStore& store) {
    for (;;) {
      const bool is_last_look = all_marked;
      const auto due = store.first_due(now_ms(), kAny);
      ASSERT_TRUE(due) << due.error().text();
      if (!*due) {
        if (is_last_look) return;
        std::this_thread::sleep_for(milliseconds(2));
        continue;
      }
      const auto& row = **due;
      const auto run = store.begin_run(row, Direction::ToOuter, now_ms());
      if (!run) continue;
      auto& here = running.at(static_cast<std::size_t>(std::stoi(row.key.internal_ref.substr(12))));
      if (++here != 1) ++twice;
      std::this_thread::yield();
      --here;
      ++runs;
      ASSERT_TRUE(store.finish_run(success(row, *run)));
    }
  };
  {
    // One worker an agent: that no two of one agent take a lane is not the store's to see to.
    std::vector<std::jthread> workers;
    for (auto& agent : agents) workers.emplace_back([&] { work(*agent); });
    for (int i = 0; i < kMarks; ++i)
      mark(*agents.at(static_cast<std::size_t>(i % 3)), "b" + std::to_string(i % kLanes));
    all_marked = true;
  }
  EXPECT_EQ(twice, 0);
  EXPECT_GE(runs, kLanes);
  for (const auto& lane : agents.front()->lanes().value()) {
    EXPECT_FALSE(lane.is_pending());
    EXPECT_EQ(lane.requested_seq, kMarks / kLanes);
  }
}

TEST_F(AgentsTest, OneThatStopsGivesItsLanesBackAtOnce) {
  auto first = open();
  auto second = open();
  const auto id = mark(*first, "main");
  ASSERT_TRUE(first->begin_run(first->lane(id).value().value(), Direction::ToOuter, now_ms()));
  EXPECT_FALSE(second->first_due(now_ms(), kAny).value());
  first.reset();
  EXPECT_TRUE(second->first_due(now_ms(), kAny).value());
  serve(*second, id);
}

TEST_F(AgentsTest, TheLanesOfOneThatIsKilledRunElsewhereWithinItsLease) {
  const auto lost = marked_before("main");
  const auto other = marked_before("dev");
  OtherAgent agent(options(), {lost});
  auto survivor = open();
  EXPECT_FALSE(
      survivor
          ->first_due(now_ms(),
                      [&](const LaneRow& row) { return row.id == lost ? Offer::Taken : Offer::LaneRefused; })
          .value());
  agent.end(SIGKILL);
  const auto is_free = [&] {
    return survivor
        ->first_due(now_ms(),
                    [&](const LaneRow& row) { return row.id == lost ? Offer::Taken : Offer::LaneRefused; })
        .value()
        .has_value();
  };
  ASSERT_TRUE(eventually(is_free));
  EXPECT_EQ(survivor->lane(lost).value()->crash_count, 1);
  EXPECT_EQ(survivor->lane(other).value()->crash_count, 0);
  const auto runs = survivor->runs({}, {}).value();
  ASSERT_EQ(runs.total, 1);
  EXPECT_EQ(runs.rows[0].state, RunState::Interrupted);
  serve(*survivor, lost);
}

TEST_F(AgentsTest, OneThatWakesUpAfterItsBurialCanWriteNothingUnderItsOldNumber) {
  const auto id = marked_before("main");
  OtherAgent agent(options(), {id});
  auto survivor = open();
  agent.signal(SIGSTOP);
  ASSERT_TRUE(eventually([&] { return survivor->first_due(now_ms(), kAny).value().has_value(); }));
  const auto row = survivor->lane(id).value().value();
  const auto run = survivor->begin_run(row, Direction::ToOuter, now_ms());
  ASSERT_TRUE(run);
  agent.signal(SIGCONT);
  EXPECT_EQ(agent.tell('f'), 'l');
  const auto still = survivor->run(*run).value().value();
  EXPECT_EQ(still.state, RunState::Running);
  EXPECT_TRUE(survivor->lane(id).value()->is_pending());
  ASSERT_TRUE(survivor->finish_run(success(row, *run)));

  mark(*survivor, "main");
  EXPECT_EQ(agent.tell('a'), 'k') << "under a new number it is an agent like any other";
  EXPECT_FALSE(survivor->first_due(now_ms(), kAny).value());
}

TEST_F(AgentsTest, OneThatIsStoppedInTheMiddleOfAWriteKeepsTheOthersForMomentsOnly) {
  auto store = open();
  PostgresTarget target{options().url, Secret()};
  target.silence = milliseconds(1000);
  PostgresConnection stopped(target);
  stopped.begin_writing();
  mark(*store, "main");
  const auto committed = attempt("commit", [&]() -> Status {
    stopped.commit();
    return {};
  });
  ASSERT_FALSE(committed) << "what it would have written is not";
  EXPECT_EQ(committed.error().code, ErrorCode::StoreBusy);
}

TEST_F(AgentsTest, WhatOneKnowsNoBindingOfIsLeftToTheOthersAtFirst) {
  auto first = open();
  auto second = open();
  const auto id = mark(*first, "new");
  const Error unbound{ErrorCode::BranchUnknown, "nobody bound it", "", std::nullopt};
  const auto drop = [&] {
    return second->drop_lane_request(id, first->lane(id).value()->requested_seq, unbound);
  };
  ASSERT_TRUE(drop());
  EXPECT_TRUE(first->lane(id).value()->is_pending());
  EXPECT_FALSE(first->first_due(now_ms(), kAny).value());
  EXPECT_TRUE(first->first_due(now_ms() + 15'000, kAny).value());
  clock_.advance(std::chrono::minutes(6));
  ASSERT_TRUE(drop());
  EXPECT_FALSE(first->lane(id).value()->is_pending()) << "by now all would know";
  const auto other = mark(*second, "other");
  first.reset();
  ASSERT_TRUE(second->drop_lane_request(other, 1, unbound));
  EXPECT_FALSE(second->lane(other).value()->is_pending()) << "there is nobody else";
}

TEST_F(AgentsTest, WhatOneDoesTheOthersHearAndNotItself) {
  struct Heard {
    std::atomic<int> lanes{0};
    std::atomic<int> overrides{0};
    void operator()(StoreNews news) { ++(news == StoreNews::LanesMarked ? lanes : overrides); }
  };
  Heard by_first;
  Heard by_second;
  auto first = open([&](StoreNews news) { by_first(news); });
  auto second = open([&](StoreNews news) { by_second(news); });
  // At its start each looks at everything once.
  ASSERT_TRUE(eventually([&] { return by_first.overrides == 1 && by_second.overrides == 1; }));
  ASSERT_TRUE(first->change_overrides({{}, {}, {}, {}, {}, {audit_of("robot")}}));
  ASSERT_TRUE(eventually([&] { return by_second.overrides == 2; }));
  const int lanes = by_first.lanes;
  mark(*second, "main");
  ASSERT_TRUE(eventually([&] { return by_first.lanes > lanes; }));
  EXPECT_EQ(by_first.overrides, 1) << "news come in order, so its own would have come before";
}

}  // namespace
}  // namespace gitferry

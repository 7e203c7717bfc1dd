#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/unique_fd.h"
#include "tests/agent/store/store_fixture.h"

namespace gitferry {
namespace {

struct Told {
  std::int64_t number = 0;
  std::int64_t delivery_id = 0;
  std::int64_t seq = 0;
};

/// Four clients that record deliveries and tell each receipt, until the process is killed.
[[noreturn]] void record_for_ever(const StoreOptions& options, const Clock& clock, int out,
                                  std::int64_t first) {
  auto opened = Store::open(options, clock);
  if (!opened) _exit(1);
  Store& store = **opened;
  std::vector<std::jthread> clients;
  for (std::int64_t client = 0; client < 4; ++client) {
    clients.emplace_back([&store, out, number = first + client * 1'000'000]() mutable {
      for (;; ++number) {
        const std::vector marks{mark_of("b" + std::to_string(number % 3))};
        const auto receipt = store.record_delivery(delivery_of(std::to_string(number)), marks);
        if (!receipt) _exit(2);
        const Told told{number, receipt->delivery_id, receipt->marked.at(0).seq};
        // Shorter than PIPE_BUF, so never torn.
        if (::write(out, &told, sizeof told) != sizeof told) _exit(3);
      }
    });
  }
  for (;;) ::pause();
}

TEST_F(StoreTest, EveryReceiptSurvivesAKill) {
  GITFERRY_ABOUT_SQLITE_ALONE;
  constexpr int kKills = 30;
  std::mt19937 random{20'261'123};  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same moments each time
  std::map<std::int64_t, Told> told_by_id;
  store();
  close();
  for (int kill = 0; kill < kKills; ++kill) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const UniqueFd in(ends[0]);
    UniqueFd out(ends[1]);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) record_for_ever(options_, clock_, out.get(), kill * 10'000'000LL);
    out.reset();

    // A random time after the first receipt, so that a slow start is not what is killed.
    std::optional<std::chrono::steady_clock::time_point> kill_at;
    bool killed = false;
    for (;;) {
      int patience = -1;
      if (kill_at && !killed) {
        const auto left = *kill_at - std::chrono::steady_clock::now();
        patience = std::max(0, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count()));
      }
      pollfd readable{in.get(), POLLIN, 0};
      if (::poll(&readable, 1, patience) == 0) {
        killed = ::kill(child, SIGKILL) == 0;
        continue;
      }
      Told told;
      if (::read(in.get(), &told, sizeof told) != sizeof told) break;
      told_by_id[told.delivery_id] = told;
      if (!kill_at) kill_at = std::chrono::steady_clock::now() + std::chrono::milliseconds(random() % 40);
      if (!killed && std::chrono::steady_clock::now() >= *kill_at) killed = ::kill(child, SIGKILL) == 0;
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);
  }

  ASSERT_GT(told_by_id.size(), static_cast<std::size_t>(kKills));
  std::map<std::int64_t, std::string> kept;
  for (std::int64_t number = 1;; ++number) {
    const auto page = store().deliveries({}, {number, 1000, true}).value();
    for (const auto& row : page.rows) kept[row.id] = row.record.provider_delivery_id;
    if (page.rows.empty()) break;
  }
  std::size_t lost = 0;
  std::map<std::int64_t, std::int64_t> highest_seq;
  for (const auto& [id, told] : told_by_id) {
    if (!kept.contains(id) || kept[id] != std::to_string(told.number)) ++lost;
    auto& seq = highest_seq[told.number % 3];
    seq = std::max(seq, told.seq);
  }
  EXPECT_EQ(lost, 0U);
  const auto lanes = store().lanes().value();
  for (const auto& row : lanes) {
    const auto branch = row.key.internal_ref.back() - '0';
    EXPECT_GE(row.requested_seq, highest_seq[branch]);
  }
  std::printf("kills=%d acked=%zu lost=%zu recovered=%zu\n", kKills, told_by_id.size(), lost,
              kept.size() - told_by_id.size());
}

}  // namespace
}  // namespace gitferry

// A long time under load: nothing is lost, and nothing grows. The quick tests do it for a moment, `./dev test
// --full` for two minutes each, and for as many minutes as GITFERRY_SOAK_MINUTES says, with
// GITFERRY_SOAK_PAUSE_MS between two deliveries of each of the four clients, where somebody wants to know.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "tests/e2e/database_copy.h"
#include "tests/e2e/held_resources.h"
#include "tests/e2e/kill_world.h"
#include "tests/e2e/push_load.h"

namespace gitferry::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr unsigned kSeed = 23;
constexpr std::uintmax_t kWalLimit = 64U << 20U;
/// Kept connections to the hosts, and readers of the database, are opened when they are first needed at the
/// same time: a few more may be after a longer load.
constexpr std::size_t kSpareDescriptors = 24;
constexpr std::size_t kSpareThreads = 4;
/// The allocator keeps what was once needed at the same time; a leak of 100 bytes at each of fifty deliveries
/// a second is more than this within an hour.
constexpr double kSpareMemoryMib = 16;
/// Of the many branches, everything that was ever delivered is kept, so that it can be counted.
constexpr auto kKeepAll = "GITFERRY_STORAGE_KEEP_DELIVERIES_COUNT=100000000";

int from_environment(const char* name, int otherwise) {
  const char* wanted = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody changes it
  return wanted == nullptr ? otherwise : std::max(1, std::atoi(wanted));
}
minutes long_time() {
  return minutes(from_environment("GITFERRY_SOAK_MINUTES", 2));
}

struct Sustained {
  std::string title;
  KillWorldOptions world = {};
  PushPace pace = {};
  seconds duration;
};

/// Keeps an agent under load, and lets it come to rest. What is held is looked at while nothing runs, before
/// and after: under load it goes up and down.
class SustainedLoad {
 public:
  explicit SustainedLoad(Sustained wanted) : wanted_(std::move(wanted)), world_(wanted_.world) {}

  void run() {
    ASSERT_TRUE(world_.start({kKeepAll})) << world_.agent().log();
    // The first load makes what is kept from then on: connections, pages, threads.
    world_.announce_all();
    load_for(std::min(wanted_.duration, seconds(20)));
    const auto before = at_rest();
    load_for(wanted_.duration);
    const auto drain_began = std::chrono::steady_clock::now();
    world_.announce_all();
    const auto after = at_rest();
    report(before, after, std::chrono::steady_clock::now() - drain_began);
    EXPECT_LE(after.descriptors, before.descriptors + kSpareDescriptors);
    EXPECT_LE(after.threads, before.threads + kSpareThreads);
    EXPECT_LE(peak_.wal_bytes, kWalLimit);
    EXPECT_LE(after.memory_mib, before.memory_mib + kSpareMemoryMib);
    world_.expect_rest(wanted_.title, kSeed);
    DatabaseCopy copy(world_.database());
    std::printf("%s: runs=%lld\n", wanted_.title.c_str(),
                static_cast<long long>(copy.number("SELECT count(*) FROM run")));
  }

 private:
  void load_for(seconds duration) {
    const PushLoad load(world_, kSeed, wanted_.pace);
    const auto end = std::chrono::steady_clock::now() + duration;
    while (std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(milliseconds(200));
      const auto now = held();
      EXPECT_EQ(now.database_writers, 1U);
      EXPECT_GE(now.database_readers, 1U);
      peak_.memory_mib = std::max(peak_.memory_mib, now.memory_mib);
      peak_.wal_bytes = std::max(peak_.wal_bytes, now.wal_bytes);
    }
  }
  HeldResources held() { return held_by(world_.agent().pid(), world_.database()); }
  HeldResources at_rest() {
    EXPECT_TRUE(eventually(
        [&] {
          const auto rows = world_.status();
          return std::ranges::none_of(rows, [](const Json::Value& row) { return row["pending"].asBool(); });
        },
        minutes(10)))
        << world_.agent().log();
    return held();
  }
  void report(const HeldResources& before, const HeldResources& after, std::chrono::nanoseconds drained) {
    std::printf(
        "%s: seconds=%lld ack_ms: p50=%.1f p99=%.1f drained_s=%.1f memory_mib=%.1f->%.1f (peak %.1f) "
        "descriptors=%zu->%zu threads=%zu->%zu largest_wal_mib=%.1f\n",
        wanted_.title.c_str(), static_cast<long long>(wanted_.duration.count()),
        world_.ledger().acknowledgement_ms(0.5), world_.ledger().acknowledgement_ms(0.99),
        std::chrono::duration<double>(drained).count(), before.memory_mib, after.memory_mib, peak_.memory_mib,
        before.descriptors, after.descriptors, before.threads, after.threads,
        static_cast<double>(peak_.wal_bytes) / 1048576);
  }

  Sustained wanted_;
  KillWorld world_;
  HeldResources peak_;
};

void sustain(const Sustained& wanted) {
  SustainedLoad(wanted).run();
}

TEST(Soak, R23_R36_LosesNothingGrowsByNothingAndHasOneWriter) {
  sustain({.title = "R-23 soak", .pace = {.clients = 2, .burst_every = 0}, .duration = seconds(3)});
}

TEST(FullSoak, R23_R36_LosesNothingGrowsByNothingAndHasOneWriter) {
  sustain({.title = "R-23 soak",
           .pace = {.between = milliseconds(from_environment("GITFERRY_SOAK_PAUSE_MS", 80))},
           .duration = long_time()});
}

TEST(FullLoad, TwoHundredDeliveriesASecondToAHundredRepositories) {
  sustain({.title = "R-23 load 100 x 20",
           .world = {.repositories = 100, .branches = 20},
           .pace = {.clients = 16, .between = milliseconds(80), .burst_every = 0},
           .duration = long_time()});
}

TEST(FullLoad, R25_TwoThousandDeliveriesASecond) {
  sustain({.title = "R-25 overload",
           .world = {.repositories = 20, .branches = 5},
           .pace = {.clients = 64, .between = milliseconds(32), .burst_every = 0},
           .duration = seconds(20)});
}

}  // namespace
}  // namespace gitferry::test

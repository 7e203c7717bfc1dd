// A long time under load: nothing is lost, and nothing grows. The quick tests soak for a moment, `./dev test
// --full` for two minutes, and for as many minutes as GITFERRY_SOAK_MINUTES says where somebody wants to
// know.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/e2e/kill_world.h"
#include "tests/e2e/push_load.h"

namespace gitferry::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr unsigned kSeed = 23;
constexpr std::uintmax_t kWalLimit = 64U << 20U;

/// What the agent holds at a moment.
struct Held {
  double memory_mib = 0;
  std::size_t descriptors = 0;
  std::size_t threads = 0;
  std::uintmax_t wal_bytes = 0;
};

std::size_t entries(const std::string& directory) {
  std::error_code gone;
  const std::filesystem::directory_iterator first(directory, gone);
  return static_cast<std::size_t>(std::distance(first, std::filesystem::directory_iterator()));
}

Held held_by(const KillWorld& world, pid_t process) {
  Held held;
  const auto proc = fmt::format("/proc/{}", process);
  std::ifstream status(proc + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) held.memory_mib = std::atof(line.c_str() + 6) / 1024;
  }
  held.descriptors = entries(proc + "/fd");
  held.threads = entries(proc + "/task");
  std::error_code none;
  // By its name alone: nobody but SQLite opens it.
  const auto wal = std::filesystem::file_size(world.database() + "-wal", none);
  held.wal_bytes = none ? 0 : wal;
  return held;
}

class R23_Soak : public ::testing::Test {
 protected:
  /// Under load for `duration`, and back at rest. What is held is looked at while nothing runs, before and
  /// after: under load it goes up and down.
  void soak(seconds duration) {
    ASSERT_TRUE(world_.start()) << world_.agent().log();
    // The first load makes what is kept from then on: connections, pages, threads.
    load_for(seconds(3));
    const auto before = at_rest();
    load_for(duration);
    const auto after = at_rest();
    std::printf(
        "R-23 soak: seconds=%lld memory_mib=%.1f->%.1f (peak %.1f) descriptors=%zu->%zu threads=%zu->%zu "
        "largest_wal_mib=%.1f\n",
        static_cast<long long>(duration.count()), before.memory_mib, after.memory_mib, peak_.memory_mib,
        before.descriptors, after.descriptors, before.threads, after.threads,
        static_cast<double>(peak_.wal_bytes) / 1048576);
    EXPECT_LE(after.descriptors, before.descriptors + kSpareDescriptors);
    EXPECT_LE(after.threads, before.threads + kSpareThreads);
    EXPECT_LE(peak_.wal_bytes, kWalLimit);
    world_.expect_rest("soak", kSeed);
  }

 private:
  // Kept connections to the hosts, and readers of the database, are opened when they are first needed at the
  // same time: a few more may be after a longer load.
  static constexpr std::size_t kSpareDescriptors = 24;
  static constexpr std::size_t kSpareThreads = 4;

  void load_for(seconds duration) {
    const PushLoad load(world_, kSeed);
    const auto end = std::chrono::steady_clock::now() + duration;
    while (std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(milliseconds(200));
      const auto now = held_by(world_, world_.agent().pid());
      peak_.memory_mib = std::max(peak_.memory_mib, now.memory_mib);
      peak_.wal_bytes = std::max(peak_.wal_bytes, now.wal_bytes);
    }
  }
  Held at_rest() {
    EXPECT_TRUE(eventually([&] {
      const auto rows = world_.status();
      return std::ranges::none_of(rows, [](const Json::Value& row) { return row["pending"].asBool(); });
    })) << world_.agent().log();
    return held_by(world_, world_.agent().pid());
  }

  KillWorld world_;
  Held peak_;
};
class FullR23_Soak : public R23_Soak {};

TEST_F(R23_Soak, LosesNothingAndGrowsByNothing) {
  soak(seconds(5));
}

TEST_F(FullR23_Soak, LosesNothingAndGrowsByNothing) {
  const char* minutes =
      std::getenv("GITFERRY_SOAK_MINUTES");  // NOLINT(concurrency-mt-unsafe): nobody changes it
  soak(std::chrono::minutes(minutes == nullptr ? 2 : std::max(1, std::atoi(minutes))));
}

}  // namespace
}  // namespace gitferry::test

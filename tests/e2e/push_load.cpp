#include "tests/e2e/push_load.h"

#include <chrono>
#include <climits>
#include <random>

namespace gitferry::test {
namespace {

constexpr unsigned kClients = 4;
constexpr std::chrono::milliseconds kBetween{80};
constexpr int kBurstEvery = 10;
constexpr int kBurst = 10;
/// Of a commit that takes git a while: one of them is enough.
constexpr std::size_t kLarge = 1 << 20;

}  // namespace

PushLoad::PushLoad(KillWorld& world, unsigned seed, Kind kind) : world_(world) {
  for (unsigned client = 0; client < kClients; ++client) {
    clients_.emplace_back(
        [this, client, seed, kind](const std::stop_token& stop) { work(stop, client, seed, kind); });
  }
}

void PushLoad::work(const std::stop_token& stop, unsigned client, unsigned seed, Kind kind) {
  std::mt19937 random{seed * kClients + client};
  const auto branches = world_.branches();
  const int commits = client != 0 ? 0 : world_.options.commit_bytes < kLarge ? INT_MAX : 1;
  for (int i = 0; !stop.stop_requested(); ++i) {
    // Pacing is what a load is; nothing is waited for.
    std::this_thread::sleep_for(kBetween);
    const auto& branch = branches[random() % branches.size()];
    if (i < commits) world_.commit(branch);
    if (kind == Kind::Unannounced) continue;
    world_.deliver(branch);
    if (i % kBurstEvery != 0) continue;
    for (int more = 0; more < kBurst && !stop.stop_requested(); ++more)
      world_.deliver(branches[random() % branches.size()]);
  }
}

}  // namespace gitferry::test

#include "tests/e2e/push_load.h"

#include <climits>
#include <random>

namespace gitferry::test {
namespace {

constexpr int kBurst = 10;
/// Of a commit that takes git a while: one of them is enough.
constexpr std::size_t kLarge = 1 << 20;

}  // namespace

PushLoad::PushLoad(KillWorld& world, unsigned seed, const PushPace& pace) : world_(world), pace_(pace) {
  for (unsigned client = 0; client < pace.clients; ++client) {
    clients_.emplace_back([this, client, seed](const std::stop_token& stop) { work(stop, client, seed); });
  }
}

void PushLoad::work(const std::stop_token& stop, unsigned client, unsigned seed) {
  std::mt19937 random{seed * pace_.clients + client};
  const auto branches = world_.branches();
  const int commits = client != 0 ? 0 : world_.options.commit_bytes < kLarge ? INT_MAX : 1;
  auto next = std::chrono::steady_clock::now();
  for (int i = 0; !stop.stop_requested(); ++i) {
    // Pacing is what a load is; nothing is waited for.
    next += pace_.between;
    std::this_thread::sleep_until(next);
    const auto& branch = branches[random() % branches.size()];
    if (i < commits) world_.commit(branch);
    if (!pace_.is_announced) continue;
    world_.deliver(branch);
    if (pace_.burst_every == 0 || i % pace_.burst_every != 0) continue;
    for (int more = 0; more < kBurst && !stop.stop_requested(); ++more)
      world_.deliver(branches[random() % branches.size()]);
  }
}

}  // namespace gitferry::test

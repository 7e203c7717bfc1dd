#pragma once

#include <chrono>
#include <thread>
#include <vector>

#include "tests/e2e/kill_world.h"

namespace gitferry::test {

/// How often is pushed.
struct PushPace {
  unsigned clients = 4;
  std::chrono::milliseconds between{80};  ///< two deliveries of a client
  int burst_every = 10;                   ///< deliveries, after which come ten at once; 0: never
  bool is_announced = true;               ///< otherwise there are commits alone
};

/// Clients that push and deliver at a steady pace until the end of this object, whether an agent is there to
/// hear them or not, and however long it takes to answer.
class PushLoad {
 public:
  PushLoad(KillWorld& world, unsigned seed, const PushPace& pace = {});

 private:
  void work(const std::stop_token& stop, unsigned client, unsigned seed);

  KillWorld& world_;
  PushPace pace_;
  std::vector<std::jthread> clients_;
};

}  // namespace gitferry::test

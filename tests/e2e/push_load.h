#pragma once

#include <thread>
#include <vector>

#include "tests/e2e/kill_world.h"

namespace gitferry::test {

/// Four clients that push and deliver, fifty times a second together and from time to time ten times as fast,
/// until the end of this object; whether an agent is there to hear them or not.
class PushLoad {
 public:
  enum class Kind {
    Delivered,
    Unannounced,  ///< commits alone
  };
  PushLoad(KillWorld& world, unsigned seed, Kind kind = Kind::Delivered);

 private:
  void work(const std::stop_token& stop, unsigned client, unsigned seed, Kind kind);

  KillWorld& world_;
  std::vector<std::jthread> clients_;
};

}  // namespace gitferry::test

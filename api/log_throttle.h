#pragma once

#include <cstdint>
#include <optional>

#include "agent/base/clock.h"
#include "agent/base/guarded.h"

namespace gitferry::api {

/// Bounds the log lines that anybody can cause without proving who he is: at most kLines a second pass.
///
/// Threading: from any thread.
class LogThrottle {
 public:
  static constexpr int kLines = 10;

  /// nullopt: do not write this line. Otherwise how many were not written since the last one that was.
  std::optional<std::int64_t> pass(MonotonicTime now);

 private:
  struct State {
    MonotonicTime second{};
    int written = 0;
    std::int64_t held_back = 0;
  };
  Guarded<State> state_;
};

}  // namespace gitferry::api

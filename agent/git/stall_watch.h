#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "agent/base/clock.h"
#include "agent/base/result.h"
#include "agent/git/transport.h"

namespace gitferry {

/// Cancelled after a stop, Timeout when the run's total is over. For those who do not wait because bytes keep
/// coming.
Status check_limits(const Waiting& waiting, std::string_view what);

/// The limits of one wait: counts from its construction, and again from each moved().
///
/// Errors: Cancelled after a stop, Timeout when the stall limit or the run's total is over. The texts name
/// `what`.
class StallWatch {
 public:
  StallWatch(const Waiting& waiting, std::string what);
  /// A byte moved on the stream that is waited for.
  void moved();
  /// How long the caller may sleep before it asks again; more than zero.
  [[nodiscard]] Result<std::chrono::milliseconds> remaining() const;

 private:
  const Waiting& waiting_;
  std::string what_;
  MonotonicTime last_moved_;
};

}  // namespace gitferry

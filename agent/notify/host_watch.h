#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/notify/troubles.h"

namespace gitferry {

/// Tells a host that is down as one trouble, instead of the troubles of all its branches.
///
/// Which hosts rest only the running process knows. So after a start a host that was told of counts as down
/// until it rested here and does no more, or a run between it and any other host succeeded.
///
/// Threading: one thread.
class HostWatch {
 public:
  /// A host that rests for less than that is not told of, nor where the patience is shorter.
  static constexpr std::chrono::seconds kShortRest{60};
  using HasSucceeded =
      std::function<Result<bool>(std::span<const std::string> repositories, std::int64_t since_ms)>;

  explicit HostWatch(std::int64_t started_at_ms) : started_at_ms_(started_at_ms) {}

  /// Errors: those of `has_succeeded`.
  Result<Findings> judge(const TroubleView& view, const Surroundings& surroundings,
                         const HasSucceeded& has_succeeded);
  /// As Surroundings::answers_since_ms.
  [[nodiscard]] std::int64_t answers_since_ms(const std::string& host) const;
  /// Notes which hosts rest at `now_ms`: before lanes are judged.
  void see(const std::set<std::string>& resting, std::int64_t now_ms);

 private:
  std::int64_t started_at_ms_;
  std::map<std::string, std::int64_t> rests_since_ms_;
  std::map<std::string, std::int64_t> answers_since_ms_;  ///< that rested in this process
};

}  // namespace gitferry

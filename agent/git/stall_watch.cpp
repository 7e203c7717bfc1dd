#include "agent/git/stall_watch.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace gitferry {

using std::chrono::milliseconds;

namespace {

double seconds_of(milliseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

Status check_limits(const Waiting& waiting, std::string_view what) {
  if (waiting.stop.stop_requested()) {
    return fail(ErrorCode::Cancelled, fmt::format("{}: the run was cancelled", what));
  }
  if (std::chrono::steady_clock::now() < waiting.total_deadline) return {};
  return fail(ErrorCode::Timeout,
              fmt::format("{}: the run's time of {} s was over", what, seconds_of(waiting.limits.total)),
              "raise sync.timeouts.total if the transfer is that large");
}

StallWatch::StallWatch(const Waiting& waiting, std::string what)
    : waiting_(waiting), what_(std::move(what)), last_moved_(std::chrono::steady_clock::now()) {}

void StallWatch::moved() {
  last_moved_ = std::chrono::steady_clock::now();
}

Result<milliseconds> StallWatch::remaining() const {
  if (auto within = check_limits(waiting_, what_); !within) return fail(std::move(within.error()));
  const auto now = std::chrono::steady_clock::now();
  const auto stalled_at = last_moved_ + waiting_.limits.stall;
  if (now >= stalled_at) {
    return fail(ErrorCode::Timeout,
                fmt::format("{}: no byte moved for {} s", what_, seconds_of(waiting_.limits.stall)),
                "look whether the host is overloaded, or raise sync.timeouts.stall");
  }
  const auto left = std::chrono::ceil<milliseconds>(std::min(stalled_at, waiting_.total_deadline) - now);
  return std::max(left, milliseconds{1});
}

}  // namespace gitferry

#include "agent/sync/run_waiters.h"

#include <algorithm>
#include <utility>

namespace gitferry {

RunWaiters::Watch::Watch(RunWaiters& waiters, LaneKey key, Direction direction)
    : waiters_(waiters), key_(std::move(key)), direction_(direction), went_(direction) {
  waiters_.state_.lock()->watches[key_].push_back(this);
}

RunWaiters::Watch::~Watch() {
  auto state = waiters_.state_.lock();
  const auto of_lane = state->watches.find(key_);
  std::erase(of_lane->second, this);
  if (of_lane->second.empty()) state->watches.erase(of_lane);
}

std::optional<RunReport> RunWaiters::Watch::wait(std::int64_t seq,
                                                 std::chrono::steady_clock::time_point deadline) {
  auto state = waiters_.state_.lock();
  const auto has_run = [&] { return report_.has_value() && seen_seq_ >= seq; };
  state.wait_until(waiters_.published_, deadline,
                   [&](const State& now) { return now.is_closed || has_run(); });
  if (!has_run()) return std::nullopt;
  return report_;
}

Direction RunWaiters::Watch::went() {
  const auto state = waiters_.state_.lock();
  return went_;
}

void RunWaiters::publish(const LaneKey& key, Direction direction, std::int64_t seq, const RunReport& report,
                         std::optional<Direction> went) {
  {
    auto state = state_.lock();
    const auto of_lane = state->watches.find(key);
    if (of_lane == state->watches.end()) return;
    for (auto* watch : of_lane->second) {
      if (watch->direction_ != direction) continue;
      watch->seen_seq_ = seq;
      watch->report_ = report;
      watch->went_ = went.value_or(direction);
    }
  }
  published_.notify_all();
}

void RunWaiters::close() {
  state_.lock()->is_closed = true;
  published_.notify_all();
}

}  // namespace gitferry

#include "agent/sync/run_waiters.h"

#include <algorithm>
#include <utility>

namespace gitferry {

RunWaiters::Watch::Watch(RunWaiters& waiters, LaneKey key, Direction direction)
    : waiters_(waiters), key_(std::move(key)), direction_(direction) {
  waiters_.state_.lock()->watches.push_back(this);
}

RunWaiters::Watch::~Watch() {
  auto state = waiters_.state_.lock();
  std::erase(state->watches, this);
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

void RunWaiters::publish(const LaneKey& key, Direction direction, std::int64_t seq, const RunReport& report) {
  {
    auto state = state_.lock();
    for (auto* watch : state->watches) {
      if (watch->direction_ != direction || watch->key_ != key) continue;
      watch->seen_seq_ = seq;
      watch->report_ = report;
    }
  }
  published_.notify_all();
}

void RunWaiters::close() {
  state_.lock()->is_closed = true;
  published_.notify_all();
}

}  // namespace gitferry

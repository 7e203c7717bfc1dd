#include "agent/sync/running_transfers.h"

#include <algorithm>

namespace gitferry {

RunningTransfers::Running::Running(RunningTransfers& all, std::span<const std::int64_t> lane_ids)
    : all_(all) {
  {
    auto state = all_.state_.lock();
    entry_ = state->entries.emplace(state->entries.end(), lane_ids, all_.clock_.monotonic());
  }
  all_.changed_.notify_one();
}

RunningTransfers::Running::~Running() {
  all_.state_.lock()->entries.erase(entry_);
}

void RunningTransfers::start() {
  thread_ = std::thread([this] { measure(); });
}

void RunningTransfers::stop() {
  if (!thread_.joinable()) return;
  state_.lock()->is_stopping = true;
  changed_.notify_one();
  thread_.join();
}

void RunningTransfers::measure() {
  auto state = state_.lock();
  while (!state->is_stopping) {
    state.wait(changed_, [](const State& now) { return now.is_stopping || !now.entries.empty(); });
    const auto next = std::chrono::steady_clock::now() + ProgressMeter::kSampleInterval;
    state.wait_until(changed_, next, [](const State& now) { return now.is_stopping; });
    const auto now = clock_.monotonic();
    for (auto& entry : state->entries) entry.meter.sample(now);
  }
}

std::vector<std::optional<ProgressView>> RunningTransfers::progress_of(
    std::span<const std::int64_t> lane_ids) {
  std::vector<std::optional<ProgressView>> views(lane_ids.size());
  auto state = state_.lock();
  const auto now = clock_.monotonic();
  for (const auto& entry : state->entries) {
    const auto view = entry.meter.view(now);
    for (std::size_t i = 0; i < lane_ids.size(); ++i) {
      if (entry.lanes.contains(lane_ids[i])) views[i] = view;
    }
  }
  return views;
}

}  // namespace gitferry

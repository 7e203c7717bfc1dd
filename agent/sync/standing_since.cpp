#include "agent/sync/standing_since.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "agent/model/run_report.h"

namespace gitferry {
namespace {

std::optional<StandingSince> in_step_since(std::span<const RunMark> runs, std::size_t limit) {
  std::optional<StandingSince> since;
  for (const auto& run : runs) {
    if (!run.is_success()) return since;
    since = StandingSince{run.finished_at_ms, true};
    if (run.plan != name_of(Plan::Nothing)) return since;
  }
  // Whether an older run than all of these made them equal is not known.
  if (since) since->is_exact = runs.size() < limit;
  return since;
}

std::optional<StandingSince> behind_since(const LaneRow& lane, std::span<const RunMark> runs,
                                          std::size_t limit) {
  const auto success =
      std::find_if(runs.begin(), runs.end(), [](const RunMark& run) { return run.is_success(); });
  std::optional<StandingSince> since;
  if (success != runs.begin()) {
    since = StandingSince{std::prev(success)->started_at_ms, success != runs.end() || runs.size() < limit};
  }
  if (lane.is_pending() && (!since || lane.marked_at_ms < since->at_ms)) {
    since = StandingSince{lane.marked_at_ms, !since || since->is_exact};
  }
  return since;
}

}  // namespace

std::optional<StandingSince> standing_since(const BranchStatus& branch, std::span<const RunMark> runs,
                                            std::size_t limit) {
  switch (branch.state) {
    case SyncState::InSync:
      return in_step_since(runs, limit);
    case SyncState::Quarantined:
    case SyncState::Failed:
    case SyncState::Retrying:
    case SyncState::Pending:
      return branch.lane ? behind_since(*branch.lane, runs, limit) : std::nullopt;
    case SyncState::Never:
    case SyncState::Disabled:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace gitferry

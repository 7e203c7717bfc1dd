#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "agent/model/binding.h"
#include "agent/model/run_report.h"

namespace gitferry {

/// What became of a lane, and the way that its run went in the end.
struct DirectedReport {
  RunReport report;
  Direction direction = Direction::ToOuter;
};

/// Whether a run of a two-way lane that ended so is to be tried the other way at once: the source may merely
/// be behind, or lack a ref that is not to be deleted. Nothing was changed by it.
bool may_go_the_other_way(const RunReport& report);

/// What a lane whose run was tried both ways ends with. Where both ways were refused: that both sides have
/// commits of their own (Diverged), with both tips, in the direction of the first.
DirectedReport ended_both_ways(const LaneKey& key, DirectedReport first, RunReport second);

/// Runs some of the lanes, which are indices, as one transfer in a direction: one report each, in order.
using OneWay = std::function<std::vector<RunReport>(const std::vector<std::size_t>& lanes, Direction)>;

/// Runs `transfer`, indices of `keys`, with `run`, and those of a two-way binding that may go the other way
/// in as few transfers more as their target refs allow. One report for each of `transfer`, in order.
std::vector<DirectedReport> run_either_way(std::span<const LaneKey> keys,
                                           const std::vector<std::size_t>& transfer, Direction direction,
                                           bool is_two_way, const OneWay& run);

}  // namespace gitferry

#pragma once

#include <cstdint>
#include <vector>

#include "agent/model/run_report.h"
#include "agent/store/store.h"

namespace gitferry {

/// What runs add to metrics(). From any thread.

/// `lane` as it was when the run was taken up.
void count_begun(const LaneRow& lane, std::int64_t started_at_ms);
void count_ended(const LaneRow& lane, const RunEnd& end);
/// Of one transfer, whose refs shared a pack.
void count_bytes(const std::vector<RunReport>& reports);

}  // namespace gitferry

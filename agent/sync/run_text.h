#pragma once

#include <cstddef>
#include <string>

#include "agent/model/binding.h"
#include "agent/model/run_report.h"

namespace gitferry {

/// The sync log's text of a run, for people: one line of what was decided and done, one of the error and what
/// to do, and the target's own remarks. At most kRunTextLimit bytes.
std::string run_text(const LaneKey& key, Direction direction, const RunReport& report);

constexpr std::size_t kRunTextLimit = 8192;

}  // namespace gitferry

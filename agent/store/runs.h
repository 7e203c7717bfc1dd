#pragma once

#include <cstdint>
#include <string>

#include "agent/store/sql.h"
#include "agent/store/store.h"

namespace gitferry {

/// SQL of the table `run`. Functions that write belong on the writer's thread, within its transaction; all
/// throw what the connection throws.

/// Where a lane's earlier run is still open (its end could not be written), that one becomes `interrupted`.
std::int64_t insert_run(SqlConnection& connection, const LaneRow& lane, Direction direction,
                        std::int64_t started_at_ms);
/// False where no run of that id is running.
bool end_run(SqlConnection& connection, const RunEnd& end);
/// Every running run becomes `interrupted`.
void interrupt_runs(SqlConnection& connection, std::int64_t now_ms);
/// Deletes what `keep` does not cover at `now_ms`, and never one that is running.
void prune_runs(SqlConnection& connection, const Retention& keep, std::int64_t now_ms);

RunState run_state_from(const std::string& name);
std::optional<RunRow> find_run(SqlConnection& connection, std::int64_t id);
/// The last runs of a lane, newest first.
std::vector<RunMark> latest_runs_of(SqlConnection& connection, std::int64_t lane_id, std::int64_t limit);
Listing<RunRow> list_runs(SqlConnection& connection, const RunFilter& filter, const Page& page);

}  // namespace gitferry

#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "agent/store/database_check.h"
#include "agent/store/sql.h"

namespace gitferry {

// Enough to see what is wrong.
constexpr std::size_t kMostFaults = 20;

/// Adds the lines that a statement gives, up to kMostFaults of them: SQLite puts several into one row, under
/// a heading.
void take_lines(Query& query, std::vector<std::string>& faults);

/// Looks at what the store promises of its rows beyond what the schema itself refuses, and counts them. The
/// schema is the newest. Throws what the connection throws.
void check_promises(SqlConnection& connection, DatabaseReport& report);

}  // namespace gitferry

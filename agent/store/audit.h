#pragma once

#include <cstdint>

#include "agent/store/sql.h"
#include "agent/store/store.h"

namespace gitferry {

/// SQL of the table `audit`. Functions that write belong on the writer's thread, within its transaction; all
/// throw what the connection throws.

std::int64_t insert_audit(SqlConnection& connection, const AuditEntry& entry, std::int64_t now_ms);
/// Deletes what `keep` does not cover at `now_ms`.
void prune_audit(SqlConnection& connection, const Retention& keep, std::int64_t now_ms);

Listing<AuditRow> list_audit(SqlConnection& connection, const AuditFilter& filter, const Page& page);

}  // namespace gitferry

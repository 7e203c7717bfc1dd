#pragma once

#include "agent/base/result.h"
#include "agent/store/sealing.h"
#include "agent/store/sql.h"
#include "agent/store/store.h"

namespace gitferry {

/// SQL of the tables `repository_override`, `credential` and `branch_override`. Functions that write belong
/// on the writer's thread, within its transaction, and leave parts behind where they fail: the transaction is
/// undone then. All throw what the connection throws; errors that are returned are those of Sealing.

Result<OverrideRows> read_overrides(SqlConnection& connection, const Sealing& sealing);
/// Drops and puts of `change`, in its order.
Status write_overrides(SqlConnection& connection, const OverrideChange& change, const Sealing& sealing);

}  // namespace gitferry

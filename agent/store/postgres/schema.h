#pragma once

#include "agent/base/result.h"
#include "agent/store/shared_store.h"
#include "agent/store/sql.h"

namespace gitferry {

/// Kept in the table `gitferry_schema`. The first version has what SQLite's ninth has (migrations.h).
constexpr std::int64_t kPostgresSchemaVersion = kSharedSchemaVersion;

/// The version of what is in the connection's schema; 0 where gitferry made nothing there yet. Errors:
/// StoreFailed where a newer program made it, or what is there is somebody else's.
Result<std::int64_t> postgres_schema_version(SqlConnection& connection);

/// Brings the schema up to date, all or nothing. Of several processes that begin at once one does it, and the
/// others wait.
Status migrate_postgres(SqlConnection& connection);

/// Whether the server can keep what is written: its encoding, version and settings. Errors: StoreFailed.
Status check_postgres_server(SqlConnection& connection);

}  // namespace gitferry

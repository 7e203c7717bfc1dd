#pragma once

#include "agent/base/result.h"
#include "agent/store/sql.h"

namespace gitferry {

/// The schema this program knows; kept in the file as `user_version`.
constexpr std::int64_t kSchemaVersion = 9;

/// The first schema that has overrides of bindings.
constexpr std::int64_t kFirstWithOverrides = 2;

/// The version of the schema in the file; 0 for an empty one. Errors: StoreFailed where a newer program wrote
/// it. Throws what the connection throws.
Result<std::int64_t> schema_version(SqlConnection& connection);

/// Brings the schema up to `version`, each step in a transaction of its own.
///
/// Errors: StoreFailed where the file was written by a newer program, which is left untouched; StoreDamaged.
Status migrate(SqlConnection& connection, std::int64_t version = kSchemaVersion);

}  // namespace gitferry

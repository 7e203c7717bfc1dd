#pragma once

#include "agent/base/result.h"
#include "agent/store/database.h"

namespace gitferry {

/// The schema this program knows; kept in the file as `user_version`.
constexpr std::int64_t kSchemaVersion = 1;

/// Brings the schema up to kSchemaVersion, each step in a transaction of its own.
///
/// Errors: StoreFailed where the file was written by a newer program, which is left untouched; StoreDamaged.
Status migrate(SqlConnection& connection);

}  // namespace gitferry

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/base/result.h"

namespace gitferry {

/// What a look through a whole database found.
struct DatabaseReport {
  std::int64_t schema_version = 0;  ///< 0: an empty file, which Store::open() fills
  /// One line each; empty: it is sound. Of very many only the first are there.
  std::vector<std::string> faults;
  std::int64_t lanes = 0;
  std::int64_t pending_lanes = 0;
  std::int64_t deliveries = 0;
  std::int64_t runs = 0;
};

/// Checks a database in place: SQLite's own structures, references between tables, and what the store itself
/// promises of its rows, all on one state of it. Writes nothing. An agent may work on it meanwhile: it is not
/// held up, only its log grows until the check is done.
///
/// Blocking:  as long as it takes to read all of it.
/// Errors:    NoData where there is no such file; StoreDamaged where nothing can be read; StoreFailed, also
///            for a schema newer than this program; StoreBusy.
Result<DatabaseReport> check_database(const std::string& path);

/// Writes a copy of one state of a database, which an agent may be working on, to the new file `copy_path`
/// (0600). It appears under that name only when it is whole, checked and on the disk. Secrets in it are as
/// sealed as in the database.
///
/// Errors: LocalConflict where `copy_path` exists, and then it is left as it is; LocalPermission, StoreFull
///         and StoreFailed where it cannot be written; of the database as check_database().
Status back_up_database(const std::string& path, const std::string& copy_path);

}  // namespace gitferry

#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"

namespace gitferry::config {

/// Longest value of a row that is taken, in bytes.
constexpr std::size_t kDumpValueLimit = 4'096;
constexpr std::size_t kDumpColumnLimit = 64;
/// Of all tables that are read, together.
constexpr std::size_t kDumpRowLimit = 200'000;

/// One row that a dump inserts. Its parts live as long as the call that hands it over.
struct DumpRow {
  std::string_view table;
  const std::vector<std::string>& columns;
  const std::vector<std::optional<std::string>>& values;  ///< nullopt: NULL; numbers as they are written
  std::size_t line = 0;

  /// The value of a column; nullptr where the table has none of that name.
  [[nodiscard]] const std::optional<std::string>* find(std::string_view column) const;
};

/// Takes one row; an error of it ends the reading.
using DumpRowTaker = std::function<Status(const DumpRow& row)>;

/// What there was besides the rows.
struct DumpSummary {
  std::set<std::string, std::less<>> created;  ///< those of the tables that the dump makes
  /// Whether it ends as mysqldump ends a dump. Without its comments, nothing says so.
  bool says_complete = false;
};

/// Reads the rows of `tables` in a dump by mysqldump (of MySQL or MariaDB): its CREATE TABLE and INSERT
/// statements, with and without lists of columns, and of everything else only where it ends. Nothing is run.
///
/// The text is untrusted. ConfigurationInvalid, with the line and never with a value, for a dump that was cut
/// off, for values, columns or rows beyond the limits, and for anything that mysqldump does not write.
Result<DumpSummary> read_sql_dump(std::string_view text, const std::set<std::string, std::less<>>& tables,
                                  const DumpRowTaker& take);

}  // namespace gitferry::config

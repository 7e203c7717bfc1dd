#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "agent/base/secret.h"

namespace gitferry::config {

/// A row of the original service's `sync_repo_mapping`, as it stands there: nothing of it is checked yet.
struct OriginalRepository {
  std::int64_t id = 0;
  std::string name;
  bool enabled = false;
  std::string internal_address;  ///< may have a password in it: never to be shown before it is parsed
  std::string external_address;
  Secret internal_token;  ///< empty: none
  Secret external_token;
  std::string granularity;  ///< `all` or `one`
  std::string direction;    ///< `to_outer` or `to_inter`
  std::size_t line = 0;     ///< of the dump
};

/// A row of `sync_branch_mapping`.
struct OriginalBranch {
  std::int64_t repository_id = 0;
  bool enabled = false;
  std::string internal_name;
  std::string external_name;
  std::size_t line = 0;
};

struct OriginalDump {
  std::vector<OriginalRepository> repositories;  ///< by their ids
  std::vector<OriginalBranch> branches;          ///< in the order of the dump
  bool says_complete = false;                    ///< as DumpSummary
};

/// Reads both tables of a dump of the original service's database, of its first form (without tokens) and of
/// later ones. Which columns there are the dump itself says, in whatever order.
///
/// Errors: those of read_sql_dump(), and ConfigurationInvalid where a table or a column is missing or a value
/// is not of its kind, with the line and without the value.
Result<OriginalDump> read_original_dump(std::string_view text);

}  // namespace gitferry::config

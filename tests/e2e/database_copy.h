#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "tests/support/temporary_directory.h"

struct sqlite3;

namespace gitferry::test {

/// What a database held when its agent was killed. The files themselves are left to the next agent: to open
/// them here would do its recovery for it.
class DatabaseCopy {
 public:
  /// Of a database that no process has open.
  explicit DatabaseCopy(const std::filesystem::path& database);
  DatabaseCopy(const DatabaseCopy&) = delete;
  DatabaseCopy& operator=(const DatabaseCopy&) = delete;
  ~DatabaseCopy();

  /// What `PRAGMA integrity_check` says: "ok", or what is wrong, also with the file as a whole.
  std::string integrity();
  /// The first column of what `sql` gives.
  std::set<std::string> values(const std::string& sql);
  /// The single number that `sql` gives.
  int number(const std::string& sql);

 private:
  TemporaryDirectory directory_;
  sqlite3* database_ = nullptr;
};

}  // namespace gitferry::test

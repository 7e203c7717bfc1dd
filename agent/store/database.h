#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <SQLiteCpp/SQLiteCpp.h>

#include "agent/base/result.h"
#include "agent/base/unique_fd.h"
#include "agent/store/sql.h"

namespace gitferry {

/// One connection to an SQLite file.
///
/// Threading: one thread at a time. Errors: SQLite::Exception.
class SqliteConnection final : public SqlConnection {
 public:
  enum class Role {
    Writer,  ///< the only one that writes and checkpoints
    Reader,  ///< read-only; never checkpoints, neither while it reads nor when it closes
  };
  SqliteConnection(const std::string& path, const std::string& vfs, Role role);
  ~SqliteConnection() override;

  Query query(const char* sql) override;
  void execute(const char* sql) override { database_.exec(sql); }
  [[nodiscard]] bool is_in_transaction() const override;
  void begin_writing() override { query("BEGIN IMMEDIATE").run(); }
  void begin_reading() override { query("BEGIN").run(); }
  void commit() override { query("COMMIT").run(); }
  void roll_back() override { query("ROLLBACK").run(); }
  void begin_part() override { query("SAVEPOINT part").run(); }
  void undo_part() override { query("ROLLBACK TO part").run(); }
  void end_part() override { query("RELEASE part").run(); }

  /// Copies one state of the database into the empty file `path`, which is on the disk afterwards, and checks
  /// the copy. Errors besides: StoreDamaged where that finds something; StoreBusy.
  Status copy_to(const std::string& path);

 private:
  class Statement;

  SQLite::Database database_;
  std::unordered_map<const char*, std::unique_ptr<Statement>> statements_;
};

/// What an SQLite error code means to us: StoreBusy, StoreFull, StoreDamaged or StoreFailed.
Error store_error(int sqlite_code, std::string_view attempted, std::string_view said);

/// What a line of SQLite's checks means: StoreDamaged, or StoreFailed where a page could not be read, which
/// says nothing of the page.
Error integrity_error(std::string_view attempted, std::string_view found);

/// The data directory in our hands: made where missing (0700), on a local file system, and locked, so that
/// only one process works on it. The database file exists afterwards, readable by its owner alone (0600).
///
/// The lock is a file of its own beside the database: POSIX locks belong to the process, so opening and
/// closing the database file outside SQLite would drop SQLite's locks on it
/// (https://sqlite.org/howtocorrupt.html, 2.2). Errors: Unavailable where another process holds the lock;
/// StoreFailed.
class DataDirectory {
 public:
  static Result<DataDirectory> claim(const std::string& database_path);

 private:
  explicit DataDirectory(UniqueFd lock) : lock_(std::move(lock)) {}
  UniqueFd lock_;
};

}  // namespace gitferry

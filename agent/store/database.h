#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include <SQLiteCpp/SQLiteCpp.h>

#include "agent/base/result.h"
#include "agent/base/unique_fd.h"

namespace gitferry {

/// Bytes that are no text.
struct Blob {
  std::string bytes;
};

/// One use of a compiled statement; resets it at the end, so that no read transaction stays open behind it.
///
/// Errors: SQLite::Exception, as everything on a SqlConnection; attempt() turns it into an Error.
class Query {
 public:
  explicit Query(SQLite::Statement& statement) : statement_(statement) {}
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query() {
    statement_.tryReset();
    statement_.clearBindings();
  }

  /// Binds the parameters ?1, ?2, … in order.
  template <typename... Values>
  Query& bind(const Values&... values) {
    int index = 0;
    (bind_one(++index, values), ...);
    return *this;
  }
  /// As bind(), from the parameter `first` on.
  template <typename... Values>
  void bind_from(int first, const Values&... values) {
    int index = first - 1;
    (bind_one(++index, values), ...);
  }
  void bind_text_or_null(int index, const std::string* text) {
    if (text != nullptr) statement_.bind(index, *text);
  }
  /// Goes to the next row; false at the end.
  bool next() { return statement_.executeStep(); }
  /// Runs a statement that gives no rows.
  void run() {
    while (statement_.executeStep()) {
    }
  }
  [[nodiscard]] std::int64_t integer(int column) const { return statement_.getColumn(column).getInt64(); }
  [[nodiscard]] std::string text(int column) const { return statement_.getColumn(column).getString(); }
  [[nodiscard]] Blob blob(int column) const {
    const auto value = statement_.getColumn(column);
    const auto* bytes = static_cast<const char*>(value.getBlob());
    return {bytes == nullptr ? std::string()
                             : std::string(bytes, static_cast<std::size_t>(value.getBytes()))};
  }
  [[nodiscard]] bool is_null(int column) const { return statement_.getColumn(column).isNull(); }
  [[nodiscard]] std::optional<std::int64_t> optional_integer(int column) const {
    if (is_null(column)) return std::nullopt;
    return integer(column);
  }

 private:
  /// An unset one stays null.
  template <typename Value>
  void bind_one(int index, const std::optional<Value>& value) {
    if (value) bind_one(index, *value);
  }
  template <typename Value>
  void bind_one(int index, const Value& value) {
    if constexpr (std::is_same_v<Value, Blob>) {
      statement_.bind(index, value.bytes.data(), static_cast<int>(value.bytes.size()));
    } else if constexpr (std::is_integral_v<Value>) {
      statement_.bind(index, static_cast<std::int64_t>(value));
    } else if constexpr (std::is_same_v<Value, std::string>) {
      statement_.bind(index, value);
    } else {
      statement_.bind(index, std::string(value));
    }
  }

  SQLite::Statement& statement_;
};

/// One connection to the database, with its settings made and its statements kept compiled.
///
/// Threading: one thread at a time. Errors: SQLite::Exception.
class SqlConnection {
 public:
  enum class Role {
    Writer,  ///< the only one that writes and checkpoints
    Reader,  ///< read-only; never checkpoints, neither while it reads nor when it closes
  };
  SqlConnection(const std::string& path, const std::string& vfs, Role role);

  /// `sql` is a literal: compiled statements are kept by its address.
  Query query(const char* sql);
  /// For statements without parameters and rows.
  void execute(const char* sql) { database_.exec(sql); }
  [[nodiscard]] bool is_in_transaction() const;
  [[nodiscard]] std::int64_t last_insert_id() const { return database_.getLastInsertRowid(); }
  /// Copies one state of the database into the empty file `path`, which is on the disk afterwards, and checks
  /// the copy. Errors besides: StoreDamaged where that finds something; StoreBusy.
  Status copy_to(const std::string& path);

 private:
  SQLite::Database database_;
  std::unordered_map<const char*, SQLite::Statement> statements_;
};

/// What an SQLite error code means to us: StoreBusy, StoreFull, StoreDamaged or StoreFailed.
Error store_error(int sqlite_code, std::string_view attempted, std::string_view said);

/// What a line of SQLite's checks means: StoreDamaged, or StoreFailed where a page could not be read, which
/// says nothing of the page.
Error integrity_error(std::string_view attempted, std::string_view found);

/// Calls `action` and turns what it throws into an Error that says what was attempted.
template <typename Action>
auto attempt(std::string_view attempted, Action action) -> std::invoke_result_t<Action&> {
  try {
    return action();
  } catch (const SQLite::Exception& e) {
    return fail(store_error(e.getErrorCode(), attempted, e.what()));
  } catch (const std::exception& e) {
    return fail(store_error(0, attempted, e.what()));
  }
}

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

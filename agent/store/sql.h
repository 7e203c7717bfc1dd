#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "agent/base/result.h"
#include "agent/store/store_news.h"

namespace gitferry {

/// Bytes that are no text.
struct Blob {
  std::string bytes;
};

/// What a parameter is, also where it is null.
enum class SqlType { Integer, Text, Bytes };

/// A compiled statement of one of the databases. Query is its use.
///
/// Threading: one thread at a time. Errors: what its database's connection throws.
class SqlStatement {
 public:
  SqlStatement() = default;
  SqlStatement(const SqlStatement&) = delete;
  SqlStatement& operator=(const SqlStatement&) = delete;
  virtual ~SqlStatement() = default;

  virtual void bind(int index, std::int64_t value) = 0;
  virtual void bind(int index, const std::string& text) = 0;
  virtual void bind(int index, const Blob& blob) = 0;
  virtual void bind_null(int index, SqlType type) = 0;
  /// Goes to the next row; false at the end.
  virtual bool step() = 0;
  /// Runs an INSERT of one row, and gives the id that it got.
  virtual std::int64_t insert() = 0;
  [[nodiscard]] virtual std::int64_t integer(int column) const = 0;
  [[nodiscard]] virtual std::string text(int column) const = 0;
  [[nodiscard]] virtual std::string bytes(int column) const = 0;
  [[nodiscard]] virtual bool is_null(int column) const = 0;
  /// Ends a use: no rows, no parameters.
  virtual void reset() noexcept = 0;
};

/// One use of a compiled statement; resets it at the end, so that no read transaction stays open behind it.
///
/// Errors: what the connection throws; attempt() turns it into an Error.
class Query {
 public:
  explicit Query(SqlStatement& statement) : statement_(statement) {}
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query() { statement_.reset(); }

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
    if (text != nullptr) {
      statement_.bind(index, *text);
    } else {
      statement_.bind_null(index, SqlType::Text);
    }
  }
  /// Goes to the next row; false at the end.
  bool next() { return statement_.step(); }
  /// Runs a statement that gives no rows.
  void run() {
    while (statement_.step()) {
    }
  }
  /// Runs an INSERT of one row into a table with ids; the id that it got.
  std::int64_t insert() { return statement_.insert(); }
  /// A condition, too: 1 where it holds.
  [[nodiscard]] std::int64_t integer(int column) const { return statement_.integer(column); }
  [[nodiscard]] std::string text(int column) const { return statement_.text(column); }
  [[nodiscard]] Blob blob(int column) const { return {statement_.bytes(column)}; }
  [[nodiscard]] bool is_null(int column) const { return statement_.is_null(column); }
  [[nodiscard]] std::optional<std::int64_t> optional_integer(int column) const {
    if (is_null(column)) return std::nullopt;
    return integer(column);
  }

 private:
  template <typename Value>
  static constexpr SqlType type_of() {
    if constexpr (std::is_same_v<Value, Blob>) return SqlType::Bytes;
    return std::is_integral_v<Value> ? SqlType::Integer : SqlType::Text;
  }
  template <typename Value>
  void bind_one(int index, const std::optional<Value>& value) {
    if (value) {
      bind_one(index, *value);
    } else {
      statement_.bind_null(index, type_of<Value>());
    }
  }
  template <typename Value>
  void bind_one(int index, const Value& value) {
    if constexpr (std::is_same_v<Value, Blob> || std::is_same_v<Value, std::string>) {
      statement_.bind(index, value);
    } else if constexpr (std::is_integral_v<Value>) {
      statement_.bind(index, static_cast<std::int64_t>(value));
    } else {
      statement_.bind(index, std::string(value));
    }
  }

  SqlStatement& statement_;
};

/// One connection to a database, with its settings made and its statements kept compiled.
///
/// Statements are written once, for all databases that there is an implementation for: what these say
/// differently is a word in braces (sql_dialect.h).
///
/// Threading: one thread at a time. Errors: exceptions of its own, which attempt() turns into an Error.
class SqlConnection {
 public:
  SqlConnection() = default;
  SqlConnection(const SqlConnection&) = delete;
  SqlConnection& operator=(const SqlConnection&) = delete;
  virtual ~SqlConnection() = default;

  /// `sql` is a literal: compiled statements are kept by its address.
  virtual Query query(const char* sql) = 0;
  /// For statements without parameters, words in braces and rows.
  virtual void execute(const char* sql) = 0;

  [[nodiscard]] virtual bool is_in_transaction() const = 0;
  /// One writes at a time, whatever the number of connections: from here to the end of the transaction.
  virtual void begin_writing() = 0;
  /// What is read until roll_back() is one state of the database.
  virtual void begin_reading() = 0;
  virtual void commit() = 0;
  virtual void roll_back() = 0;
  /// A part of a transaction that can be undone alone.
  virtual void begin_part() = 0;
  virtual void undo_part() = 0;
  virtual void end_part() = 0;
  /// Told to other processes when the transaction is committed, where there can be any.
  virtual void announce(StoreNews /*news*/) {}
};

/// Thrown where a database says by an Error what is wrong.
class SqlFailure : public std::exception {
 public:
  explicit SqlFailure(Error error) : error_(std::move(error)) {}
  [[nodiscard]] const char* what() const noexcept override { return error_.message.c_str(); }
  [[nodiscard]] const Error& error() const { return error_; }

 private:
  Error error_;
};

/// What was thrown while something was attempted on a connection.
Error sql_error(std::string_view attempted, const std::exception& thrown);

/// Calls `action` and turns what it throws into an Error that says what was attempted.
template <typename Action>
auto attempt(std::string_view attempted, Action action) -> std::invoke_result_t<Action&> {
  try {
    return action();
  } catch (const std::exception& e) {
    return fail(sql_error(attempted, e));
  }
}

}  // namespace gitferry

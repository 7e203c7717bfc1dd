#include "config/sql_dump.h"

#include <algorithm>
#include <map>
#include <utility>

#include "agent/base/text.h"
#include "config/sql_tokens.h"

namespace gitferry::config {
namespace {

using Kind = SqlToken::Kind;
using Values = std::vector<std::optional<std::string>>;

tl::unexpected<Error> refuse(std::size_t line, std::string what, std::string hint = {}) {
  return fail(ErrorCode::ConfigurationInvalid, "line " + std::to_string(line) + ": " + std::move(what),
              std::move(hint));
}

/// Walks through the statements of a dump.
class DumpReader {
 public:
  DumpReader(std::string_view text, const std::set<std::string, std::less<>>& tables,
             const DumpRowTaker& take)
      : tokens_(text), tables_(tables), take_(take) {}

  Result<DumpSummary> read() {
    for (;;) {
      auto step = read_statement();
      if (!step) return fail(std::move(step.error()));
      if (!*step) break;
    }
    if (tokens_.saw_header() && !tokens_.saw_end())
      return refuse(tokens_.line(), "the dump lacks its last line, '-- Dump completed': it was cut off",
                    "make it anew");
    summary_.says_complete = tokens_.saw_end();
    for (const auto& [table, columns] : columns_) summary_.created.insert(table);
    return std::move(summary_);
  }

 private:
  /// The next token; an error is kept, and everything after it is the end.
  SqlToken next() {
    if (!failed_) return {};
    auto token = tokens_.next();
    if (token) return std::move(*token);
    failed_ = fail(std::move(token.error()));
    return {};
  }
  tl::unexpected<Error> unexpected_in(const std::string& what, const SqlToken& token) {
    if (!failed_) return fail(std::move(failed_.error()));
    if (token.kind == Kind::End || tokens_.is_at_end())
      return refuse(token.line, "the dump ends in " + what + ": it was cut off", "make it anew");
    return refuse(token.line, "mysqldump writes no such thing in " + what,
                  "make the dump with mysqldump and without options that change its form");
  }

  /// false at the end.
  Result<bool> read_statement() {
    const auto first = next();
    if (!failed_) return fail(std::move(failed_.error()));
    if (first.kind == Kind::End) return false;
    if (first.is_symbol(';')) return true;
    if (first.is_word("DELIMITER")) {
      tokens_.skip_line();
      return true;
    }
    const bool inserts = first.is_word("INSERT") || first.is_word("REPLACE");
    auto done = first.is_word("CREATE") ? read_create() : inserts ? read_insert() : tokens_.skip_statement();
    if (!done) return fail(std::move(done.error()));
    return true;
  }

  /// A table's name, which may have its database's before it; the token behind it is left in `behind`.
  std::string read_table_name(SqlToken token, SqlToken& behind) {
    std::string name = token.text;
    behind = next();
    if (token.kind == Kind::Word) return name.substr(name.rfind('.') + 1);
    if (behind.kind == Kind::Word && behind.text == ".") {
      name = next().text;
      behind = next();
    }
    return name;
  }

  Status read_create() {
    auto token = next();
    if (!token.is_word("TABLE")) return token.is_symbol(';') ? Status() : tokens_.skip_statement();
    token = next();
    if (token.is_word("IF")) {
      next();
      next();
      token = next();
    }
    SqlToken behind;
    const auto name = read_table_name(std::move(token), behind);
    if (tables_.count(name) == 0) return behind.is_symbol(';') ? Status() : tokens_.skip_statement();
    if (!behind.is_symbol('(')) return unexpected_in("CREATE TABLE", behind);
    if (columns_.count(name) != 0)
      return refuse(behind.line, "the table " + name + " is made twice: the dump holds several databases",
                    "dump one of them alone");
    auto columns = read_columns();
    if (!columns) return fail(std::move(columns.error()));
    columns_.emplace(name, std::move(*columns));
    return tokens_.skip_statement();
  }

  /// Of CREATE TABLE, behind its parenthesis: what begins with a name in backquotes is a column.
  Result<std::vector<std::string>> read_columns() {
    std::vector<std::string> columns;
    int depth = 1;
    bool begins = true;
    while (depth > 0) {
      const auto token = next();
      if (token.kind == Kind::End) return unexpected_in("CREATE TABLE", token);
      if (begins && token.kind == Kind::Name) {
        if (columns.size() == kDumpColumnLimit) return refuse(token.line, "a table of too many columns");
        columns.push_back(token.text);
      }
      begins = depth == 1 && token.is_symbol(',');
      if (token.is_symbol('(')) ++depth;
      if (token.is_symbol(')')) --depth;
    }
    return columns;
  }

  /// `(`a`, `b`)` of INSERT, behind the parenthesis.
  Result<std::vector<std::string>> read_names() {
    std::vector<std::string> names;
    for (;;) {
      const auto name = next();
      if ((name.kind != Kind::Name && name.kind != Kind::Word) || names.size() == kDumpColumnLimit)
        return unexpected_in("the columns of INSERT", name);
      names.push_back(name.text);
      const auto behind = next();
      if (behind.is_symbol(')')) return names;
      if (!behind.is_symbol(',')) return unexpected_in("the columns of INSERT", behind);
    }
  }

  Status read_insert() {
    auto token = next();
    while (token.is_word("IGNORE") || token.is_word("INTO")) token = next();
    SqlToken behind;
    const auto table = read_table_name(std::move(token), behind);
    if (tables_.count(table) == 0) return behind.is_symbol(';') ? Status() : tokens_.skip_statement();
    std::vector<std::string> columns;
    if (behind.is_symbol('(')) {
      auto names = read_names();
      if (!names) return fail(std::move(names.error()));
      columns = std::move(*names);
      behind = next();
    } else if (const auto made = columns_.find(table); made != columns_.end()) {
      columns = made->second;
    } else {
      return refuse(behind.line, "nothing says which columns the table " + table + " has",
                    "dump with the tables' structure, or with --complete-insert");
    }
    if (!behind.is_word("VALUES")) return unexpected_in("INSERT", behind);
    return read_rows(table, columns);
  }

  Status read_rows(const std::string& table, const std::vector<std::string>& columns) {
    for (;;) {
      auto token = next();
      if (!token.is_symbol('(')) return unexpected_in("INSERT", token);
      const auto line = token.line;
      auto values = read_values();
      if (!values) return fail(std::move(values.error()));
      if (values->size() != columns.size())
        return refuse(line, "a row of " + table + " has " + std::to_string(values->size()) + " values for " +
                                std::to_string(columns.size()) + " columns");
      if (++rows_ > kDumpRowLimit)
        return refuse(line, "more than " + std::to_string(kDumpRowLimit) + " rows");
      if (auto taken = take_({table, columns, *values, line}); !taken) return taken;
      token = next();
      if (token.is_symbol(';')) return {};
      if (!token.is_symbol(',')) return unexpected_in("INSERT", token);
    }
  }

  /// Of one row, behind its parenthesis.
  Result<Values> read_values() {
    Values values;
    for (;;) {
      auto token = next();
      // A character set's name may stand before a text: _utf8mb4'main'.
      if (token.kind == Kind::Word && token.text.starts_with('_')) {
        token = next();
        if (token.kind != Kind::Text) return unexpected_in("a row", token);
      }
      if ((token.kind != Kind::Word && token.kind != Kind::Text) || values.size() == kDumpColumnLimit)
        return unexpected_in("a row", token);
      if (!is_valid_utf8(token.text)) return refuse(token.line, "a value that is not UTF-8");
      values.emplace_back(token.is_word("NULL") ? std::nullopt : std::optional(std::move(token.text)));
      const auto behind = next();
      if (behind.is_symbol(')')) return values;
      if (!behind.is_symbol(',')) return unexpected_in("a row", behind);
    }
  }

  SqlTokens tokens_;
  const std::set<std::string, std::less<>>& tables_;
  const DumpRowTaker& take_;
  std::map<std::string, std::vector<std::string>, std::less<>> columns_;
  std::size_t rows_ = 0;
  DumpSummary summary_;
  Status failed_;
};

}  // namespace

const std::optional<std::string>* DumpRow::find(std::string_view column) const {
  const auto found = std::find(columns.begin(), columns.end(), column);
  return found == columns.end() ? nullptr : &values[static_cast<std::size_t>(found - columns.begin())];
}

Result<DumpSummary> read_sql_dump(std::string_view text, const std::set<std::string, std::less<>>& tables,
                                  const DumpRowTaker& take) {
  return DumpReader(text, tables, take).read();
}

}  // namespace gitferry::config

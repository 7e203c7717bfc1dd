#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "agent/base/result.h"

namespace gitferry::config {

/// A piece of MySQL's language, as far as dumps use it.
struct SqlToken {
  enum class Kind {
    End,
    Word,    ///< a keyword, a number or a plain name
    Name,    ///< in backquotes
    Text,    ///< in single or double quotes, escapes resolved
    Symbol,  ///< one character
  };
  Kind kind = Kind::End;
  std::string text;
  std::size_t line = 0;  ///< where it begins, from 1

  /// Keywords are the same in any case.
  [[nodiscard]] bool is_word(std::string_view word) const;
  [[nodiscard]] bool is_symbol(char symbol) const {
    return kind == Kind::Symbol && text.size() == 1 && text.front() == symbol;
  }
};

/// Cuts a dump into tokens; comments, also those that some servers would run, are left out.
class SqlTokens {
 public:
  explicit SqlTokens(std::string_view text) : rest_(text) {}

  /// ConfigurationInvalid for a text, a name or a comment without an end, and for one over kDumpValueLimit.
  Result<SqlToken> next();
  /// Goes behind the next `;`, whatever is before it, and builds nothing of it.
  Status skip_statement();
  /// The rest of the line: a command of the client.
  void skip_line();
  /// Whether a comment said that the dump is one of mysqldump's, and that it is all there.
  [[nodiscard]] bool saw_header() const { return saw_header_; }
  [[nodiscard]] bool saw_end() const { return saw_end_; }
  [[nodiscard]] std::size_t line() const { return line_; }
  [[nodiscard]] bool is_at_end() const { return rest_.empty(); }

 private:
  Status skip_blank();
  Status skip_comment_until(std::string_view end);
  void note_comment(std::string_view comment);
  bool is_line_comment() const;
  /// `out` is nullptr where the text does not matter.
  Status read_quoted(char quote, std::string* out);
  /// Steps over `count` bytes.
  void step(std::size_t count);

  std::string_view rest_;
  std::size_t line_ = 1;
  bool saw_header_ = false;
  bool saw_end_ = false;
};

}  // namespace gitferry::config

#include "config/sql_tokens.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "agent/base/text.h"
#include "config/sql_dump.h"

namespace gitferry::config {
namespace {

constexpr std::string_view kWordCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$.+-@";

tl::unexpected<Error> refuse(std::size_t line, std::string_view what, std::string hint = {}) {
  return fail(ErrorCode::ConfigurationInvalid, "line " + std::to_string(line) + ": " + std::string(what),
              std::move(hint));
}

tl::unexpected<Error> cut_off(std::size_t line) {
  return refuse(line, "the dump ends in the middle of a statement: it was cut off", "make it anew");
}

/// What stands for what after a backslash (MySQL, string literals); all others for themselves.
char resolved(char escape) {
  switch (escape) {
    case '0':
      return '\0';
    case 'b':
      return '\b';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'Z':
      return '\x1a';
    default:
      return escape;
  }
}

}  // namespace

bool SqlToken::is_word(std::string_view word) const {
  return kind == Kind::Word && equals_ignoring_case(text, word);
}

void SqlTokens::step(std::size_t count) {
  count = std::min(count, rest_.size());
  line_ += static_cast<std::size_t>(
      std::count(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(count), '\n'));
  rest_.remove_prefix(count);
}

void SqlTokens::note_comment(std::string_view comment) {
  comment = trim(comment);
  if (comment.starts_with("MySQL dump") || comment.starts_with("MariaDB dump")) saw_header_ = true;
  if (comment.starts_with("Dump completed")) saw_end_ = true;
}

bool SqlTokens::is_line_comment() const {
  if (rest_.starts_with('#')) return true;
  return rest_.starts_with("--") &&
         (rest_.size() == 2 || rest_[2] == ' ' || rest_[2] == '\t' || rest_[2] == '\n' || rest_[2] == '\r');
}

Status SqlTokens::skip_comment_until(std::string_view end) {
  const auto line = line_;
  const auto found = rest_.find(end, 2);
  if (found == std::string_view::npos) return refuse(line, "a comment without an end", "make the dump anew");
  step(found + end.size());
  return {};
}

Status SqlTokens::skip_blank() {
  while (!rest_.empty()) {
    if (rest_.front() == ' ' || rest_.front() == '\t' || rest_.front() == '\n' || rest_.front() == '\r') {
      step(1);
    } else if (is_line_comment()) {
      const auto comment = rest_.substr(0, rest_.find('\n'));
      note_comment(comment.substr(comment.starts_with('#') ? 1 : 2));
      step(comment.size());
    } else if (rest_.starts_with("/*")) {
      if (auto skipped = skip_comment_until("*/"); !skipped) return skipped;
    } else {
      break;
    }
  }
  return {};
}

Status SqlTokens::read_quoted(char quote, std::string* out) {
  const auto line = line_;
  const bool has_escapes = quote != '`';
  std::size_t at = 1;
  while (at < rest_.size()) {
    char c = rest_[at++];
    if (c == quote) {
      // A quote that is doubled stands for itself.
      if (at == rest_.size() || rest_[at] != quote) {
        step(at);
        return {};
      }
      ++at;
    } else if (c == '\\' && has_escapes) {
      if (at == rest_.size()) break;
      c = resolved(rest_[at++]);
    }
    if (out == nullptr) continue;
    if (out->size() == kDumpValueLimit)
      return refuse(line, "a value of more than " + std::to_string(kDumpValueLimit) + " bytes");
    out->push_back(c);
  }
  return cut_off(line);
}

Result<SqlToken> SqlTokens::next() {
  if (auto skipped = skip_blank(); !skipped) return fail(std::move(skipped.error()));
  SqlToken token;
  token.line = line_;
  if (rest_.empty()) return token;
  const char first = rest_.front();
  if (first == '\'' || first == '"' || first == '`') {
    token.kind = first == '`' ? SqlToken::Kind::Name : SqlToken::Kind::Text;
    if (auto read = read_quoted(first, &token.text); !read) return fail(std::move(read.error()));
    return token;
  }
  const auto size = std::min(rest_.find_first_not_of(kWordCharacters), rest_.size());
  if (size > kDumpValueLimit) return refuse(line_, "a word that is too long for a dump");
  token.kind = size > 0 ? SqlToken::Kind::Word : SqlToken::Kind::Symbol;
  token.text = rest_.substr(0, std::max<std::size_t>(size, 1));
  step(token.text.size());
  return token;
}

Status SqlTokens::skip_statement() {
  for (;;) {
    if (auto skipped = skip_blank(); !skipped) return skipped;
    if (rest_.empty()) return cut_off(line_);
    const char first = rest_.front();
    if (first == '\'' || first == '"' || first == '`') {
      if (auto read = read_quoted(first, nullptr); !read) return read;
      continue;
    }
    step(1);
    if (first == ';') return {};
  }
}

void SqlTokens::skip_line() {
  step(std::min(rest_.find('\n'), rest_.size()));
}

}  // namespace gitferry::config

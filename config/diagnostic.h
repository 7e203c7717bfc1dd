#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gitferry::config {

/// Where a value stands: a place in the file, or an environment variable that takes its place.
struct Position {
  int line = 0;  ///< from 1; 0: the file as a whole
  int column = 0;
  std::string_view variable;  ///< name of the environment variable, of static life; empty: the file
};

/// One thing wrong with a configuration. Never holds a secret.
struct Diagnostic {
  std::string file;  ///< as the user named it, or `environment variable X`
  int line = 0;
  int column = 0;
  std::string message;
  std::string suggestion;  ///< what to do; may be empty

  /// `gitferry.yaml:12:5: error: message (suggestion)`, the form that editors and CI systems know.
  [[nodiscard]] std::string str() const {
    std::string text = file;
    if (line > 0) text += ":" + std::to_string(line) + ":" + std::to_string(column);
    text += ": error: " + message;
    if (!suggestion.empty()) text += " (" + suggestion + ")";
    return text;
  }
};

/// Collects what is wrong, so that one look shows all of it.
class Report {
 public:
  explicit Report(std::string file) : file_(std::move(file)) {}

  void add(const Position& at, std::string message, std::string suggestion = {}) {
    if (found_.size() >= kLimit) return;
    const bool in_file = at.variable.empty();
    found_.push_back({in_file ? file_ : "environment variable " + std::string(at.variable), at.line,
                      at.column, std::move(message), std::move(suggestion)});
  }
  [[nodiscard]] bool empty() const { return found_.empty(); }
  [[nodiscard]] std::vector<Diagnostic> take() { return std::move(found_); }

 private:
  static constexpr std::size_t kLimit = 100;
  std::string file_;
  std::vector<Diagnostic> found_;
};

}  // namespace gitferry::config

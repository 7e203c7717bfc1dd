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

enum class Severity { Error, Warning };

/// One thing wrong with a configuration, or likely to be. Never holds a secret.
struct Diagnostic {
  std::string file;  ///< as the user named it, or `environment variable X`
  int line = 0;
  int column = 0;
  std::string message;
  std::string suggestion;  ///< what to do; may be empty
  Severity severity = Severity::Error;

  /// `gitferry.yaml:12:5: error: message (suggestion)`, the form that editors and CI systems know.
  [[nodiscard]] std::string str() const {
    std::string text = file;
    if (line > 0) text += ":" + std::to_string(line) + ":" + std::to_string(column);
    text += (severity == Severity::Error ? ": error: " : ": warning: ") + message;
    if (!suggestion.empty()) text += " (" + suggestion + ")";
    return text;
  }
};

/// Collects what is wrong, so that one look shows all of it.
class Report {
 public:
  explicit Report(std::string file) : file_(std::move(file)) {}

  void add(const Position& at, std::string message, std::string suggestion = {}) {
    put(errors_, Severity::Error, at, std::move(message), std::move(suggestion));
  }
  /// What is taken as it is, although it is probably not meant so.
  void warn(const Position& at, std::string message, std::string suggestion = {}) {
    put(warnings_, Severity::Warning, at, std::move(message), std::move(suggestion));
  }
  /// Whether there are no errors; there may be warnings.
  [[nodiscard]] bool empty() const { return errors_.empty(); }
  [[nodiscard]] std::vector<Diagnostic> take() { return std::move(errors_); }
  [[nodiscard]] std::vector<Diagnostic> take_warnings() { return std::move(warnings_); }

 private:
  static constexpr std::size_t kLimit = 100;

  void put(std::vector<Diagnostic>& list, Severity severity, const Position& at, std::string message,
           std::string suggestion) const {
    if (list.size() >= kLimit) return;
    const bool in_file = at.variable.empty();
    list.push_back({in_file ? file_ : "environment variable " + std::string(at.variable), at.line, at.column,
                    std::move(message), std::move(suggestion), severity});
  }

  std::string file_;
  std::vector<Diagnostic> errors_;
  std::vector<Diagnostic> warnings_;
};

}  // namespace gitferry::config

#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <sys/types.h>

#include "tests/support/process.h"

namespace gitferry::test {

/// A file of the sources, or of the build.
std::string source_text(const std::string& name);
std::string text_of_file(const std::filesystem::path& path);

/// Runs a program with the usual PATH, the superuser's directories included.
ProcessOutcome run_tool(std::vector<std::string> argv, std::vector<std::string> environment = {});

/// The whitespace-separated words of a text.
std::set<std::string> words_of(const std::string& text);

/// Every match of a pattern's first group.
std::set<std::string> matches_of(const std::string& text, const std::string& pattern);

/// What lies below a directory: files by their paths from there.
std::set<std::string> files_below(const std::filesystem::path& directory);

/// A program that runs beside the test; it and what it started are killed at the end. What it says is in
/// `log`.
class Background {
 public:
  Background(std::vector<std::string> argv, const std::vector<std::string>& environment,
             const std::string& log);
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

 private:
  pid_t pid_ = -1;
};

/// A port of 127.0.0.1 that nobody uses at the moment.
std::uint16_t free_port();

}  // namespace gitferry::test

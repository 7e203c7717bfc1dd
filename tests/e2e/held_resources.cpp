#include "tests/e2e/held_resources.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

namespace gitferry::test {
namespace {

std::size_t entries(const std::string& directory) {
  std::error_code gone;
  const std::filesystem::directory_iterator first(directory, gone);
  return static_cast<std::size_t>(std::distance(first, std::filesystem::directory_iterator()));
}

}  // namespace

HeldResources held_by(pid_t process, const std::string& database) {
  HeldResources held;
  const auto proc = fmt::format("/proc/{}", process);
  std::ifstream status(proc + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) held.memory_mib = std::atof(line.c_str() + 6) / 1024;
  }
  held.descriptors = entries(proc + "/fd");
  held.threads = entries(proc + "/task");
  std::error_code none;
  // By its name alone: nobody but SQLite opens it.
  const auto wal = std::filesystem::file_size(database + "-wal", none);
  held.wal_bytes = none ? 0 : wal;
  return held;
}

}  // namespace gitferry::test

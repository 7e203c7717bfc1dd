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

/// Whether a descriptor was opened for writing: its flags are octal, and say so in their lowest digit
/// (proc(5)).
bool may_write(const std::string& fdinfo) {
  std::ifstream file(fdinfo);
  for (std::string name, value; file >> name >> value;) {
    if (name == "flags:") return !value.empty() && value.back() != '0';
  }
  return false;
}

void count_connections(HeldResources& held, const std::string& proc, const std::string& database) {
  std::error_code gone;
  for (std::filesystem::directory_iterator at(proc + "/fd", gone), end; !gone && at != end;
       at.increment(gone)) {
    std::error_code closed;
    if (std::filesystem::read_symlink(at->path(), closed) != database) continue;
    ++(may_write(proc + "/fdinfo/" + at->path().filename().string()) ? held.database_writers
                                                                     : held.database_readers);
  }
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
  count_connections(held, proc, database);
  std::error_code none;
  // By its name alone: nobody but SQLite opens it.
  const auto wal = std::filesystem::file_size(database + "-wal", none);
  held.wal_bytes = none ? 0 : wal;
  return held;
}

}  // namespace gitferry::test

#include "agent/base/process_usage.h"

#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <system_error>

#include <sys/resource.h>
#include <unistd.h>

namespace gitferry {
namespace {

double seconds_of(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

/// Of /proc/self/stat (proc(5)).
struct Stat {
  std::int64_t threads = 0;
  std::int64_t started_ticks = 0;  ///< since the system began
  std::int64_t virtual_bytes = 0;
  std::int64_t resident_pages = 0;
};

std::optional<Stat> read_stat() {
  std::ifstream file("/proc/self/stat");
  const std::string line{std::istreambuf_iterator<char>(file), {}};
  // The second field, the program's name, may hold anything, also parentheses.
  const auto end_of_name = line.rfind(')');
  if (end_of_name == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(end_of_name + 1));
  constexpr int kThreads = 20;
  constexpr int kStarted = 22;
  constexpr int kResident = 24;
  Stat stat;
  std::string word;
  for (int field = 3; field <= kResident; ++field) {
    if (field < kThreads || field == kThreads + 1) {
      fields >> word;
    } else if (field == kThreads) {
      fields >> stat.threads;
    } else if (field == kStarted) {
      fields >> stat.started_ticks;
    } else {
      fields >> (field == kResident ? stat.resident_pages : stat.virtual_bytes);
    }
  }
  if (!fields) return std::nullopt;
  return stat;
}

/// By the clock that /proc counts in: /proc/stat, which says when the system began, is hidden from a unit
/// that sees processes alone. Once, so that it does not move with the wall clock.
double started_at(std::int64_t ticks) {
  static const double at = [&] {
    const double age =
        seconds_of(CLOCK_BOOTTIME) - static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
    return seconds_of(CLOCK_REALTIME) - age;
  }();
  return at;
}

std::int64_t open_descriptors() {
  std::error_code error;
  std::int64_t count = 0;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end;
       entry.increment(error)) {
    ++count;
  }
  return count;
}

}  // namespace

std::optional<ProcessUsage> process_usage() {
  const auto stat = read_stat();
  if (!stat) return std::nullopt;
  ProcessUsage usage;
  usage.cpu_seconds = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  usage.started_at_seconds = started_at(stat->started_ticks);
  usage.resident_bytes = stat->resident_pages * ::sysconf(_SC_PAGESIZE);
  usage.virtual_bytes = stat->virtual_bytes;
  usage.threads = stat->threads;
  usage.open_descriptors = open_descriptors();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    usage.descriptor_limit = static_cast<std::int64_t>(limit.rlim_cur);
  }
  return usage;
}

}  // namespace gitferry

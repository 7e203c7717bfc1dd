#pragma once

#include <cstdint>
#include <optional>

namespace gitferry {

/// What the process has taken from the system, by the system's own account.
struct ProcessUsage {
  double cpu_seconds = 0;         ///< of all threads, without children
  double started_at_seconds = 0;  ///< since the epoch
  std::int64_t resident_bytes = 0;
  std::int64_t virtual_bytes = 0;
  std::int64_t threads = 0;
  std::int64_t open_descriptors = 0;
  std::int64_t descriptor_limit = 0;  ///< 0: none
};

/// Unset where /proc does not tell.
std::optional<ProcessUsage> process_usage();

}  // namespace gitferry

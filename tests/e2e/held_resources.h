#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <sys/types.h>

namespace gitferry::test {

/// What an agent holds at a moment.
struct HeldResources {
  double memory_mib = 0;
  std::size_t descriptors = 0;
  std::size_t threads = 0;
  std::uintmax_t wal_bytes = 0;
  std::size_t database_writers = 0;  ///< descriptors of the database that may write
  std::size_t database_readers = 0;
};

/// Of the agent that is `process` and has its database at that path. What cannot be read counts as nothing.
HeldResources held_by(pid_t process, const std::string& database);

}  // namespace gitferry::test

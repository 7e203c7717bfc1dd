#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <filesystem>
#include <mutex>
#include <semaphore>
#include <vector>

#include <sqlite3.h>

#include "tests/bench/load_client.h"

namespace gitferry::bench {

/// What the disk gives: threads that wait for one row each, and one writer that puts all waiting rows into
/// one commit (`synchronous=FULL`). One table without an index; no HTTP, no signature, no lanes.
class BareLoop {
 public:
  explicit BareLoop(const std::filesystem::path& directory);
  ~BareLoop();
  BareLoop(const BareLoop&) = delete;
  BareLoop& operator=(const BareLoop&) = delete;

  /// As a LoadResult, with rows for answers.
  LoadResult offer(int threads, std::chrono::milliseconds duration);

 private:
  struct Asker {
    std::binary_semaphore committed{0};
    std::vector<double> latencies_ms;
  };

  void ask_until(Asker& asker, std::chrono::steady_clock::time_point end);
  void execute(const char* sql);
  void write_until_over();
  void insert_rows(std::size_t count);

  sqlite3* database_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Asker*> waiting_;  ///< each woken alone: a herd that wakes for nothing would slow the loop
  bool is_over_ = false;
};

}  // namespace gitferry::bench

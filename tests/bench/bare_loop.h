#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <list>
#include <mutex>
#include <semaphore>
#include <thread>
#include <vector>

#include <sqlite3.h>

#include "agent/base/unique_fd.h"
#include "tests/bench/load_client.h"

namespace gitferry::bench {

/// What the disk gives: one thread that puts all waiting rows into one commit (`synchronous=FULL`). One table
/// without an index.
class BareLoop {
 public:
  explicit BareLoop(const std::filesystem::path& directory);
  ~BareLoop();
  BareLoop(const BareLoop&) = delete;
  BareLoop& operator=(const BareLoop&) = delete;

  /// One for each thread that writes rows, kept until the loop ends.
  std::binary_semaphore& semaphore() { return semaphores_.emplace_back(0); }
  /// Waits until a row more is on the disk. Each caller is woken alone: a herd that wakes for nothing would
  /// slow the loop.
  void write_row(std::binary_semaphore& committed);
  /// Rows by so many threads, as a LoadResult with rows for answers. No HTTP at all.
  LoadResult offer(int threads, std::chrono::milliseconds duration);

 private:
  void execute(const char* sql);
  void write_until_over();
  void insert_rows(std::size_t count);

  sqlite3* database_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<std::binary_semaphore*> waiting_;
  bool is_over_ = false;
  std::list<std::binary_semaphore> semaphores_;
  std::thread writer_;
};

/// The least that a durable receiver can be: a thread takes a connection, reads a request of at most 16 KiB,
/// waits for a row of the loop, answers 202 and closes. No limits, no signature, no JSON, no lanes.
class BareReceiver {
 public:
  explicit BareReceiver(BareLoop& loop);
  ~BareReceiver();
  BareReceiver(const BareReceiver&) = delete;
  BareReceiver& operator=(const BareReceiver&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void receive(BareLoop& loop, std::binary_semaphore& committed) const;

  UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::vector<std::jthread> threads_;
};

}  // namespace gitferry::bench

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>

#include "agent/base/result.h"
#include "agent/base/unique_fd.h"
#include "agent/git/transport.h"

namespace gitferry {

/// Holds bytes that cannot be sent yet, in the order they came: in memory up to a limit, then in an unlinked
/// temporary file (0600) that the system frees with the descriptor, also after a crash.
///
/// Reading consumes, and gives memory back; the file's room, once all of it was read. Appending can go on
/// between reads.
class Spool final : public ByteReader {
 public:
  static constexpr std::size_t kMemoryLimit = 8U << 20U;

  /// `directory` is created when the first byte has to go to disk; nothing is touched before. `disk_limit`:
  /// bytes of the file.
  Spool(std::string directory, std::uint64_t disk_limit, std::size_t memory_limit = kMemoryLimit)
      : directory_(std::move(directory)), disk_limit_(disk_limit), memory_limit_(memory_limit) {}

  /// Errors: LocalPermission, StoreFull, LimitExceeded (`disk_limit`).
  Status append(std::string_view bytes);
  /// 0 once everything appended so far was read.
  Result<std::size_t> read(std::span<char> out) override;

  /// Bytes appended so far.
  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// Those of them that went through the file.
  [[nodiscard]] std::uint64_t bytes_on_disk() const { return bytes_on_disk_; }

 private:
  Status open_file();
  void append_to_memory(std::string_view bytes);
  Status append_to_file(std::string_view bytes);
  std::size_t read_memory(std::span<char> out);
  Result<std::size_t> read_file(std::span<char> out);

  std::string directory_;
  std::uint64_t disk_limit_;
  std::size_t memory_limit_;
  std::deque<std::string> chunks_;  ///< what is in memory came before what is in the file
  std::size_t chunk_read_ = 0;      ///< of the first chunk
  std::size_t bytes_in_memory_ = 0;
  UniqueFd file_;
  std::uint64_t file_size_ = 0;
  std::uint64_t file_read_ = 0;
  std::uint64_t size_ = 0;
  std::uint64_t bytes_on_disk_ = 0;
};

}  // namespace gitferry

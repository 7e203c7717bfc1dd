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
/// Reading consumes. Append everything before the first read.
class Spool final : public ByteReader {
 public:
  static constexpr std::size_t kMemoryLimit = 8U << 20U;

  /// `directory` is created when the first byte has to go to disk; nothing is touched before.
  explicit Spool(std::string directory, std::size_t memory_limit = kMemoryLimit)
      : directory_(std::move(directory)), memory_limit_(memory_limit) {}

  /// Errors: LocalPermission, StoreFull, LimitExceeded (kDiskLimit).
  Status append(std::string_view bytes);
  /// 0 once everything was read.
  Result<std::size_t> read(std::span<char> out) override;

  /// Bytes appended so far.
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] std::uint64_t bytes_on_disk() const { return bytes_on_disk_; }

 private:
  Status open_file();
  Status append_to_file(std::string_view bytes);

  std::string directory_;
  std::size_t memory_limit_;
  std::deque<std::string> chunks_;
  std::size_t chunk_read_ = 0;
  UniqueFd file_;
  std::uint64_t size_ = 0;
  std::uint64_t bytes_in_memory_ = 0;
  std::uint64_t bytes_on_disk_ = 0;
  std::uint64_t file_read_ = 0;
};

}  // namespace gitferry

#include "agent/git/spool.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace gitferry {
namespace {

constexpr std::size_t kChunkSize = 256U << 10U;
/// A pack larger than that cannot be held for a proof; it bounds what a hostile source can do to the disk.
constexpr std::uint64_t kDiskLimit = 16ULL << 30U;

tl::unexpected<Error> disk_failure(std::string_view what, const std::string& directory, int error) {
  const auto code = error == ENOSPC || error == EDQUOT ? ErrorCode::StoreFull : ErrorCode::LocalPermission;
  return fail(code,
              fmt::format("{} in '{}' failed: {}", what, directory, std::generic_category().message(error)),
              "make the directory of sync.sync_dir writable and give it space");
}

}  // namespace

Status Spool::append(std::string_view bytes) {
  size_ += bytes.size();
  if (!file_) {
    const auto room =
        std::min<std::size_t>(memory_limit_ - static_cast<std::size_t>(bytes_in_memory_), bytes.size());
    bytes_in_memory_ += room;
    auto part = bytes.substr(0, room);
    bytes.remove_prefix(room);
    while (!part.empty()) {
      if (chunks_.empty() || chunks_.back().size() == kChunkSize) {
        chunks_.emplace_back().reserve(std::min(kChunkSize, std::max<std::size_t>(part.size(), 4096)));
      }
      const auto count = std::min(kChunkSize - chunks_.back().size(), part.size());
      chunks_.back().append(part.substr(0, count));
      part.remove_prefix(count);
    }
  }
  return bytes.empty() ? Status{} : append_to_file(bytes);
}

Status Spool::open_file() {
  std::error_code failure;
  std::filesystem::create_directories(directory_, failure);
  if (failure) return disk_failure("creating the spool directory", directory_, failure.value());
  file_.reset(::open(directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file_) return {};
  // Not every file system knows O_TMPFILE.
  std::string pattern = directory_ + "/spool-XXXXXX";
  file_.reset(::mkostemp(pattern.data(), O_CLOEXEC));
  if (!file_) return disk_failure("creating a spool file", directory_, errno);
  ::unlink(pattern.c_str());
  return {};
}

Status Spool::append_to_file(std::string_view bytes) {
  if (!file_) {
    if (auto opened = open_file(); !opened) return opened;
  }
  if (bytes_on_disk_ + bytes.size() > kDiskLimit) {
    return fail(ErrorCode::LimitExceeded,
                fmt::format("holding the pack back took more than {} bytes", kDiskLimit),
                "bring the target near to the source once with a plain git push");
  }
  while (!bytes.empty()) {
    const auto written =
        ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(bytes_on_disk_));
    if (written < 0) {
      if (errno == EINTR) continue;
      return disk_failure("writing a spool file", directory_, errno);
    }
    bytes_on_disk_ += static_cast<std::uint64_t>(written);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<std::size_t> Spool::read(std::span<char> out) {
  if (!chunks_.empty()) {
    const auto& chunk = chunks_.front();
    const auto count = std::min(out.size(), chunk.size() - chunk_read_);
    std::memcpy(out.data(), chunk.data() + chunk_read_, count);
    chunk_read_ += count;
    if (chunk_read_ == chunk.size()) {
      chunks_.pop_front();
      chunk_read_ = 0;
    }
    return count;
  }
  if (file_read_ == bytes_on_disk_) return std::size_t{0};
  for (;;) {
    const auto got = ::pread(file_.get(), out.data(), out.size(), static_cast<off_t>(file_read_));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return disk_failure("reading a spool file", directory_, got < 0 ? errno : EIO);
    file_read_ += static_cast<std::uint64_t>(got);
    return static_cast<std::size_t>(got);
  }
}

}  // namespace gitferry

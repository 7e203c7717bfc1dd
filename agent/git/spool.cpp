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

#include "agent/base/crash_point.h"

namespace gitferry {
namespace {

constexpr std::size_t kChunkSize = 256U << 10U;

tl::unexpected<Error> disk_failure(std::string_view what, const std::string& directory, int error) {
  const auto code = error == ENOSPC || error == EDQUOT ? ErrorCode::StoreFull : ErrorCode::LocalPermission;
  return fail(code,
              fmt::format("{} in '{}' failed: {}", what, directory, std::generic_category().message(error)),
              "make the directory of sync.sync_dir writable and give it space");
}

}  // namespace

Status Spool::append(std::string_view bytes) {
  size_ += bytes.size();
  const bool is_file_empty = file_read_ == file_size_;
  if (is_file_empty) {
    const auto part = bytes.substr(0, memory_limit_ - bytes_in_memory_);
    append_to_memory(part);
    bytes.remove_prefix(part.size());
  }
  return bytes.empty() ? Status{} : append_to_file(bytes);
}

void Spool::append_to_memory(std::string_view bytes) {
  bytes_in_memory_ += bytes.size();
  while (!bytes.empty()) {
    if (chunks_.empty() || chunks_.back().size() == kChunkSize) {
      chunks_.emplace_back().reserve(std::min(kChunkSize, std::max<std::size_t>(bytes.size(), 4096)));
    }
    const auto part = bytes.substr(0, kChunkSize - chunks_.back().size());
    chunks_.back().append(part);
    bytes.remove_prefix(part.size());
  }
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
  if (bytes.size() > disk_limit_ - file_size_) {
    return fail(ErrorCode::LimitExceeded,
                fmt::format("holding the pack back took more than {} bytes of disk", disk_limit_),
                "bring the target near to the source once with a plain git push");
  }
  while (!bytes.empty()) {
    const auto written = ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(file_size_));
    if (written < 0) {
      if (errno == EINTR) continue;
      return disk_failure("writing a spool file", directory_, errno);
    }
    file_size_ += static_cast<std::uint64_t>(written);
    bytes_on_disk_ += static_cast<std::uint64_t>(written);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  crash_point(CrashPoint::PackPartSpooled);
  return {};
}

Result<std::size_t> Spool::read(std::span<char> out) {
  if (!chunks_.empty()) return read_memory(out);
  if (file_read_ < file_size_) return read_file(out);
  return std::size_t{0};
}

std::size_t Spool::read_memory(std::span<char> out) {
  const auto& chunk = chunks_.front();
  const auto count = std::min(out.size(), chunk.size() - chunk_read_);
  std::memcpy(out.data(), chunk.data() + chunk_read_, count);
  bytes_in_memory_ -= count;
  chunk_read_ += count;
  if (chunk_read_ == chunk.size()) {
    chunks_.pop_front();
    chunk_read_ = 0;
  }
  return count;
}

Result<std::size_t> Spool::read_file(std::span<char> out) {
  const auto wanted = std::min<std::uint64_t>(out.size(), file_size_ - file_read_);
  for (;;) {
    const auto got =
        ::pread(file_.get(), out.data(), static_cast<std::size_t>(wanted), static_cast<off_t>(file_read_));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return disk_failure("reading a spool file", directory_, got < 0 ? errno : EIO);
    file_read_ += static_cast<std::uint64_t>(got);
    if (file_read_ == file_size_) {
      file_.reset();
      file_size_ = file_read_ = 0;
    }
    return static_cast<std::size_t>(got);
  }
}

}  // namespace gitferry

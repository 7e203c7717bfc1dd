#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/unique_fd.h"
#include "agent/store/database.h"
#include "agent/store/database_check.h"

namespace gitferry {
namespace {

tl::unexpected<Error> copy_failure(const std::string& path, int error) {
  const auto message = fmt::format("write the backup '{}': {}", path, std::generic_category().message(error));
  if (error == EEXIST)
    return fail(ErrorCode::LocalConflict, message, "name another file, or take this one away first");
  if (error == ENOSPC || error == EDQUOT)
    return fail(ErrorCode::StoreFull, message, "free space on that volume, or name a file on another one");
  return fail(ErrorCode::LocalPermission, message, "name a file in a directory that this user may write to");
}

/// What is written of a backup until it is whole. Goes with this, whatever SQLite made beside it too.
class UnfinishedCopy {
 public:
  static Result<UnfinishedCopy> make(const std::string& path) {
    const UniqueFd made(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!made) return copy_failure(path, errno);
    return UnfinishedCopy(path);
  }
  UnfinishedCopy(UnfinishedCopy&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  UnfinishedCopy& operator=(UnfinishedCopy&&) = delete;
  ~UnfinishedCopy() {
    if (path_.empty()) return;
    for (const auto* suffix : {"", "-journal", "-wal", "-shm"}) ::unlink((path_ + suffix).c_str());
  }

  /// Gives it its name, unless there is such a file by now.
  Status become(const std::string& path) {
    int failed = ::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE);
    // Some file systems do not know that; there the look before the copy has to do.
    if (failed != 0 && errno == EINVAL) failed = ::rename(path_.c_str(), path.c_str());
    if (failed != 0) return copy_failure(path, errno);
    path_.clear();
    return {};
  }

 private:
  explicit UnfinishedCopy(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

Status expect_nothing_at(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) == 0) return copy_failure(path, EEXIST);
  return {};
}

Status sync_directory_of(const std::string& path) {
  auto directory = std::filesystem::path(path).parent_path();
  if (directory.empty()) directory = ".";
  const UniqueFd opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened || ::fsync(opened.get()) != 0) return copy_failure(path, errno);
  return {};
}

}  // namespace

Status back_up_database(const std::string& path, const std::string& copy_path) {
  if (auto absent = expect_nothing_at(copy_path); !absent) return absent;
  const auto part_path = copy_path + ".part";
  auto part = UnfinishedCopy::make(part_path);
  if (!part) return fail(std::move(part.error()));
  auto copied = attempt(fmt::format("copy the database '{}' to '{}'", path, copy_path), [&]() -> Status {
    SqliteConnection source(path, "", SqliteConnection::Role::Reader);
    return source.copy_to(part_path);
  });
  if (copied) copied = part->become(copy_path);
  if (copied) copied = sync_directory_of(copy_path);
  return copied;
}

}  // namespace gitferry

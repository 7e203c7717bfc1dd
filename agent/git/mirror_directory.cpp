#include "agent/git/mirror_directory.h"

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/crypto.h"
#include "agent/git/stall_watch.h"

namespace gitferry {
namespace {

/// How often a lock that another run holds is tried again: runs take seconds.
constexpr std::chrono::milliseconds kLockInterval{50};
/// Enough of a SHA-256 for no two pairs of addresses to meet.
constexpr std::size_t kNameBytes = 16;

bool is_same_file(int fd, const std::string& path) {
  struct stat held {};
  struct stat named {};
  return ::fstat(fd, &held) == 0 && ::lstat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino &&
         held.st_dev == named.st_dev;
}

/// Unset: another run holds it.
Result<UniqueFd> try_lock(const std::string& path) {
  UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!lock) return fail(mirror_file_error("opening the lock '" + path + "'", errno));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK || errno == EINTR) return UniqueFd();
    return fail(mirror_file_error("locking '" + path + "'", errno));
  }
  // Its last holder may have removed it between the two calls.
  if (!is_same_file(lock.get(), path)) return UniqueFd();
  return lock;
}

}  // namespace

Error mirror_file_error(const std::string& what, int error) {
  auto code = ErrorCode::LocalPermission;
  if (error == ENOSPC || error == EDQUOT) code = ErrorCode::StoreFull;
  if (error == ELOOP || error == ENOTDIR || error == EISDIR) code = ErrorCode::LocalConflict;
  return {code,
          fmt::format("{} failed: {}", what, std::generic_category().message(error)),
          "make the directory of sync.sync_dir writable for the agent alone, and give it space",
          {}};
}

Status ensure_own_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(mirror_file_error("making the directory '" + path + "'", errno));
  }
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) {
    return fail(mirror_file_error("opening the directory '" + path + "'", errno));
  }
  if (status.st_uid != ::geteuid()) {
    return fail(ErrorCode::LocalPermission, "the directory '" + path + "' belongs to another user",
                "remove it, or set sync.sync_dir to a directory of the agent's own");
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0 && ::fchmod(fd.get(), 0700) != 0) {
    return fail(mirror_file_error("making the directory '" + path + "' private", errno));
  }
  return {};
}

Result<MirrorDirectory> MirrorDirectory::lock(const std::string& sync_dir, const std::string& source,
                                              const std::string& target, const Waiting& waiting) {
  std::error_code failure;
  std::filesystem::create_directories(sync_dir, failure);
  if (failure) return fail(mirror_file_error("making the directory '" + sync_dir + "'", failure.value()));
  const auto name = to_hex(sha256(source + '\n' + target).substr(0, kNameBytes));
  const auto path = (std::filesystem::path(sync_dir) / name).string();
  const auto lock_path = path + ".lock";
  for (;;) {
    auto lock = try_lock(lock_path);
    if (!lock) return fail(lock.error());
    if (*lock) return MirrorDirectory(path + ".git", lock_path, std::move(*lock));
    if (auto going_on = check_limits(waiting, "waiting for another run's mirror '" + path + "'"); !going_on) {
      return fail(going_on.error());
    }
    std::this_thread::sleep_for(kLockInterval);
  }
}

Status MirrorDirectory::ensure() const {
  struct stat status {};
  const bool is_there = ::lstat(path_.c_str(), &status) == 0;
  if (is_there && !S_ISDIR(status.st_mode) && !S_ISLNK(status.st_mode) && status.st_uid == ::geteuid()) {
    if (::unlink(path_.c_str()) != 0) return fail(mirror_file_error("removing '" + path_ + "'", errno));
  }
  return ensure_own_directory(path_);
}

Status MirrorDirectory::clear() const {
  std::error_code failure;
  std::filesystem::remove_all(path_, failure);
  if (failure) return fail(mirror_file_error("deleting the mirror '" + path_ + "'", failure.value()));
  return {};
}

Status MirrorDirectory::remove() {
  auto cleared = clear();
  ::unlink(lock_path_.c_str());
  lock_.reset();
  return cleared;
}

}  // namespace gitferry

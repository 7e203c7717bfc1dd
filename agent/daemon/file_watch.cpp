#include "agent/daemon/file_watch.h"

#include <utility>

#include <fcntl.h>
#include <sys/stat.h>

#include "agent/base/unique_fd.h"

namespace gitferry::daemon {

FileWatch::FileWatch(std::string path) : path_(std::move(path)) {
  know();
}

bool FileWatch::look() {
  const auto seen = stamp();
  const bool is_steady = seen && seen == last_seen_;
  last_seen_ = seen;
  return is_steady && seen != known_;
}

void FileWatch::know() {
  known_ = stamp();
  last_seen_ = known_;
}

std::optional<FileWatch::Stamp> FileWatch::stamp() const {
  const UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat found {};
  if (!fd || ::fstat(fd.get(), &found) != 0 || !S_ISREG(found.st_mode)) return std::nullopt;
  return Stamp{found.st_dev, found.st_ino, found.st_size, found.st_mtim.tv_sec, found.st_mtim.tv_nsec};
}

}  // namespace gitferry::daemon

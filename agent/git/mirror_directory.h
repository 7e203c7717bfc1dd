#pragma once

#include <string>

#include "agent/base/result.h"
#include "agent/base/unique_fd.h"
#include "agent/git/transport.h"

namespace gitferry {

/// The place of one mirror below `sync_dir`, held by one run at a time: `<digest of both addresses>.git`, and
/// beside it a lock, which also holds while the directory itself is deleted and made anew.
///
/// Errors: LocalPermission for a place that cannot be written or belongs to somebody else, LocalConflict for
///         a link in its place, StoreFull; Cancelled and Timeout while another run holds it.
class MirrorDirectory {
 public:
  /// Waits until no other run, of this process or another, holds the mirror between the two addresses.
  static Result<MirrorDirectory> lock(const std::string& sync_dir, const std::string& source,
                                      const std::string& target, const Waiting& waiting);
  MirrorDirectory(MirrorDirectory&&) = default;
  MirrorDirectory& operator=(MirrorDirectory&&) = default;
  MirrorDirectory(const MirrorDirectory&) = delete;
  MirrorDirectory& operator=(const MirrorDirectory&) = delete;
  ~MirrorDirectory() = default;

  [[nodiscard]] const std::string& path() const { return path_; }
  /// Makes the directory (0700) where it is missing, and refuses what is not a directory of our own. A file
  /// of ours in its place is removed.
  [[nodiscard]] Status ensure() const;
  /// Deletes what is there; the lock stays.
  [[nodiscard]] Status clear() const;
  /// Deletes the directory and its lock. Nothing else may be called after it.
  [[nodiscard]] Status remove();

 private:
  MirrorDirectory(std::string path, std::string lock_path, UniqueFd lock)
      : path_(std::move(path)), lock_path_(std::move(lock_path)), lock_(std::move(lock)) {}

  std::string path_;
  std::string lock_path_;
  UniqueFd lock_;
};

/// Makes a private directory (0700) at `path` where there is none; refuses a link, and one that belongs to
/// somebody else or that others may write to.
Status ensure_own_directory(const std::string& path);

/// The error of a system call that failed with `error` (errno) on the mirror's files.
Error mirror_file_error(const std::string& what, int error);

}  // namespace gitferry

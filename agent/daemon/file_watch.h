#pragma once

#include <optional>
#include <string>
#include <tuple>

#include <sys/types.h>

namespace gitferry::daemon {

/// Finds out that a file was changed or exchanged, by looking at it from time to time: what the name leads to
/// is looked at, since orchestrators exchange a whole directory behind a link.
///
/// Threading: one thread.
class FileWatch {
 public:
  /// What is there now counts as known.
  explicit FileWatch(std::string path);

  /// Whether there is a readable file that is not the one known, and that was the same at the look before:
  /// one that is being written would be taken up by half.
  [[nodiscard]] bool look();
  /// Takes what is there now for known. Before reading the file: what is written during that is news.
  void know();

 private:
  /// Device, inode, size, and time of the last change.
  using Stamp = std::tuple<dev_t, ino_t, off_t, time_t, long>;
  [[nodiscard]] std::optional<Stamp> stamp() const;

  std::string path_;
  std::optional<Stamp> known_;
  std::optional<Stamp> last_seen_;
};

}  // namespace gitferry::daemon

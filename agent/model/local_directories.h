#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"

namespace gitferry {

/// Where repositories on this machine may be: everywhere, unless directories are named. By components of a
/// path, not by its text: `/srv/git` has `/srv/git/x` below it and `/srv/gitlab` not.
///
/// It looks at paths alone, never at the disk: where symbolic links lead is known when a repository is opened
/// (agent/git/local_repository.h).
class LocalDirectories {
 public:
  /// Everywhere.
  LocalDirectories() = default;
  /// These and what is below them; none: nowhere. ConfigurationInvalid names one that is no absolute path, or
  /// has `..` in it.
  static Result<LocalDirectories> below(const std::vector<std::string>& directories);

  /// Whether an absolute path is one of the directories or below one. What has `..` in it is not.
  [[nodiscard]] bool allows(std::string_view path) const;
  /// Without `.`, empty parts and a '/' at the end; nullptr: everywhere.
  [[nodiscard]] const std::vector<std::string>* named() const {
    return directories_ ? &*directories_ : nullptr;
  }

  bool operator==(const LocalDirectories&) const = default;

 private:
  std::optional<std::vector<std::string>> directories_;
};

/// Whether `path` is `directory` or below it; both without `.`, `..` and empty parts.
bool is_within(std::string_view path, std::string_view directory);

}  // namespace gitferry

#include "agent/model/local_directories.h"

#include <algorithm>

#include <fmt/format.h>

#include "agent/base/text.h"

namespace gitferry {
namespace {

/// `/a//./b/` as `/a/b`; nullopt: not absolute, or with `..`, whose meaning only the disk knows.
std::optional<std::string> plain_path(std::string_view path) {
  if (!path.starts_with('/') || path.find('\0') != std::string_view::npos) return std::nullopt;
  std::string plain;
  for (const auto part : split(path, '/')) {
    if (part == "..") return std::nullopt;
    if (part.empty() || part == ".") continue;
    plain += '/';
    plain += part;
  }
  return plain.empty() ? "/" : plain;
}

}  // namespace

bool is_within(std::string_view path, std::string_view directory) {
  if (directory == "/") return path.starts_with('/');
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

Result<LocalDirectories> LocalDirectories::below(const std::vector<std::string>& directories) {
  LocalDirectories made;
  auto& named = made.directories_.emplace();
  named.reserve(directories.size());
  for (const auto& directory : directories) {
    auto plain = plain_path(directory);
    if (!plain)
      return fail(ErrorCode::ConfigurationInvalid,
                  fmt::format("'{}' is no absolute path without '..'", shortened(directory, 200)),
                  "for example: /srv/git");
    named.push_back(std::move(*plain));
  }
  return made;
}

bool LocalDirectories::allows(std::string_view path) const {
  if (!directories_) return true;
  const auto plain = plain_path(path);
  return plain && std::any_of(directories_->begin(), directories_->end(),
                              [&](const std::string& directory) { return is_within(*plain, directory); });
}

}  // namespace gitferry

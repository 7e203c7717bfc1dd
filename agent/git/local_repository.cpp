#include "agent/git/local_repository.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

namespace gitferry {
namespace {

// In the order of git's enter_repo().
constexpr std::array<const char*, 4> kSuffixes{"/.git", "", ".git/.git", ".git"};

bool has(const UniqueFd& directory, const char* name) {
  struct stat found {};
  return ::fstatat(directory.get(), name, &found, AT_SYMLINK_NOFOLLOW) == 0;
}

/// Where an open directory is by the kernel's account, which no link can bend any more.
std::optional<std::string> place_of(const UniqueFd& directory) {
  std::error_code failed;
  auto place = std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", directory.get()), failed);
  if (failed) return std::nullopt;
  return place.string();
}

/// The named directories may be links themselves: whoever names them decides where they are.
bool is_in_one(const std::string& place, const LocalDirectories& directories) {
  const auto& named = *directories.named();
  return std::any_of(named.begin(), named.end(), [&](const std::string& directory) {
    std::error_code failed;
    const auto real = std::filesystem::canonical(directory, failed);
    return !failed && is_within(place, real.string());
  });
}

tl::unexpected<Error> leads_away(const std::string& path) {
  return fail(ErrorCode::AddressRefused,
              fmt::format("'{}': it leads out of the directories of network.local_directories", path),
              "name the directory there that it leads to, if that is meant");
}

}  // namespace

Result<UniqueFd> open_local_repository(const std::string& path, const LocalDirectories& directories) {
  if (!directories.allows(path)) return leads_away(path);
  bool is_denied = false;
  for (const auto* suffix : kSuffixes) {
    UniqueFd opened(::open((path + suffix).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    is_denied = is_denied || (!opened && (errno == EACCES || errno == EPERM));
    if (!opened) continue;
    // Where it is comes first: of what lies elsewhere not even this is told.
    const auto place = place_of(opened);
    if (!place || !is_in_one(*place, directories)) return leads_away(path);
    if (!has(opened, "HEAD") || !has(opened, "objects")) continue;
    if (has(opened, ".git")) return leads_away(path);  // git would go on by it
    return opened;
  }
  if (is_denied)
    return fail(ErrorCode::AccessDenied, fmt::format("'{}': permission denied", path),
                "give this user the rights on that repository");
  return fail(ErrorCode::RepositoryMissing, fmt::format("'{}': there is no git repository", path),
              "check the repository's address");
}

}  // namespace gitferry

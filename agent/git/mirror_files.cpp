#include "agent/git/mirror_files.h"

#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/crash_point.h"
#include "agent/base/unique_fd.h"
#include "agent/git/mirror_directory.h"

namespace gitferry {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHead = "ref: refs/heads/none\n";
/// The sizes bound what building a pack takes of memory.
constexpr std::string_view kConfig =
    "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"
    "[pack]\n\twindowMemory = 33554432\n\tdeltaCacheSize = 16777216\n";
/// Of a file that is compared or parsed: the manifest of ten thousand packs.
constexpr std::size_t kFileLimit = 1U << 20U;

tl::unexpected<Error> damaged(const std::string& path, const std::string& why) {
  return fail(ErrorCode::LocalRepositoryDamaged, fmt::format("the mirror '{}' is damaged: {}", path, why),
              "it is fetched anew by itself; remove it by hand where that fails");
}

Status write_file(const std::string& path, std::string_view bytes) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return fail(mirror_file_error("making '" + path + "'", errno));
  while (!bytes.empty()) {
    const auto written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail(mirror_file_error("writing '" + path + "'", errno));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(file.get()) != 0) return fail(mirror_file_error("writing '" + path + "'", errno));
  return {};
}

/// Unset where it cannot be read, or is no file.
std::optional<std::string> read_file(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  std::string bytes;
  std::array<char, 65536> some{};
  while (bytes.size() <= kFileLimit) {
    const auto count = ::read(file.get(), some.data(), some.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::nullopt;
    if (count == 0) return bytes;
    bytes.append(some.data(), static_cast<std::size_t>(count));
  }
  return std::nullopt;
}

/// The names in `directory` that are not among `expected`; unset where it cannot be read.
std::optional<std::vector<std::string>> other_entries(const std::string& directory,
                                                      const std::set<std::string>& expected) {
  std::vector<std::string> others;
  std::error_code failure;
  for (auto entry = fs::directory_iterator(directory, failure); !failure && entry != fs::directory_iterator();
       entry.increment(failure)) {
    if (auto name = entry->path().filename().string(); !expected.contains(name)) others.push_back(name);
  }
  return failure ? std::nullopt : std::optional(std::move(others));
}

bool is_directory(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

std::optional<std::uint64_t> file_size(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace

Status MirrorFiles::make() {
  for (const std::string_view part : {"/objects", "/objects/pack", "/refs"}) {
    if (auto made = ensure_own_directory(path_ + std::string(part)); !made) return made;
  }
  crash_point(CrashPoint::MirrorHalfMade);
  if (auto written = write_file(path_ + "/HEAD", kHead); !written) return written;
  if (auto written = write_file(config_file(), kConfig); !written) return written;
  return write({});
}

Status MirrorFiles::check_layout() const {
  struct Folder {
    std::string path;
    std::set<std::string> entries;
  };
  const std::string temporary = fs::path(manifest_file() + ".new").filename().string();
  const auto known = {Folder{path_, {"HEAD", "config", "refs", "objects", "gitferry-mirror", temporary}},
                      Folder{path_ + "/refs", {}}, Folder{objects_directory(), {"pack"}}};
  for (const auto& folder : known) {
    if (!is_directory(folder.path)) return damaged(path_, "'" + folder.path + "' is no directory");
    const auto others = other_entries(folder.path, folder.entries);
    if (!others) return damaged(path_, "'" + folder.path + "' cannot be read");
    if (!others->empty()) {
      return damaged(path_,
                     fmt::format("'{}' in '{}' is not of the agent's making", others->front(), folder.path));
    }
  }
  if (!is_directory(pack_directory())) return damaged(path_, "it has no directory of packs");
  if (read_file(path_ + "/HEAD") != kHead) return damaged(path_, "its HEAD is not as it was written");
  if (read_file(config_file()) != kConfig)
    return damaged(path_, "its configuration is not as it was written");
  return {};
}

Result<MirrorManifest> MirrorFiles::open() {
  std::error_code failure;
  if (fs::is_empty(path_, failure) && !failure) {
    if (auto made = make(); !made) return fail(made.error());
    crash_point(CrashPoint::MirrorMade);
  }
  if (auto checked = check_layout(); !checked) return fail(checked.error());
  const auto text = read_file(manifest_file());
  if (!text) return damaged(path_, "it was never made whole");
  auto manifest = MirrorManifest::parse(*text);
  if (!manifest) return damaged(path_, manifest.error().message);
  for (const auto& pack : manifest->packs) {
    const auto found = pack_named(pack.name);
    if (!found || found->pack_bytes != pack.pack_bytes || found->index_bytes != pack.index_bytes) {
      return damaged(path_, fmt::format("the pack {} is not what was written", pack.name));
    }
  }
  if (auto removed = remove_other_packs(*manifest); !removed) return fail(removed.error());
  return manifest;
}

Status MirrorFiles::write(const MirrorManifest& manifest) {
  const auto temporary = manifest_file() + ".new";
  ::unlink(temporary.c_str());  // what a crash left, or a link that would not be followed
  if (auto written = write_file(temporary, manifest.text()); !written) return written;
  crash_point(CrashPoint::ManifestWritten);
  if (::rename(temporary.c_str(), manifest_file().c_str()) != 0) {
    return fail(mirror_file_error("writing '" + manifest_file() + "'", errno));
  }
  crash_point(CrashPoint::ManifestReplaced);
  return {};
}

Result<MirrorManifest::Pack> MirrorFiles::pack_named(const std::string& name) const {
  const auto stem = pack_directory() + "/pack-" + name;
  const auto pack_bytes = file_size(stem + ".pack");
  const auto index_bytes = file_size(stem + ".idx");
  if (pack_bytes && index_bytes) return MirrorManifest::Pack{name, *pack_bytes, *index_bytes};
  return damaged(path_, fmt::format("the pack {} is missing", name));
}

Status MirrorFiles::remove_other_packs(const MirrorManifest& manifest) {
  std::set<std::string> kept;
  for (const auto& pack : manifest.packs) {
    kept.insert("pack-" + pack.name + ".pack");
    kept.insert("pack-" + pack.name + ".idx");
  }
  const auto others = other_entries(pack_directory(), kept);
  if (!others) return damaged(path_, "its directory of packs cannot be read");
  for (const auto& name : *others) {
    std::error_code failure;
    fs::remove_all(pack_directory() + "/" + name, failure);
    if (failure) return fail(mirror_file_error("removing '" + name + "'", failure.value()));
    crash_point(CrashPoint::MirrorPackRemoved);
  }
  return {};
}

}  // namespace gitferry

#include "agent/git/ssh_masters.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/base/crypto.h"
#include "agent/base/log.h"

namespace gitferry {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "gitferry-ssh-";
constexpr std::size_t kUniqueSize = 6;
constexpr std::size_t kIdentityDigits = 16;
constexpr std::size_t kCounterDigits = 8;
/// ssh binds the socket under a temporary name and links it then (mux.c): a dot and 16 characters more.
constexpr std::size_t kTemporarySize = 17;

tl::unexpected<Error> unusable(const std::string& path, std::string_view why) {
  return fail(ErrorCode::LocalPermission,
              fmt::format("no directory for ssh's sockets in '{}': {}", path, why),
              "let TMPDIR name a directory with a short path that gitferry may write to");
}

/// The directory, open and locked; none where another process holds it, or it is not one of ours.
UniqueFd lock_directory(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0 || status.st_uid != ::geteuid()) return {};
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return {};
  // Its remover may have had the lock before us.
  if (::fstat(fd.get(), &status) != 0 || status.st_nlink == 0) return {};
  return fd;
}

void remove_leftovers(const std::string& base) {
  std::error_code ignored;
  for (fs::directory_iterator entry(base, ignored), end; !ignored && entry != end; entry.increment(ignored)) {
    const auto path = entry->path();
    if (!path.filename().string().starts_with(kPrefix)) continue;
    std::error_code failed;
    if (const auto lock = lock_directory(path)) fs::remove_all(path, failed);
  }
}

/// Where everybody may write, only the sticky bit keeps others from putting their directory in ours' place.
bool is_safe_parent(const std::string& base) {
  struct stat status {};
  if (::stat(base.c_str(), &status) != 0) return false;
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) return false;
  return (status.st_mode & (S_IWGRP | S_IWOTH)) == 0 || (status.st_mode & S_ISVTX) != 0;
}

}  // namespace

Result<PrivateSocketDirectory> PrivateSocketDirectory::make(const std::string& base) {
  constexpr auto own_size = 1 + kPrefix.size() + kUniqueSize + 1 + kIdentityDigits + 1 + kCounterDigits;
  if (base.size() + own_size + kTemporarySize >= sizeof(sockaddr_un::sun_path)) {
    return unusable(base, "its path is too long for a socket");
  }
  if (!is_safe_parent(base)) return unusable(base, "it is missing, or others may replace what is in it");
  remove_leftovers(base);
  for (int attempt = 0; attempt < 3; ++attempt) {
    auto path = fmt::format("{}/{}{}", base, kPrefix, std::string(kUniqueSize, 'X'));
    if (::mkdtemp(path.data()) == nullptr) return unusable(base, std::generic_category().message(errno));
    if (auto lock = lock_directory(path)) return PrivateSocketDirectory(std::move(path), std::move(lock));
  }
  return unusable(base, "it could not be locked");
}

PrivateSocketDirectory::~PrivateSocketDirectory() {
  if (!lock_) return;
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

bool PrivateSocketDirectory::is_intact() const {
  struct stat ours {};
  struct stat found {};
  if (::fstat(lock_.get(), &ours) != 0 || ::lstat(path_.c_str(), &found) != 0) return false;
  return ours.st_dev == found.st_dev && ours.st_ino == found.st_ino && found.st_uid == ::geteuid() &&
         S_ISDIR(found.st_mode) && (found.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

SshMasters::SshMasters(Options options) : options_(std::move(options)) {
  if (options_.directory.empty()) {
    std::error_code failed;
    options_.directory = fs::temp_directory_path(failed).string();
  }
  while (options_.directory.size() > 1 && options_.directory.ends_with('/')) options_.directory.pop_back();
}

SshMasters::~SshMasters() {
  auto state = state_.lock();
  // The processes remove their sockets; the directory goes after them.
  state->masters.clear();
  state->retired.clear();
}

std::size_t SshMasters::size_for_test() {
  return state_.lock()->masters.size();
}

bool SshMasters::can_keep(State& state) const {
  if (!state.was_tried) {
    state.was_tried = true;
    auto made = PrivateSocketDirectory::make(options_.directory);
    if (made) {
      state.directory = std::make_unique<PrivateSocketDirectory>(std::move(*made));
    } else {
      log::warn("ssh connections are not kept between runs", {{"reason", made.error().text()}});
    }
  } else if (state.directory && !state.directory->is_intact()) {
    log::warn("ssh connections are not kept between runs",
              {{"reason", "the directory of their sockets was replaced or opened to others"},
               {"directory", state.directory->path()}});
    state.directory.reset();
  }
  return state.directory != nullptr;
}

SshMasters::MasterList SshMasters::make_room(State& state) const {
  MasterList leaving;
  for (auto entry = state.masters.begin(); entry != state.masters.end();) {
    if (entry->second->is_over()) {
      leaving.push_back(std::move(entry->second));
      entry = state.masters.erase(entry);
    } else {
      ++entry;
    }
  }
  std::erase_if(state.retired, [](const auto& master) { return master->is_over(); });
  if (state.masters.size() < options_.limit) return leaving;
  auto oldest = state.masters.end();
  for (auto entry = state.masters.begin(); entry != state.masters.end(); ++entry) {
    if (!entry->second->is_idle()) continue;
    if (oldest == state.masters.end() || entry->second->last_used() < oldest->second->last_used())
      oldest = entry;
  }
  if (oldest == state.masters.end()) return leaving;
  leaving.push_back(std::move(oldest->second));
  state.masters.erase(oldest);
  return leaving;
}

SshMaster::Use SshMasters::use(const std::string& identity, const SshMaster::Opening& opening) {
  MasterList leaving;  // they end after the lock is released
  auto state = state_.lock();
  if (!can_keep(*state)) return {};
  if (const auto found = state->masters.find(identity); found != state->masters.end()) {
    if (auto use = found->second->use()) return use;
    state->retired.push_back(std::move(found->second));
    state->masters.erase(found);
  }
  leaving = make_room(*state);
  if (state->masters.size() >= options_.limit) return {};
  auto socket = fmt::format("{}/{}-{}", state->directory->path(), identity.substr(0, kIdentityDigits),
                            ++state->made % 100'000'000);
  auto master = std::make_unique<SshMaster>(opening, std::move(socket), options_.reuse);
  auto use = master->use();
  state->masters.insert_or_assign(identity, std::move(master));
  return use;
}

}  // namespace gitferry

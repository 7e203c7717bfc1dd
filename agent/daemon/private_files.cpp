#include "agent/daemon/private_files.h"

#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/crypto.h"
#include "agent/base/log.h"
#include "agent/base/unique_fd.h"
#include "config/secret_source.h"

namespace gitferry::daemon {
namespace {

constexpr std::size_t kSecretBytes = 32;

std::string system_text(int error) {
  return std::generic_category().message(error);
}

Status write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail(ErrorCode::LocalPermission, system_text(errno));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(fd) != 0) return fail(ErrorCode::LocalPermission, system_text(errno));
  return {};
}

std::filesystem::path directory_of(const std::string& path) {
  const auto directory = std::filesystem::path(path).parent_path();
  return directory.empty() ? "." : directory;
}

Status make_directories_above(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(directory_of(path), error);
  if (!error) return {};
  return fail(ErrorCode::LocalPermission,
              "cannot make the directory '" + directory_of(path).string() + "': " + error.message());
}

/// A new name is durable only once its directory is: what the key encrypts must not outlive it.
Status sync_directory_of(const std::string& path) {
  const UniqueFd fd(::open(directory_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return fail(ErrorCode::LocalPermission, system_text(errno));
  return {};
}

Result<Secret> key_from(const Secret& digits, const std::string& path) {
  auto bytes = from_hex(digits.reveal());
  if (bytes && bytes->size() == kSecretBytes) return Secret(std::move(*bytes));
  return fail(ErrorCode::ConfigurationInvalid,
              "the key file '" + path + "' does not hold 64 hexadecimal digits", "restore it from a copy");
}

}  // namespace

Status ensure_private_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(ErrorCode::LocalPermission,
                "cannot make the directory '" + path + "': " + system_text(errno));
  std::string bare = path;  // a slash at the end would make the kernel follow a link in spite of O_NOFOLLOW
  while (bare.size() > 1 && bare.ends_with('/')) bare.pop_back();
  const UniqueFd fd(::open(bare.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0)
    return fail(ErrorCode::LocalConflict,
                "'" + path + "' is not a directory of its own: " + system_text(errno));
  if (status.st_uid != ::geteuid())
    return fail(ErrorCode::LocalPermission, "the directory '" + path + "' belongs to another user",
                "set sync.sync_dir to a directory of the agent's own");
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return fail(ErrorCode::LocalPermission, "the directory '" + path + "' can be written by others",
                "chmod 700 " + path);
  return {};
}

Result<MadeSecret> ensure_made_secret(const std::string& path) {
  MadeSecret made;
  made.path = path;
  if (auto above = make_directories_above(path); !above) return fail(std::move(above.error()));
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd && errno != EEXIST)
    return fail(ErrorCode::LocalPermission, "cannot make '" + path + "': " + system_text(errno));
  if (!fd) {
    auto secret = config::read_secret({path, ""}, config::process_environment());
    if (!secret) {
      // An empty one is what a crash between making and writing it leaves.
      if (secret.error().hint.empty()) secret.error().hint = "remove it; the next start makes a new one";
      return fail(std::move(secret.error()));
    }
    made.secret = std::move(*secret);
    return made;
  }
  made.is_new = true;
  made.secret = Secret(to_hex(random_bytes(kSecretBytes)));
  auto written = write_all(fd.get(), made.secret.reveal());
  if (written) written = sync_directory_of(path);
  if (!written) {
    ::unlink(path.c_str());
    return fail(ErrorCode::LocalPermission, "cannot write '" + path + "': " + written.error().message);
  }
  return made;
}

Status write_private_file(const std::string& path, const Secret& secret) {
  if (auto above = make_directories_above(path); !above) return above;
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd && errno != EEXIST)
    return fail(ErrorCode::LocalPermission, "cannot make '" + path + "': " + system_text(errno));
  if (!fd) {
    const auto present = config::read_secret({path, ""}, config::process_environment());
    if (present && equal_in_constant_time(present->reveal(), secret.reveal())) return {};
    return fail(ErrorCode::LocalConflict, "'" + path + "' is there already and holds something else",
                "move it away, or choose another directory");
  }
  if (auto written = write_all(fd.get(), secret.reveal()); !written) {
    ::unlink(path.c_str());
    return fail(ErrorCode::LocalPermission, "cannot write '" + path + "': " + written.error().message);
  }
  return sync_directory_of(path);
}

Result<MadeSecret> ensure_admin_token(const std::string& directory) {
  return ensure_made_secret(directory + "/admin-token");
}

Result<Secret> read_sealing_key(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) return Secret();
  auto read = config::read_secret({path, ""}, config::process_environment());
  if (read) return key_from(*read, path);
  if (read.error().hint.empty()) read.error().hint = "restore it from a copy";
  return fail(std::move(read.error()));
}

Result<Secret> ensure_sealing_key(const std::string& path) {
  const auto made = ensure_made_secret(path);
  if (!made) return fail(made.error());
  if (made->is_new)
    log::info("made the key that addresses and tokens of the API are encrypted with: keep a copy of it",
              {{"file", path}});
  return key_from(made->secret, path);
}

}  // namespace gitferry::daemon

#include "agent/daemon/private_files.h"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/crypto.h"
#include "agent/base/unique_fd.h"
#include "config/secret_source.h"

namespace gitferry::daemon {
namespace {

constexpr std::size_t kTokenBytes = 32;

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

Result<AdminToken> ensure_admin_token(const std::string& directory) {
  AdminToken token;
  token.path = directory + "/admin-token";
  const UniqueFd fd(::open(token.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd && errno != EEXIST)
    return fail(ErrorCode::LocalPermission, "cannot make '" + token.path + "': " + system_text(errno));
  if (!fd) {
    auto secret = config::read_secret({token.path, ""}, config::process_environment());
    if (!secret) {
      // An empty one is what a crash between making and writing it leaves.
      if (secret.error().hint.empty()) secret.error().hint = "remove it; the next start makes a new one";
      return fail(std::move(secret.error()));
    }
    token.secret = std::move(*secret);
    return token;
  }
  token.is_new = true;
  token.secret = Secret(to_hex(random_bytes(kTokenBytes)));
  if (auto written = write_all(fd.get(), token.secret.reveal()); !written) {
    ::unlink(token.path.c_str());
    return fail(ErrorCode::LocalPermission, "cannot write '" + token.path + "': " + written.error().message);
  }
  return token;
}

}  // namespace gitferry::daemon

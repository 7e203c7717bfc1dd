#include "config/secret_source.h"

#include <cstdlib>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>

#include "agent/base/private_file.h"
#include "agent/base/unique_fd.h"

namespace gitferry::config {
namespace {

constexpr std::size_t kSecretLimit = 64 * 1024;

tl::unexpected<Error> invalid(std::string message, std::string hint = {}) {
  return fail(ErrorCode::ConfigurationInvalid, std::move(message), std::move(hint));
}

std::string system_text(int error) {
  return std::generic_category().message(error);
}

Result<std::string> read_private_file(const std::string& path) {
  // Links are followed: secret mounts of orchestrators are made of them. O_NONBLOCK: a FIFO must not hang us.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return invalid("cannot read the secret file '" + path + "': " + system_text(errno));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return invalid("cannot read the secret file '" + path + "'");
  if (!S_ISREG(status.st_mode)) return invalid("the secret file '" + path + "' is not a regular file");
  if (!is_private(status))
    return invalid("the secret file '" + path + "' can be read by others", "chmod 600 " + path);
  std::string bytes(kSecretLimit + 1, '\0');
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t got = ::read(fd.get(), bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return invalid("cannot read the secret file '" + path + "': " + system_text(errno));
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  bytes.resize(filled);
  if (bytes.size() > kSecretLimit) return invalid("the secret file '" + path + "' is larger than 64 KiB");
  return bytes;
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nobody calls setenv
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
}

std::string name_of(const SecretSource& source) {
  return source.file.empty() ? "the environment variable " + source.env
                             : "the secret file '" + source.file + "'";
}

Result<Secret> read_secret(const SecretSource& source, const Environment& environment) {
  const std::string shown = name_of(source);
  std::string bytes;
  if (!source.file.empty()) {
    auto content = read_private_file(source.file);
    if (!content) return fail(std::move(content.error()));
    bytes = std::move(*content);
  } else {
    auto value = environment(source.env);
    if (!value) return invalid(shown + " is not set");
    bytes = std::move(*value);
  }
  if (bytes.ends_with('\n')) bytes.pop_back();
  if (bytes.ends_with('\r')) bytes.pop_back();
  if (bytes.empty()) return invalid(shown + " is empty");
  return Secret(std::move(bytes));
}

}  // namespace gitferry::config

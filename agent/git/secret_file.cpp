#include "agent/git/secret_file.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/private_file.h"

namespace gitferry {
namespace {

constexpr std::size_t kSecretLimit = 64 * 1024;
constexpr const char* kOnlyThePassword = "name a file that holds the password and nothing else";

tl::unexpected<Error> unusable(std::string_view where, std::string_view source, std::string_view why,
                               std::string hint) {
  return fail(ErrorCode::AuthenticationFailed, fmt::format("{}: {} was not used: {}", where, source, why),
              std::move(hint));
}

Result<Secret> read_secret_file(std::string_view where, const std::string& path) {
  const auto source = fmt::format("the password file '{}'", path);
  const auto file = open_regular_file(where, source, path, FileAccess::OwnerOnly);
  if (!file) return fail(file.error());
  std::string bytes;
  std::array<char, 4096> chunk{};
  for (;;) {
    const auto count = ::read(file->get(), chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return unusable(where, source, std::generic_category().message(errno), "check the file");
    if (count == 0) break;
    bytes.append(chunk.data(), static_cast<std::size_t>(count));
    if (bytes.size() > kSecretLimit)
      return unusable(where, source, "it is larger than 64 KiB", kOnlyThePassword);
  }
  if (bytes.ends_with('\n')) bytes.pop_back();
  if (bytes.ends_with('\r')) bytes.pop_back();
  if (bytes.empty() || bytes.find_first_of(std::string_view("\0\r\n", 3)) != std::string::npos) {
    return unusable(where, source, "it is empty or has more than one line", kOnlyThePassword);
  }
  return Secret(std::move(bytes));
}

Result<Secret> read_secret_variable(std::string_view where, const std::string& name) {
  const char* value =
      std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nothing here changes the environment
  if (value == nullptr || *value == '\0') {
    return unusable(where, fmt::format("the variable '{}'", name), "it is not set",
                    "set it in gitferry's environment");
  }
  return Secret(value);
}

}  // namespace

Result<UniqueFd> open_regular_file(std::string_view where, std::string_view source, const std::string& path,
                                   FileAccess access) {
  // Not blocking: a named pipe would otherwise hold the worker for ever.
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) {
    return unusable(where, source, std::generic_category().message(errno),
                    "check the path and its permissions");
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return unusable(where, source, "it is no regular file", "name a regular file");
  }
  if (access == FileAccess::OwnerOnly && !is_private(status)) {
    return unusable(where, source, "other users may read or change it",
                    fmt::format("run: chmod 600 '{}'", path));
  }
  return file;
}

Result<Secret> read_secret(std::string_view where, const SecretPlace& place) {
  return place.file.empty() ? read_secret_variable(where, place.variable)
                            : read_secret_file(where, place.file);
}

}  // namespace gitferry

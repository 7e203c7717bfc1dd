#include "agent/git/credentials.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/unique_fd.h"

namespace gitferry {
namespace {

constexpr std::size_t kSecretLimit = 64 * 1024;

tl::unexpected<Error> unreadable(std::string_view source, std::string_view why, std::string hint) {
  return fail(ErrorCode::AuthenticationFailed, fmt::format("credentials: {} was not used: {}", source, why),
              std::move(hint));
}

Result<Secret> read_secret_file(const std::string& path) {
  const auto source = fmt::format("the password file '{}'", path);
  // Not blocking: a named pipe would otherwise hold the worker for ever.
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file)
    return unreadable(source, std::generic_category().message(errno), "check the path and its permissions");
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return unreadable(source, "it is no regular file",
                      "name a file that holds the password and nothing else");
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return unreadable(source, "other users may read or change it", fmt::format("run: chmod 600 '{}'", path));
  }
  std::string bytes;
  std::array<char, 4096> chunk{};
  for (;;) {
    const auto count = ::read(file.get(), chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return unreadable(source, std::generic_category().message(errno), "check the file");
    if (count == 0) break;
    bytes.append(chunk.data(), static_cast<std::size_t>(count));
    if (bytes.size() > kSecretLimit) {
      return unreadable(source, "it is larger than 64 KiB",
                        "name a file that holds the password and nothing else");
    }
  }
  if (bytes.ends_with('\n')) bytes.pop_back();
  if (bytes.ends_with('\r')) bytes.pop_back();
  if (bytes.empty() || bytes.find_first_of(std::string_view("\0\r\n", 3)) != std::string::npos) {
    return unreadable(source, "it is empty or has more than one line",
                      "name a file that holds the password and nothing else");
  }
  return Secret(std::move(bytes));
}

Result<Secret> read_secret_variable(const std::string& name) {
  const char* value =
      std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nothing here changes the environment
  if (value == nullptr || *value == '\0') {
    return unreadable(fmt::format("the variable '{}'", name), "it is not set",
                      "set it in gitferry's environment");
  }
  return Secret(value);
}

/// The address that a `match` is, with its path stripped of '/' at the end; a bare host is a prefix too.
Result<RemoteUrl> parse_prefix(std::string text) {
  // The validator wants a path; with this one every host alone becomes an address.
  constexpr std::string_view any_path = "/x";
  const auto scheme_end = text.find("://");
  const auto slash = scheme_end == std::string::npos ? scheme_end : text.find('/', scheme_end + 3);
  const bool is_bare =
      scheme_end != std::string::npos && (slash == std::string::npos || slash + 1 == text.size());
  if (is_bare) text = text.substr(0, slash).append(any_path);
  auto parsed = parse_remote_url(text, any_scheme());
  if (!parsed) return fail(std::move(parsed.error()));
  if (!parsed->username.empty() || !parsed->password.empty()) {
    return fail(ErrorCode::ConfigurationInvalid, "it holds user info", "use username and password_file");
  }
  auto url = std::move(parsed->url);
  if (is_bare) url.path.clear();
  while (url.path.ends_with('/')) url.path.pop_back();
  return url;
}

bool is_within(const RemoteUrl& url, const RemoteUrl& prefix) {
  if (url.scheme != prefix.scheme || url.host != prefix.host || url.port != prefix.port) return false;
  if (!prefix.user.empty() && prefix.user != url.user) return false;
  // scp-like paths are relative; a prefix is written with a URL's leading '/' or without.
  std::string_view path = url.path;
  std::string_view start = prefix.path;
  if (path.starts_with('/')) path.remove_prefix(1);
  if (start.starts_with('/')) start.remove_prefix(1);
  if (start.empty()) return true;
  return path.starts_with(start) && (path.size() == start.size() || path[start.size()] == '/');
}

/// The longer path wins; of two equal ones, that which names the login.
std::pair<std::size_t, bool> specificity(const RemoteUrl& prefix) {
  return {prefix.path.size(), !prefix.user.empty()};
}

}  // namespace

Result<Credentials> Credentials::from(const std::vector<CredentialRule>& rules) {
  Credentials credentials;
  for (const auto& rule : rules) {
    auto prefix = parse_prefix(rule.match);
    if (!prefix) {
      return fail(ErrorCode::ConfigurationInvalid,
                  fmt::format("credentials: the match of entry {} is no address prefix: {}",
                              credentials.entries_.size() + 1, prefix.error().message),
                  "write it as https://host/owner/ or ssh://git@host/");
    }
    credentials.entries_.push_back({std::move(*prefix), rule});
  }
  return credentials;
}

Result<std::optional<Credential>> Credentials::find(const RemoteUrl& url) const {
  const Entry* best = nullptr;
  for (const auto& entry : entries_) {
    if (!is_within(url, entry.prefix)) continue;
    if (best == nullptr || specificity(entry.prefix) > specificity(best->prefix)) best = &entry;
  }
  if (best == nullptr) return std::nullopt;
  const auto& rule = best->rule;
  Credential credential{rule.username, {}, rule.key_file, rule.known_hosts_file};
  if (!rule.password_file.empty() || !rule.password_env.empty()) {
    auto secret = rule.password_file.empty() ? read_secret_variable(rule.password_env)
                                             : read_secret_file(rule.password_file);
    if (!secret) return fail(std::move(secret.error()));
    credential.password = std::move(*secret);
  }
  return credential;
}

}  // namespace gitferry

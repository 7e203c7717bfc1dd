#include "agent/git/ssh_settings.h"

#include <array>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/crypto.h"
#include "agent/base/text.h"
#include "agent/git/child_process.h"
#include "agent/git/service_exit.h"

namespace gitferry {
namespace {

constexpr std::size_t kSettingsLimit = 256 * 1024;
constexpr std::uint16_t kSshPort = 22;

/// The user's home directory as ssh knows it: from the user database, whatever $HOME says.
std::string home_directory() {
  std::array<char, 4096> room{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::geteuid(), &entry, room.data(), room.size(), &found) != 0 || found == nullptr) return {};
  return entry.pw_dir;
}

std::string with_home(std::string_view path) {
  if (path != "~" && !path.starts_with("~/")) return std::string(path);
  return home_directory() + std::string(path.substr(1));
}

void add_files(std::vector<std::string>& files, std::string_view value) {
  for (const auto word : split(value, ' ')) {
    if (!word.empty() && word != "none" && word != "/dev/null") files.push_back(with_home(word));
  }
}

void take(SshSettings& settings, std::string_view key, std::string_view value) {
  if (key == "hostname") settings.hostname = to_lower(value);
  if (key == "user") settings.user = value;
  if (key == "port") settings.port = static_cast<std::uint16_t>(parse_number(value).value_or(kSshPort));
  if ((key == "proxyjump" || key == "proxycommand") && value != "none") settings.is_proxied = true;
  if (key == "hostkeyalias") settings.host_key_alias = value;
  if (key == "identityfile" && value != "none") settings.key_files.push_back(with_home(value));
  if (key == "certificatefile" && value != "none") settings.certificate_files.push_back(with_home(value));
  if (key == "userknownhostsfile") add_files(settings.known_hosts_files, value);
}

/// What changes when a file is written or replaced; whether it is there at all.
std::string state_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return fmt::format("{}\n-\n", path);
  return fmt::format("{}\n{} {} {} {}.{} {}.{}\n", path, status.st_dev, status.st_ino, status.st_size,
                     status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
                     status.st_ctim.tv_nsec);
}

}  // namespace

SshSettings parse_ssh_settings(std::string text) {
  SshSettings settings;
  std::string_view global;
  for (const auto line : split(text, '\n')) {
    const auto space = line.find(' ');
    if (space == std::string_view::npos) continue;
    const auto key = line.substr(0, space);
    const auto value = trim(line.substr(space + 1));
    if (key == "globalknownhostsfile") global = value;
    take(settings, key, value);
  }
  add_files(settings.known_hosts_files, global);
  settings.text = std::move(text);
  return settings;
}

Result<SshSettings> ask_ssh_settings(const std::vector<std::string>& options, const std::string& destination,
                                     std::string_view what, const Waiting& waiting) {
  std::vector<std::string> argv{"ssh", "-G"};
  argv.insert(argv.end(), options.begin(), options.end());
  argv.insert(argv.end(), {"--", destination});
  auto answer = output_of_command(argv, what, waiting, kSettingsLimit);
  if (!answer) return fail(std::move(answer.error()));
  return parse_ssh_settings(std::move(*answer));
}

std::string ssh_identity_digest(const SshSettings& settings) {
  auto all = settings.text;
  for (const auto& file : settings.key_files) {
    all += state_of(file) + state_of(file + ".pub") + state_of(file + "-cert.pub");
  }
  for (const auto& file : settings.certificate_files) all += state_of(file);
  for (const auto& file : settings.known_hosts_files) all += state_of(file);
  const char* agent =
      std::getenv("SSH_AUTH_SOCK");  // NOLINT(concurrency-mt-unsafe): nothing here changes the environment
  if (agent != nullptr) all += state_of(agent);
  return to_hex(sha256(all));
}

Result<std::string> output_of_command(const std::vector<std::string>& argv, std::string_view what,
                                      const Waiting& waiting, std::size_t limit) {
  auto child = ChildProcess::start({argv, ssh_environment(), std::string(what)}, waiting);
  if (!child) return fail(std::move(child.error()));
  (*child)->close_stdin();
  std::string output;
  std::array<char, 16384> chunk{};
  for (;;) {
    const auto count = (*child)->read(chunk);
    if (!count) return fail(count.error());
    if (*count == 0) break;
    output.append(chunk.data(), *count);
    if (output.size() > limit) {
      return fail(ErrorCode::GitFailed,
                  fmt::format("{}: '{}' says more than {} bytes", what, argv[0], limit));
    }
  }
  const auto exit = (*child)->wait_for_exit();
  if (exit.status == 0) return output;
  const auto said = last_line(exit.errors);
  return fail(ErrorCode::GitFailed,
              fmt::format("{}: '{}' failed{}{}", what, argv[0], said.empty() ? "" : ": ", said),
              "check the ssh configuration of the user that gitferry runs as");
}

std::vector<std::string> ssh_environment() {
  auto environment = basic_child_environment();
  for (const auto* name : {"HOME", "USER", "LOGNAME", "SSH_AUTH_SOCK"}) {
    const char* value =
        std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing here changes the environment
    if (value != nullptr) environment.push_back(fmt::format("{}={}", name, value));
  }
  return environment;
}

std::string known_hosts_name(std::string_view host, std::uint16_t port) {
  return port == kSshPort || port == 0 ? std::string(host) : fmt::format("[{}]:{}", host, port);
}

}  // namespace gitferry

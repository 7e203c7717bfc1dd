#include "agent/git/ssh_transport.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "agent/base/crypto.h"
#include "agent/git/ssh_address.h"
#include "agent/git/ssh_connection.h"

namespace gitferry {
namespace {

using std::chrono::seconds;

constexpr seconds kSettingsAge{60};
constexpr std::size_t kSettingsKept = 256;
/// Questions to a host that does not answer, before ssh gives the connection up.
constexpr int kAliveQuestions = 2;

std::int64_t whole_seconds(std::chrono::milliseconds time) {
  return std::max<std::int64_t>(1, std::chrono::ceil<seconds>(time).count());
}

SshPlace place_of(const Remote& remote, const SshSettings& settings, std::string what) {
  SshPlace place;
  place.what = std::move(what);
  place.host = settings.hostname;
  place.port = settings.port;
  place.host_key_alias = settings.host_key_alias;
  place.key_files = settings.key_files;
  if (remote.credential && !remote.credential->key_file.empty()) {
    place.is_key_configured = true;
    place.key_files = {remote.credential->key_file};
  }
  if (!settings.known_hosts_files.empty()) {
    place.known_hosts_file = settings.known_hosts_files.front();
  }
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here changes the environment
  place.has_agent = std::getenv("SSH_AUTH_SOCK") != nullptr;
  return place;
}

/// The user name and the port are in the settings; the options, of which they are made, are besides.
std::string identity_of(const SshCall& call, const SshSettings& settings) {
  auto all = ssh_identity_digest(settings) + '\n' + call.destination;
  for (const auto& option : call.options) all.append("\n").append(option);
  return to_hex(sha256(all));
}

}  // namespace

std::string quoted_for_shell(std::string_view word) {
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'' || c == '!') {
      out += "'\\";
      out += c;
      out += '\'';
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::vector<std::string> ssh_options(const Remote& remote, const TransferLimits& limits,
                                     const std::string& config_file) {
  std::vector<std::string> argv;
  const auto option = [&argv](std::string text) {
    argv.emplace_back("-o");
    argv.push_back(std::move(text));
  };
  if (!config_file.empty()) {
    argv.emplace_back("-F");
    argv.push_back(config_file);
  }
  argv.insert(argv.end(), {"-T", "-a", "-x"});
  option("BatchMode=yes");
  option("StrictHostKeyChecking=yes");
  option("UpdateHostKeys=no");
  option("PermitLocalCommand=no");
  option("RemoteCommand=none");
  option("ClearAllForwardings=yes");
  // Its words on stderr are how we know what happened.
  option("LogLevel=INFO");
  // Also where it is not asked for now: a shared connection sends what it was opened to send.
  option("SendEnv=GIT_PROTOCOL");
  option(fmt::format("ConnectTimeout={}", whole_seconds(limits.connect)));
  option(fmt::format("ServerAliveInterval={}", whole_seconds(limits.stall / (kAliveQuestions + 1))));
  option(fmt::format("ServerAliveCountMax={}", kAliveQuestions));
  if (remote.credential && !remote.credential->key_file.empty()) {
    argv.emplace_back("-i");
    argv.push_back(remote.credential->key_file);
    option("IdentitiesOnly=yes");
  }
  if (remote.credential && !remote.credential->known_hosts_file.empty()) {
    option("UserKnownHostsFile=\"" + remote.credential->known_hosts_file + "\"");
    option("GlobalKnownHostsFile=/dev/null");
  }
  if (remote.url.port != 0) {
    argv.emplace_back("-p");
    argv.push_back(std::to_string(remote.url.port));
  }
  return argv;
}

std::string ssh_destination(const Remote& remote) {
  return remote.url.user.empty() ? remote.url.host : remote.url.user + "@" + remote.url.host;
}

std::string ssh_command(const Remote& remote, GitService service) {
  // `/~user/x` is git's way to write a home directory in a URL.
  std::string_view path = remote.url.path;
  if (path.starts_with("/~")) path.remove_prefix(1);
  return fmt::format("{} {}", name_of(service), quoted_for_shell(path));
}

SshTransport::SshTransport(SshOptions options) : options_(std::move(options)) {}

Result<SshSettings> SshTransport::settings_of(const std::vector<std::string>& options,
                                              const std::string& destination, const std::string& what,
                                              const Waiting& waiting) {
  const auto now = std::chrono::steady_clock::now();
  auto key = options;
  key.push_back(destination);
  if (const auto known = settings_.find(key);
      known != settings_.end() && now - known->second.asked_at < kSettingsAge) {
    return known->second.settings;
  }
  auto asked = ask_ssh_settings(options, destination, what, waiting);
  if (!asked) return asked;
  if (settings_.size() >= kSettingsKept) settings_.clear();
  settings_.insert_or_assign(std::move(key), KnownSettings{*asked, now});
  return asked;
}

Result<std::unique_ptr<Connection>> SshTransport::connect(const Remote& remote, GitService service,
                                                          int protocol_version, const Waiting& waiting) {
  SshCall call{ssh_options(remote, waiting.limits, options_.config_file), ssh_destination(remote),
               fmt::format("{} of '{}'", name_of(service), remote.url.str())};
  auto settings = settings_of(call.options, call.destination, call.what, waiting);
  if (!settings) return fail(std::move(settings.error()));
  // ssh -G does not tell one path with a space from two.
  if (remote.credential && !remote.credential->known_hosts_file.empty()) {
    settings->known_hosts_files = {remote.credential->known_hosts_file};
  }
  SshConnection::Request request;
  request.destination = call.destination;
  request.command = ssh_command(remote, service);
  request.asks_for_v2 = protocol_version == 2 && service == GitService::UploadPack;
  request.place = place_of(remote, *settings, call.what);
  if (options_.masters) request.identity = identity_of(call, *settings);
  request.options = [call = std::move(call), settings = *settings,
                     policy = options_.addresses](const Waiting& limits) -> Result<std::vector<std::string>> {
    auto options = checked_address_options(call, settings, policy, limits);
    if (!options) return options;
    options->insert(options->end(), call.options.begin(), call.options.end());
    return options;
  };
  return std::make_unique<SshConnection>(std::move(request), options_.masters, waiting);
}

}  // namespace gitferry

#include "agent/git/ssh_transport.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <future>
#include <memory>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <netdb.h>

#include "agent/base/text.h"
#include "agent/git/pipe_connection.h"
#include "agent/git/service_exit.h"

namespace gitferry {
namespace {

using std::chrono::seconds;

// Texts of OpenSSH's client (ssh.c, sshconnect.c, sshconnect2.c, packet.c).
constexpr std::array kMeanings{
    Meaning{
        "host key verification failed", ErrorCode::SshKeyRefused,
        "put the host's key into known_hosts (known_hosts_file of its credentials entry), after checking it"},
    Meaning{"remote host identification has changed", ErrorCode::SshKeyRefused,
            "the host's key is another than known_hosts says: find out why before you replace it there"},
    Meaning{"permission denied (", ErrorCode::SshKeyRefused,
            "add our public key to that host's user, or name another key_file in credentials"},
    Meaning{"too many authentication failures", ErrorCode::SshKeyRefused,
            "name the one key_file for this host in credentials"},
    Meaning{"unprotected private key file", ErrorCode::SshKeyRefused,
            "make the private key readable by its owner only"},
    Meaning{"could not resolve hostname", ErrorCode::HostUnresolved,
            "check the address and the name server of this machine"},
    Meaning{"connection timed out", ErrorCode::Timeout, "check that the host can be reached from here"},
    Meaning{"operation timed out", ErrorCode::Timeout, "check that the host can be reached from here"},
    Meaning{"timeout, server", ErrorCode::Timeout, "the host stopped answering"},
    Meaning{"connection refused", ErrorCode::ConnectionFailed, "check that the host's ssh port is open"},
};

/// ssh finds its agent and its configuration by these.
std::vector<std::string> ssh_environment(bool asks_for_v2) {
  auto environment = basic_child_environment();
  for (const auto* name : {"HOME", "USER", "LOGNAME", "SSH_AUTH_SOCK"}) {
    const char* value =
        std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing here changes the environment
    if (value != nullptr) environment.push_back(fmt::format("{}={}", name, value));
  }
  if (asks_for_v2) environment.emplace_back("GIT_PROTOCOL=version=2");
  return environment;
}

struct AddressListDeleter {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

std::vector<IpAddress> resolve(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, AddressListDeleter> list(found);
  std::vector<IpAddress> addresses;
  for (const auto* entry = list.get(); entry != nullptr; entry = entry->ai_next) {
    if (const auto address = ip_address_of(entry->ai_addr)) addresses.push_back(*address);
  }
  return addresses;
}

/// A name that does not resolve is left to ssh, whose configuration may know it.
Status check_addresses(const std::string& host, const AddressPolicy& policy, const std::string& what,
                       std::chrono::milliseconds limit) {
  // getaddrinfo() knows no time limit: past ours its thread ends alone, with nothing of ours in its hands.
  auto promise = std::make_shared<std::promise<std::vector<IpAddress>>>();
  auto answer = promise->get_future();
  std::thread([promise, host] {
    try {
      promise->set_value(resolve(host));
    } catch (...) {
      promise->set_exception(std::current_exception());
    }
  }).detach();
  if (answer.wait_for(limit) != std::future_status::ready) {
    return fail(ErrorCode::HostUnresolved, what + ": the host's name was not resolved in time",
                "check the name server of this machine");
  }
  for (const auto& address : answer.get()) {
    if (!policy.allows(address)) return fail(refused_address(what, address));
  }
  return {};
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

std::vector<std::string> ssh_arguments(const Remote& remote, GitService service, bool asks_for_v2,
                                       const TransferLimits& limits, const std::string& config_file) {
  const auto connect_s = std::max<std::int64_t>(1, std::chrono::ceil<seconds>(limits.connect).count());
  std::vector<std::string> argv{"ssh"};
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
  option("PermitLocalCommand=no");
  option("ClearAllForwardings=yes");
  option(fmt::format("ConnectTimeout={}", connect_s));
  if (asks_for_v2) option("SendEnv=GIT_PROTOCOL");
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
  argv.emplace_back("--");
  argv.push_back(remote.url.user.empty() ? remote.url.host : remote.url.user + "@" + remote.url.host);
  // `/~user/x` is git's way to write a home directory in a URL.
  std::string_view path = remote.url.path;
  if (path.starts_with("/~")) path.remove_prefix(1);
  argv.push_back(fmt::format("{} {}", name_of(service), quoted_for_shell(path)));
  return argv;
}

Error explain_ssh_exit(std::string_view what, const ChildExit& exit) {
  if (const auto* meaning = meaning_of(exit.errors, kMeanings)) {
    return {meaning->code,
            fmt::format("{}: ssh: {}", what, last_line(exit.errors)),
            std::string(meaning->hint),
            {}};
  }
  return explain_service_exit(what, exit);
}

SshTransport::SshTransport(SshOptions options) : options_(std::move(options)) {}

Result<std::unique_ptr<Connection>> SshTransport::connect(const Remote& remote, GitService service,
                                                          int protocol_version, const Waiting& waiting) {
  const bool asks_for_v2 = protocol_version == 2 && service == GitService::UploadPack;
  ChildCommand command;
  command.what = fmt::format("{} of '{}'", name_of(service), remote.url.str());
  if (auto checked =
          check_addresses(remote.url.host, options_.addresses, command.what, waiting.limits.connect);
      !checked) {
    return fail(std::move(checked.error()));
  }
  command.argv = ssh_arguments(remote, service, asks_for_v2, waiting.limits, options_.config_file);
  command.environment = ssh_environment(asks_for_v2);
  auto explain = [what = command.what](const ChildExit& exit) { return explain_ssh_exit(what, exit); };
  return std::make_unique<PipeConnection>(std::move(command), std::move(explain), waiting);
}

}  // namespace gitferry

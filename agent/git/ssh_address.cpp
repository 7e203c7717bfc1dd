#include "agent/git/ssh_address.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "agent/base/text.h"
#include "agent/base/unique_fd.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kKnownHostsAnswerLimit = 1024 * 1024;

struct AddressListDeleter {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

/// An address with its port, for connect().
struct Endpoint {
  sockaddr_storage address{};
  socklen_t size = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
  /// For HostName, where a zone's '%' would begin a token.
  [[nodiscard]] std::string text() const {
    std::array<char, NI_MAXHOST> host{};
    ::getnameinfo(get(), size, host.data(), host.size(), nullptr, 0, NI_NUMERICHOST);
    std::string text = host.data();
    if (const auto zone = text.find('%'); zone != std::string::npos) text.insert(zone, "%");
    return text;
  }
};

/// In the order in which they should be tried (RFC 6724).
std::vector<Endpoint> resolve(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, AddressListDeleter> list(found);
  std::vector<Endpoint> endpoints;
  for (const auto* entry = list.get(); entry != nullptr; entry = entry->ai_next) {
    Endpoint endpoint;
    std::memcpy(&endpoint.address, entry->ai_addr, entry->ai_addrlen);
    endpoint.size = entry->ai_addrlen;
    endpoints.push_back(endpoint);
  }
  return endpoints;
}

Result<std::vector<Endpoint>> resolve_in_time(const SshSettings& settings, const std::string& what,
                                              const Waiting& waiting) {
  // getaddrinfo() knows no time limit: past ours its thread ends alone, with nothing of ours in its hands.
  auto promise = std::make_shared<std::promise<std::vector<Endpoint>>>();
  auto answer = promise->get_future();
  std::thread([promise, host = settings.hostname, port = settings.port] {
    try {
      promise->set_value(resolve(host, port));
    } catch (...) {
      promise->set_exception(std::current_exception());
    }
  }).detach();
  if (answer.wait_for(waiting.limits.connect) != std::future_status::ready) {
    return fail(ErrorCode::HostUnresolved, what + ": the host's name was not resolved in time",
                "check the name server of this machine");
  }
  auto endpoints = answer.get();
  if (!endpoints.empty()) return endpoints;
  return fail(ErrorCode::HostUnresolved,
              fmt::format("{}: the host's name '{}' could not be resolved", what, settings.hostname),
              "check the address and the name server of this machine");
}

bool takes_connection(const Endpoint& endpoint, milliseconds limit) {
  const UniqueFd fd(
      ::socket(endpoint.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  if (!fd) return false;
  if (::connect(fd.get(), endpoint.get(), endpoint.size) == 0) return true;
  if (errno != EINPROGRESS) return false;
  pollfd ready{fd.get(), POLLOUT, 0};
  if (::poll(&ready, 1, static_cast<int>(limit.count())) != 1) return false;
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

/// ssh would try one address after the other; with one pinned, that is done here.
const Endpoint* first_reachable(const std::vector<Endpoint>& endpoints, const Waiting& waiting) {
  if (endpoints.size() == 1) return endpoints.data();
  const auto share = std::max(milliseconds{1}, waiting.limits.connect / static_cast<int>(endpoints.size()));
  for (const auto& endpoint : endpoints) {
    if (waiting.stop.stop_requested()) return nullptr;
    if (takes_connection(endpoint, share)) return &endpoint;
  }
  return nullptr;
}

/// Which lines of known_hosts are meant: those with a host's own key, or those of authorities as well.
enum class KnownLines { Keys, KeysAndAuthorities };

bool knows(const std::string& name, KnownLines lines, const SshSettings& settings, const SshCall& call,
           const Waiting& waiting) {
  for (const auto& file : settings.known_hosts_files) {
    const auto answer =
        output_of_command({"ssh-keygen", "-F", name, "-f", file}, call.what, waiting, kKnownHostsAnswerLimit);
    if (!answer) continue;
    for (const auto line : split(*answer, '\n')) {
      if (line.empty() || line.starts_with('#')) continue;
      if (lines == KnownLines::KeysAndAuthorities || !line.starts_with("@cert-authority")) return true;
    }
  }
  return false;
}

/// The name that the host key is looked up by, and that a host certificate must be for, once an address takes
/// the name's place. Of itself ssh looks for `[host]:port` first and for `host` after, and wants `host` in
/// the certificate; an alias is all of this as it stands.
std::string alias_for(const SshSettings& settings, const SshCall& call, const Waiting& waiting) {
  const auto& name = settings.hostname;
  auto with_port = known_hosts_name(name, settings.port);
  if (with_port == name || knows(with_port, KnownLines::Keys, settings, call, waiting)) return with_port;
  return knows(name, KnownLines::KeysAndAuthorities, settings, call, waiting) ? name : with_port;
}

/// Whether the repository's own address names the host by its address.
bool is_written_as_address(const SshCall& call) {
  const auto at_sign = call.destination.rfind('@');
  const auto host = at_sign == std::string::npos ? call.destination : call.destination.substr(at_sign + 1);
  return parse_ip_address(host).has_value();
}

/// Without the lines that say where the host is, which pinning changes.
std::string settings_but_for_address(const std::string& text) {
  std::string rest;
  for (const auto line : split(text, '\n')) {
    if (line.starts_with("hostname ") || line.starts_with("hostkeyalias ") ||
        line.starts_with("checkhostip ")) {
      continue;
    }
    rest.append(line).append("\n");
  }
  return rest;
}

}  // namespace

Result<std::vector<std::string>> checked_address_options(const SshCall& call, const SshSettings& settings,
                                                         const AddressPolicy& policy,
                                                         const Waiting& waiting) {
  if (const auto literal = parse_ip_address(settings.hostname)) {
    // Where a jump host leads, by a name that the operator gave, is the operator's word.
    const bool counts = !settings.is_proxied || is_written_as_address(call);
    if (counts && !policy.allows(*literal)) return fail(refused_address(call.what, *literal));
    return std::vector<std::string>{};
  }
  if (settings.is_proxied) return std::vector<std::string>{};
  const auto endpoints = resolve_in_time(settings, call.what, waiting);
  if (!endpoints) return fail(endpoints.error());
  for (const auto& endpoint : *endpoints) {
    const auto address = ip_address_of(endpoint.get());
    if (address && !policy.allows(*address)) return fail(refused_address(call.what, *address));
  }
  const auto* chosen = first_reachable(*endpoints, waiting);
  if (chosen == nullptr) {
    return fail(ErrorCode::ConnectionFailed,
                fmt::format("{}: none of the {} addresses of '{}' takes a connection on port {}", call.what,
                            endpoints->size(), settings.hostname, settings.port),
                "check that the host is up and can be reached from here");
  }
  std::vector<std::string> pin{"-o", "HostName=" + chosen->text(), "-o", "CheckHostIP=no"};
  if (settings.host_key_alias.empty()) {
    pin.insert(pin.end(), {"-o", "HostKeyAlias=" + alias_for(settings, call, waiting)});
  }
  auto options = pin;
  options.insert(options.end(), call.options.begin(), call.options.end());
  const auto pinned = ask_ssh_settings(options, call.destination, call.what, waiting);
  if (!pinned) return fail(pinned.error());
  const bool is_same = settings_but_for_address(pinned->text) == settings_but_for_address(settings.text);
  return is_same ? pin : std::vector<std::string>{};
}

}  // namespace gitferry

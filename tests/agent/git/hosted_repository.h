#pragma once

#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "agent/git/engine.h"
#include "agent/git/transports.h"
#include "tests/support/git_host.h"
#include "tests/support/git_repository.h"
#include "tests/support/ssh_host.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::test {

enum class Wire { Local, Http, Ssh };

constexpr std::string_view name_of(Wire wire) {
  return wire == Wire::Local ? "Local" : wire == Wire::Http ? "Http" : "Ssh";
}

/// How long the http host waits for a client that takes nothing.
inline constexpr const char* kSendTimeout = "1s";

// One of each for the whole program: starting a host costs more than a run.
inline GitHost& http_host() {
  static GitHost host({.send_timeout = kSendTimeout});
  return host;
}
inline SshHost& ssh_host() {
  static SshHost host;
  return host;
}

/// An empty bare repository that is reached over a wire of the test's choice: itself, nginx or sshd.
class HostedRepository {
 public:
  explicit HostedRepository(Wire wire) : wire_(wire) {
    static int made = 0;
    const auto name = fmt::format("hosted-{}", ++made);
    const auto path = wire == Wire::Http ? http_host().create(name) : directory_ / "r.git";
    repository_ = GitRepository::init(path);
    address_ = wire == Wire::Http ? http_host().url(name) : wire == Wire::Ssh ? ssh_host().url(path) : path;
  }

  [[nodiscard]] GitRepository& repository() { return repository_; }
  [[nodiscard]] std::uint16_t port() const { return remote().url.port; }
  /// Where it is, or where a proxy in front of it is: at `port`.
  [[nodiscard]] Remote remote(std::uint16_t port = 0) const {
    Remote remote{parse_remote_url(address_, any_scheme()).value().url, std::nullopt};
    if (port != 0) remote.url.port = port;
    if (wire_ != Wire::Ssh) return remote;
    const auto known = directory_ / "known_hosts";
    std::ifstream key(ssh_host().file("host.pub"));
    std::ofstream(known) << fmt::format("[127.0.0.1]:{} {}", remote.url.port,
                                        std::string{std::istreambuf_iterator<char>(key), {}});
    remote.credential.emplace();
    remote.credential->key_file = ssh_host().file("key");
    remote.credential->known_hosts_file = known;
    return remote;
  }

 private:
  Wire wire_;
  TemporaryDirectory directory_;
  GitRepository repository_{std::string()};
  std::string address_;
};

/// The transport of the product, for every wire of this machine.
inline std::unique_ptr<Transport> loopback_transport() {
  TransportOptions options;
  options.addresses = AddressPolicy::from({"127.0.0.0/8"}).value();
  options.ssh_config_file = "/dev/null";
  return make_transport(options);
}

}  // namespace gitferry::test

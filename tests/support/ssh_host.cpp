#include "tests/support/ssh_host.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <thread>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/unique_fd.h"
#include "tests/support/process.h"

namespace gitferry::test {
namespace {

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

Waiting patient() {
  Waiting waiting;
  waiting.total_deadline = std::chrono::steady_clock::now() + std::chrono::hours(1);
  return waiting;
}

}  // namespace

SshHost::SshHost() : directory_((std::filesystem::temp_directory_path() / "ssh-host-XXXXXX").string()) {
  if (::mkdtemp(directory_.data()) == nullptr) std::abort();
  for (const auto* key : {"host", "key", "stranger"}) {
    const auto made = run_process({{"/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file(key)},
                                   "",
                                   "",
                                   basic_child_environment()});
    if (made.status != 0) std::abort();
  }
  std::ofstream(file("authorized")) << content_of(file("key.pub"));
  std::ofstream(file("unknown"));
  // sshd started by root wants its privilege separation directory.
  if (::geteuid() == 0) std::filesystem::create_directories("/run/sshd");
  // Below the range that the kernel takes ports for outgoing connections from.
  for (int attempt = 0; attempt < 20 && !is_listening(); ++attempt) {
    start(21000 + (::getpid() * 7 + attempt) % 9000);
  }
  if (!is_listening()) {
    std::cerr << "sshd did not start: " << log() << "\n";
    std::abort();
  }
  std::ofstream(file("known")) << fmt::format("[127.0.0.1]:{} {}", port_, content_of(file("host.pub")));
}

SshHost::~SshHost() {
  server_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string SshHost::url(const std::string& path) const {
  const auto* user = ::getpwuid(::geteuid());  // NOLINT(concurrency-mt-unsafe): nobody else asks
  return fmt::format("ssh://{}@127.0.0.1:{}{}", user->pw_name, port_, path);
}

std::string SshHost::log() const {
  return content_of(file("sshd.log"));
}

void SshHost::start(int port) {
  port_ = port;
  std::ofstream(file("sshd_config")) << fmt::format(
      "ListenAddress 127.0.0.1\nPort {}\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n"
      "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n"
      "AcceptEnv GIT_PROTOCOL\nPidFile none\nLogLevel ERROR\n",
      port_, file("host"), file("authorized"));
  auto started =
      ChildProcess::start({{"/usr/sbin/sshd", "-D", "-e", "-f", file("sshd_config"), "-E", file("sshd.log")},
                           basic_child_environment(),
                           "sshd"},
                          patient());
  if (!started) std::abort();
  server_ = std::move(*started);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!is_listening() && log().empty() && std::chrono::steady_clock::now() < deadline) {
    // Polling another process: there is nothing to be notified by.
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

bool SshHost::is_listening() const {
  if (!server_) return false;
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port_));
  return ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
}

}  // namespace gitferry::test

#include "tests/support/ssh_host.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <thread>
#include <utility>

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

Waiting patient() {
  Waiting waiting;
  waiting.total_deadline = std::chrono::steady_clock::now() + std::chrono::hours(1);
  return waiting;
}

}  // namespace

SshHost::SshHost(SshHostOptions options)
    : directory_((std::filesystem::temp_directory_path() / "ssh-host-XXXXXX").string()),
      options_(std::move(options)) {
  if (::mkdtemp(directory_.data()) == nullptr) std::abort();
  make_key("host", options_.host_key_type);
  make_key("key", options_.user_key_type);
  make_key("stranger");
  std::ofstream(file("authorized")) << content("key.pub");
  std::ofstream(file("unknown"));
  // sshd started by root wants its privilege separation directory.
  if (::geteuid() == 0) std::filesystem::create_directories("/run/sshd");
  // Below the range that the kernel takes ports for outgoing connections from.
  for (int attempt = 0; attempt < 20 && !is_listening(); ++attempt) {
    static int hosts = 0;
    start(21000 + (::getpid() * 7 + ++hosts) % 9000);
  }
  if (!is_listening()) {
    std::cerr << "sshd did not start: " << log() << "\n";
    std::abort();
  }
  std::ofstream(file("known")) << fmt::format("[127.0.0.1]:{} {}", port_, content("host.pub"));
}

SshHost::~SshHost() {
  drop_connections();
  server_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string SshHost::user() {
  // Once, for all threads.
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else asks
  static const std::string name = ::getpwuid(::geteuid())->pw_name;
  return name;
}

std::string SshHost::url(const std::string& path, const std::string& host) const {
  return fmt::format("ssh://{}@{}:{}{}", user(), host, port_, path);
}

std::string SshHost::content(const std::string& name) const {
  std::ifstream file_of(file(name));
  return {std::istreambuf_iterator<char>(file_of), {}};
}

std::string SshHost::write(const std::string& name, const std::string& content) const {
  std::ofstream(file(name)) << content;
  return file(name);
}

void SshHost::make_key(const std::string& name, const std::string& type,
                       const std::string& passphrase) const {
  keygen({"-q", "-t", type, "-N", passphrase, "-f", file(name)});
}

void SshHost::keygen(const std::vector<std::string>& arguments) const {
  std::vector<std::string> argv{"/usr/bin/ssh-keygen"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const auto made = run_process({argv, "", directory_, basic_child_environment()});
  if (made.status == 0) return;
  std::cerr << "ssh-keygen failed: " << made.errors << "\n";
  std::abort();
}

std::string SshHost::log() const {
  return content("sshd.log");
}

int SshHost::handshakes() const {
  const auto text = log();
  int count = 0;
  for (auto at = text.find("Accepted publickey"); at != std::string::npos;
       at = text.find("Accepted publickey", at + 1)) {
    ++count;
  }
  return count;
}

void SshHost::drop_connections() const {
  if (!server_) return;
  std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", server_->pid()));
  for (pid_t child = 0; children >> child;) ::kill(child, SIGKILL);
}

void SshHost::restart() {
  drop_connections();
  server_.reset();
  start(port_);
}

void SshHost::start(int port) {
  port_ = port;
  std::ofstream(file("sshd_config")) << fmt::format(
      "ListenAddress 127.0.0.1\nPort {}\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n"
      "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n"
      "AcceptEnv GIT_PROTOCOL\nPidFile none\nLogLevel VERBOSE\n"
      // Debian's bash reads ~/.bashrc for every command of an outermost ssh session; this user's may do
      // anything.
      "SetEnv SHLVL=2\n{}\n",
      port_, file("host"), file("authorized"), options_.settings);
  auto started =
      ChildProcess::start({{"/usr/sbin/sshd", "-D", "-e", "-f", file("sshd_config"), "-E", file("sshd.log")},
                           basic_child_environment(),
                           "sshd"},
                          patient());
  if (!started) std::abort();
  server_ = std::move(*started);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!is_listening() && std::chrono::steady_clock::now() < deadline) {
    if (log().find("Cannot bind") != std::string::npos) return;
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

#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

#include "agent/git/ssh_masters.h"
#include "agent/git/transports.h"
#include "tests/agent/git/transport_fixture.h"
#include "tests/support/ssh_host.h"

namespace gitferry::test {

inline Credential key_credential(const SshHost& host, const std::string& key = "key",
                                 const std::string& known = "known") {
  Credential credential;
  credential.key_file = host.file(key);
  credential.known_hosts_file = host.file(known);
  return credential;
}

/// The head of the advertisement of upload-pack.
inline Result<std::string> advertised(Transport& transport, const Remote& remote,
                                      const Waiting& waiting = patient()) {
  auto connection = transport.connect(remote, GitService::UploadPack, 2, waiting);
  if (!connection) return fail(connection.error());
  const auto reader = (*connection)->advertisement();
  if (!reader) return fail(reader.error());
  return read_until(**reader, "object-info");
}

/// What a worker of the agent has: a transport of its own, and connections that it shares with others.
struct SshWorker {
  explicit SshWorker(std::shared_ptr<SshMasters> masters = nullptr,
                     const std::string& config_file = "/dev/null",
                     const AddressPolicy& policy = loopback_allowed())
      : transport(make_transport({policy, "", config_file, {}, std::move(masters)})) {}
  Result<std::string> ask(const std::string& address, std::optional<Credential> credential) const {
    return advertised(*transport, remote_of(address, std::move(credential)));
  }
  std::unique_ptr<Transport> transport;
};

inline std::shared_ptr<SshMasters> masters_in(const std::string& directory,
                                              std::chrono::milliseconds reuse = std::chrono::hours(1),
                                              std::size_t limit = 32) {
  return std::make_shared<SshMasters>(SshMasters::Options{reuse, directory, limit});
}

/// The processes whose arguments hold `text`.
inline std::vector<pid_t> processes_with(const std::string& text) {
  std::vector<pid_t> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const auto name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file(entry.path() / "cmdline");
    const std::string arguments{std::istreambuf_iterator<char>(file), {}};
    const auto pid = static_cast<pid_t>(std::stol(name));
    if (arguments.find(text) != std::string::npos && pid != ::getpid()) found.push_back(pid);
  }
  return found;
}

/// The files below `directory`, at any depth.
inline std::vector<std::string> files_below(const std::string& directory) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    files.push_back(entry.path().string());
  }
  return files;
}

template <typename Condition>
bool comes_true(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace gitferry::test

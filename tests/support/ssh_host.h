#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/git/child_process.h"

namespace gitferry::test {

struct SshHostOptions {
  std::string host_key_type = "ed25519";
  std::string user_key_type = "ed25519";
  std::string settings;  ///< further lines of sshd_config
};

/// A real sshd of the current user on a free port of 127.0.0.1, with files beside it: `key`, which it
/// authorises, and `stranger`, which it does not; `known`, the known_hosts that names it, and `unknown`,
/// which is empty.
///
/// Owns: the process and the directory. Aborts the program when sshd does not start: no test could say
/// anything then.
class SshHost {
 public:
  explicit SshHost(SshHostOptions options = {});
  SshHost(const SshHost&) = delete;
  SshHost& operator=(const SshHost&) = delete;
  ~SshHost();

  /// The address of the directory `path` on this machine.
  [[nodiscard]] std::string url(const std::string& path, const std::string& host = "127.0.0.1") const;
  [[nodiscard]] std::string file(const std::string& name) const { return directory_ + "/" + name; }
  /// Writes a file beside the others; its path.
  std::string write(const std::string& name, const std::string& content) const;
  [[nodiscard]] std::string content(const std::string& name) const;
  /// A key pair `name` and `name.pub`.
  void make_key(const std::string& name, const std::string& type = "ed25519",
                const std::string& passphrase = "") const;
  /// Runs ssh-keygen in the directory; it must succeed.
  void keygen(const std::vector<std::string>& arguments) const;
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] static std::string user();
  /// What sshd said so far.
  [[nodiscard]] std::string log() const;
  /// Logins that went through so far.
  [[nodiscard]] int handshakes() const;
  /// Ends the connections that there are, as a host does that goes down.
  void drop_connections() const;
  /// Down and up again on the same port, with whatever stands in the files now.
  void restart();

 private:
  void start(int port);
  [[nodiscard]] bool is_listening() const;

  std::string directory_;
  SshHostOptions options_;
  int port_ = 0;
  std::unique_ptr<ChildProcess> server_;
};

}  // namespace gitferry::test

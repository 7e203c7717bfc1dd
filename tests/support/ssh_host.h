#pragma once

#include <memory>
#include <string>

#include "agent/git/child_process.h"

namespace gitferry::test {

/// A real sshd of the current user on a free port of 127.0.0.1, with files beside it: `key`, which it
/// authorises, and `stranger`, which it does not; `known`, the known_hosts that names it, and `unknown`,
/// which is empty.
///
/// Owns: the process and the directory. Aborts the program when sshd does not start: no test could say
/// anything then.
class SshHost {
 public:
  SshHost();
  SshHost(const SshHost&) = delete;
  SshHost& operator=(const SshHost&) = delete;
  ~SshHost();

  /// The address of the directory `path` on this machine.
  [[nodiscard]] std::string url(const std::string& path) const;
  [[nodiscard]] std::string file(const std::string& name) const { return directory_ + "/" + name; }
  /// What sshd complained of so far.
  [[nodiscard]] std::string log() const;

 private:
  void start(int port);
  [[nodiscard]] bool is_listening() const;

  std::string directory_;
  int port_ = 0;
  std::unique_ptr<ChildProcess> server_;
};

}  // namespace gitferry::test

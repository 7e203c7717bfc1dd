#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include <sys/types.h>

namespace gitferry::test {

/// Looks at the children of a process, and theirs, as long as it lives: what `ps` would show of them.
class ChildWatch {
 public:
  explicit ChildWatch(pid_t parent);
  ChildWatch(const ChildWatch&) = delete;
  ChildWatch& operator=(const ChildWatch&) = delete;
  ~ChildWatch() = default;

  /// Command lines and environments of all programs that ran so far, by the name of the program.
  [[nodiscard]] std::map<std::string, std::string> seen();

 private:
  void look();

  pid_t parent_;
  std::string own_program_;
  std::mutex mutex_;
  std::map<std::string, std::string> seen_;
  std::jthread thread_;
};

}  // namespace gitferry::test

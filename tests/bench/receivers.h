#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "agent/base/unique_fd.h"
#include "tests/support/agent_process.h"

namespace gitferry::bench {

/// Ends the benchmark: figures of a broken set-up are worse than none.
[[noreturn]] void give_up(const std::string& reason);

UniqueFd connection_to(std::uint16_t port);

/// Takes connections and never says a word: a sync with it is in progress for as long as its time limit, so
/// that what is measured is taking deliveries and not making runs.
class SilentHost {
 public:
  SilentHost();
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  UniqueFd fd_;
  std::uint16_t port_ = 0;
};

/// A push of GitHub's to `target` with this body, signed. `number` goes into the delivery's id.
std::string signed_request(const std::string& target, const std::string& body, int number);
/// A thousand different ones, of 1 KiB each.
std::vector<std::string> requests_to(const std::string& target, std::uint16_t host);

/// The agent with one bound branch. The limits that would stop one client of many connections are off.
class Agent {
 public:
  Agent(std::filesystem::path directory, const SilentHost& host);
  [[nodiscard]] std::uint16_t port() const { return process_->port(); }
  [[nodiscard]] pid_t pid() const { return process_->pid(); }

  struct Stored {
    std::int64_t deliveries = 0;  ///< recorded since the database was made
    std::int64_t marks = 0;       ///< of the lane
  };
  /// What is in the database, read by a connection of our own.
  [[nodiscard]] Stored stored() const;
  /// Takes the process away without a word, as `kill -9` does.
  void kill();

 private:
  std::filesystem::path directory_;
  std::unique_ptr<test::AgentProcess> process_;
};

/// adnanh/webhook with the same signature rule. Not there where it is not installed.
class OtherReceiver {
 public:
  enum class Rule {
    Starts,    ///< `true` for each delivery, which is the least that it can do
    NeverMet,  ///< verifies and parses, then finds that there is nothing to start
  };
  OtherReceiver(const std::filesystem::path& directory, Rule rule);
  ~OtherReceiver();
  OtherReceiver(const OtherReceiver&) = delete;
  OtherReceiver& operator=(const OtherReceiver&) = delete;
  [[nodiscard]] bool is_there() const { return port_ != 0; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace gitferry::bench

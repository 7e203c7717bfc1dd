#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <json/value.h>
#include <sys/types.h>

namespace gitferry::test {

struct HttpAnswer {
  int status = 0;  ///< 0: no answer
  std::string body;
};

/// The body of an answer; null where it is no JSON.
Json::Value json_of(const HttpAnswer& answer);

/// One request on a connection of its own.
HttpAnswer http(std::uint16_t port, const std::string& method, const std::string& target,
                const std::string& body = {}, const std::map<std::string, std::string>& headers = {});

/// Writes DIRECTORY/gitferry.yaml: this `server`, a database in DIRECTORY/data, the tests' token, and `yaml`.
void write_agent_config(const std::filesystem::path& directory, const std::string& yaml,
                        const std::string& server = "{listen: \"127.0.0.1:0\"}");

/// `gitferry serve` as a child process, with its configuration and data in a directory of the test's.
///
/// Owns the child: it is killed and reaped on destruction.
class AgentProcess {
 public:
  /// Starts the agent with DIRECTORY/gitferry.yaml, as start() does.
  explicit AgentProcess(std::filesystem::path directory,
                        const std::vector<std::string>& more_environment = {});
  ~AgentProcess();
  AgentProcess(const AgentProcess&) = delete;
  AgentProcess& operator=(const AgentProcess&) = delete;

  /// `more_environment`: `NAME=value`, on top of the test's own environment.
  void start(const std::vector<std::string>& more_environment = {});
  /// Waits until it says that it listens, be it through TLS; false as below.
  [[nodiscard]] bool wait_until_listening();
  /// Waits until /readyz answers 200; false if the process ended first or the deadline passed.
  [[nodiscard]] bool wait_until_ready();
  void kill(int signal) const;
  /// Whether it came to its end; wait() does not wait then.
  [[nodiscard]] bool has_ended();
  /// Waits for the end; the exit code, or -signal.
  int wait();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::string log() const;
  /// A management request with the token of the test's configuration.
  [[nodiscard]] HttpAnswer api(const std::string& method, const std::string& target,
                               const std::string& body = {}) const;

 private:
  std::filesystem::path directory_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
  std::optional<int> end_;
};

/// Asks `condition` until it holds; false after `patience`.
template <typename Condition>
bool eventually(Condition condition, std::chrono::seconds patience = std::chrono::seconds(60)) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    // Polling another process: there is nothing to be notified by.
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

/// Runs the gitferry binary to its end.
struct CommandResult {
  int exit_code = -1;
  std::string output;  ///< stdout and stderr
};
CommandResult run_gitferry(const std::vector<std::string>& arguments);

}  // namespace gitferry::test

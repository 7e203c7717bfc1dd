#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/guarded.h"
#include "agent/base/unique_fd.h"

namespace gitferry::test {

/// What the server does with one request: reads its head, sends `bytes`, then closes.
struct ScriptedAnswer {
  std::string bytes;
  bool stalls = false;      ///< stays open and silent afterwards
  bool keeps_open = false;  ///< takes the next request on the same connection
  /// What follows `bytes` in pieces: the n-th from 0 on; it ends with an empty one, or when the client
  /// leaves.
  std::function<std::string(std::size_t)> piece = nullptr;
};

/// A TCP server on 127.0.0.1 that gives prepared answers in order, for what real hosts do only when they
/// fail.
class ScriptedServer {
 public:
  explicit ScriptedServer(std::vector<ScriptedAnswer> answers);
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url(const std::string& path) const;
  /// The heads of the requests so far.
  [[nodiscard]] std::vector<std::string> requests();
  [[nodiscard]] std::size_t connections();

 private:
  struct State {
    std::vector<std::string> requests;
    std::size_t connections = 0;
    std::vector<UniqueFd> open;  ///< shut down at the end, so that no read can hang
  };
  void serve(const std::stop_token& stop);
  bool serve_connection(int fd);

  std::vector<ScriptedAnswer> answers_;
  std::size_t next_ = 0;
  UniqueFd listener_;
  std::uint16_t port_ = 0;
  Guarded<State> state_;
  std::jthread thread_;
};

/// A whole answer with Content-Length.
std::string http_answer(const std::string& status, const std::string& headers, const std::string& body);

}  // namespace gitferry::test

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/guarded.h"
#include "agent/base/unique_fd.h"

namespace gitferry::test {

/// A request as the receiver of notices got it, byte for byte.
struct ReceivedNotice {
  std::string target;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
};

/// An HTTP server on 127.0.0.1 that keeps what it is sent, and answers what the test says.
class NoticeReceiver {
 public:
  /// The whole answer to the n-th request, from 0 on; empty: none at all, the connection stays open until the
  /// end.
  using Answer = std::function<std::string(std::size_t)>;

  NoticeReceiver() : NoticeReceiver([](std::size_t) { return ok(); }) {}
  explicit NoticeReceiver(Answer answer);
  NoticeReceiver(const NoticeReceiver&) = delete;
  NoticeReceiver& operator=(const NoticeReceiver&) = delete;
  ~NoticeReceiver();

  [[nodiscard]] std::string url(const std::string& path = "/hook") const;
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::vector<ReceivedNotice> received();

  static std::string ok(const std::string& body = "ok") { return answer("200 OK", body); }
  static std::string answer(const std::string& status, const std::string& body,
                            const std::string& headers = {});

 private:
  struct State {
    std::vector<ReceivedNotice> received;
    std::vector<UniqueFd> open;  ///< shut down at the end, so that nothing can hang
  };
  void serve(const std::stop_token& stop);
  void serve_connection(int fd);

  Answer answer_;
  UniqueFd listener_;
  std::uint16_t port_ = 0;
  Guarded<State> state_;
  std::jthread thread_;
};

}  // namespace gitferry::test

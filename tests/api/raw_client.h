#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <json/reader.h>
#include <json/value.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "agent/base/unique_fd.h"

namespace gitferry::api::testing {

/// Speaks bytes, not HTTP, so that a test decides what is on the wire.
class RawClient {
 public:
  explicit RawClient(int port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }

  [[nodiscard]] bool is_connected() const { return connected_; }
  [[nodiscard]] int fd() const { return fd_.get(); }

  /// False where the other end stopped reading.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  void end_of_sending() { ::shutdown(fd_.get(), SHUT_WR); }

  /// Everything until the other end closes.
  std::string receive(std::chrono::milliseconds limit = std::chrono::seconds{15}) {
    std::string all;
    const auto deadline = std::chrono::steady_clock::now() + limit;
    char chunk[16384];
    while (wait_for_bytes(deadline)) {
      const auto got = ::recv(fd_.get(), chunk, sizeof(chunk), 0);
      if (got <= 0) break;
      all.append(chunk, static_cast<std::size_t>(got));
    }
    return all;
  }

  /// Until `marker` was received.
  std::string receive_until(std::string_view marker) {
    std::string all;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{15};
    char byte = 0;
    while (all.find(marker) == std::string::npos && wait_for_bytes(deadline)) {
      if (::recv(fd_.get(), &byte, 1, 0) <= 0) break;
      all += byte;
    }
    return all;
  }

 private:
  bool wait_for_bytes(std::chrono::steady_clock::time_point deadline) const {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd polled{fd_.get(), POLLIN, 0};
    return left.count() > 0 && ::poll(&polled, 1, static_cast<int>(left.count())) > 0;
  }

  UniqueFd fd_;
  bool connected_ = false;
};

inline std::string answer_to(int port, std::string_view bytes) {
  RawClient client(port);
  client.send(bytes);
  return client.receive();
}

inline int status_of(std::string_view answer) {
  if (!answer.starts_with("HTTP/1.1 ") || answer.size() < 12) return 0;
  return (answer[9] - '0') * 100 + (answer[10] - '0') * 10 + (answer[11] - '0');
}

inline std::string body_of(std::string_view answer) {
  const auto end = answer.find("\r\n\r\n");
  return end == std::string_view::npos ? std::string() : std::string(answer.substr(end + 4));
}

inline Json::Value json_of(std::string_view text) {
  Json::Value value;
  const std::unique_ptr<Json::CharReader> reader(Json::CharReaderBuilder().newCharReader());
  reader->parse(text.data(), text.data() + text.size(), &value, nullptr);
  return value;
}

struct Sent {
  std::string method = "GET";
  std::string target = "/";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;

  [[nodiscard]] std::string bytes() const {
    std::string text = method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n";
    for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
    if (method != "GET" && method != "HEAD")
      text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return text + "\r\n" + body;
  }
};

}  // namespace gitferry::api::testing

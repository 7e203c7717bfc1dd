#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "agent/base/unique_fd.h"
#include "agent/git/child_process.h"
#include "tests/agent/git/transport_fixture.h"

namespace gitferry::test {

inline sockaddr_in loopback_address(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// A port that nobody listens on at the moment.
inline std::uint16_t free_port() {
  const UniqueFd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  auto address = loopback_address(0);
  socklen_t size = sizeof(address);
  EXPECT_EQ(::bind(probe.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return ntohs(address.sin_port);
}

inline bool is_listening(std::uint16_t port) {
  const UniqueFd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = loopback_address(port);
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

/// A real proxy on 127.0.0.1: tinyproxy or microsocks, with a password where a user is named. Killed at the
/// end.
class ProxyHost {
 public:
  enum class Kind { Http, Socks };
  explicit ProxyHost(Kind kind, const std::string& user = {}, const std::string& secret = {})
      : kind_(kind), port_(free_port()) {
    start(kind == Kind::Http ? http_command(user, secret) : socks_command(user, secret));
  }
  [[nodiscard]] std::string url() const {
    return (kind_ == Kind::Http ? "http://127.0.0.1:" : "socks5h://127.0.0.1:") + std::to_string(port_);
  }
  /// What tinyproxy wrote down.
  [[nodiscard]] std::string log() const {
    return output_of("cat '" + directory_.path() + "/log' 2>/dev/null");
  }

 private:
  std::vector<std::string> http_command(const std::string& user, const std::string& secret) {
    std::string text = "Port " + std::to_string(port_) +
                       "\nListen 127.0.0.1\nTimeout 60\nLogLevel Connect\n" + "LogFile \"" +
                       directory_.path() + "/log\"\nAllow 127.0.0.1\n";
    if (!user.empty()) text += "BasicAuth " + user + " " + secret + "\n";
    return {"tinyproxy", "-d", "-c", directory_.write("conf", text)};
  }
  [[nodiscard]] std::vector<std::string> socks_command(const std::string& user,
                                                       const std::string& secret) const {
    std::vector<std::string> argv{"microsocks", "-i", "127.0.0.1", "-p", std::to_string(port_)};
    if (!user.empty()) argv.insert(argv.end(), {"-u", user, "-P", secret});
    return argv;
  }
  void start(std::vector<std::string> argv) {
    auto child = ChildProcess::start({std::move(argv), basic_child_environment(), "the proxy"}, patient());
    ASSERT_TRUE(child) << child.error().text();
    child_ = std::move(*child);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!is_listening(port_)) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the proxy does not listen";
      // Polling another process: there is nothing to be notified by.
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  TemporaryDirectory directory_;
  Kind kind_;
  std::uint16_t port_;
  std::unique_ptr<ChildProcess> child_;
};

}  // namespace gitferry::test

#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <dirent.h>
#include <gtest/gtest.h>

#include "api/http_server.h"
#include "tests/api/raw_client.h"

namespace gitferry::api::testing {

/// Short times, and as many connections of one address as there are in all.
inline HttpServerOptions quick() {
  HttpServerOptions options;
  options.request_time = std::chrono::milliseconds{400};
  options.write_time = std::chrono::milliseconds{1000};
  options.drain_time = std::chrono::milliseconds{50};
  options.connections_per_address = options.connections;
  return options;
}
/// No client is cut off for being slow while the test runs.
inline HttpServerOptions patient() {
  HttpServerOptions options;
  options.request_time = std::chrono::minutes{10};
  options.write_time = std::chrono::minutes{10};
  options.connections_per_address = options.connections;
  return options;
}

inline std::size_t open_descriptors() {
  std::size_t count = 0;
  DIR* directory = ::opendir("/proc/self/fd");
  while (directory != nullptr && ::readdir(directory) != nullptr) ++count;
  if (directory != nullptr) ::closedir(directory);
  return count;
}

/// Looks again until it holds, for 20 seconds at most.
template <typename Condition>
bool comes_true(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

constexpr std::size_t kLargeAnswer = 32U << 20;

/// Answers with what it saw.
inline Response echo(const Request& request) {
  if (request.target == "/throw") throw std::runtime_error("secret of the handler");
  if (request.target == "/large") return {200, {}, "text/plain", std::string(kLargeAnswer, 'x')};
  std::string seen = request.method + " " + request.target + "\naddress=" + request.client_address + "\n";
  for (const auto& header : request.headers) seen += header.name + "=" + header.value + "\n";
  seen += "body=" + std::to_string(request.body.size()) + ":" + request.body.substr(0, 100);
  return {200, {}, "text/plain", seen};
}

class HttpServerTest : public ::testing::Test {
 protected:
  void start(HttpServerOptions options = HttpServerOptions{}) {
    auto started = HttpServer::start(
        options,
        [this](const Request& request) {
          return gate ? gate(request) : Admission{body_limit, std::nullopt, place_of(request)};
        },
        [this](const Request& request) { return handler ? handler(request) : echo(request); });
    ASSERT_TRUE(started) << started.error().text();
    server = std::move(*started);
    port = server->port();
  }
  [[nodiscard]] std::string get(const std::string& headers = {}, const std::string& target = "/x") const {
    return answer_to(port, "GET " + target + " HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n");
  }
  [[nodiscard]] std::string post(const std::string& headers, const std::string& body) const {
    return answer_to(port, "POST /x HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n" + body);
  }

  static Place place_of(const Request& request) {
    return request.target == "/livez" ? Place::Receiver : Place::Worker;
  }
  [[nodiscard]] bool is_alive() const { return status_of(get({}, "/livez")) == 200; }

  std::size_t body_limit = 1U << 20;
  std::function<Admission(const Request&)> gate;
  std::function<Response(const Request&)> handler;
  std::unique_ptr<HttpServer> server;
  int port = 0;
};

/// Keeps handlers inside until they are let go.
class Turnstile {
 public:
  ~Turnstile() { let_go(); }

  void pass() {
    std::unique_lock lock(mutex_);
    ++inside_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return is_open_; });
  }
  /// False where they did not come.
  bool wait_for(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds{20}, [&] { return inside_ >= count; });
  }
  void let_go() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int inside_ = 0;
  bool is_open_ = false;
};

}  // namespace gitferry::api::testing

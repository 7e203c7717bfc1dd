#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>

#include <httplib.h>

#include "agent/base/supervision.h"
#include "api/http_message.h"

namespace gitferry::api {

/// What the HTTP library gets in the place of threads and sockets. Included by http_server.cpp alone.

/// The path that the library routes; the real target is routed by our own code.
constexpr const char* kInnerPath = "/x";

using EnqueueResult = decltype(std::declval<httplib::TaskQueue&>().enqueue(std::function<void()>{}));

/// Runs at once, on the accepting thread, what the library does with a new connection: that only hands it
/// over.
class InlineQueue final : public httplib::TaskQueue {
 public:
  EnqueueResult enqueue(std::function<void()> connection) override {
    beat();
    connection();
    return static_cast<EnqueueResult>(true);
  }
  void on_idle() override { beat(); }
  void shutdown() override {}
};

/// What the library reads and writes: a head of our making without a body, which the request has already;
/// answers are collected.
class InnerStream final : public httplib::Stream {
 public:
  /// `request` must outlive the stream.
  explicit InnerStream(const Request& request);

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* into, std::size_t size) override;
  ssize_t write(const char* bytes, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return INVALID_SOCKET; }

  [[nodiscard]] std::string take_output() { return std::move(output_); }

 private:
  const Request& request_;
  std::string input_;
  std::size_t position_ = 0;
  std::string output_;
};

}  // namespace gitferry::api

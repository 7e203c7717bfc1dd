#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <httplib.h>

#include "agent/base/clock.h"
#include "api/bounded_pool.h"
#include "api/connection.h"
#include "api/http_message.h"

namespace gitferry::api {

/// What the HTTP library gets in the place of threads and sockets. Included by http_server.cpp alone.

/// The path that the library routes; the real target is routed by our own code.
constexpr const char* kInnerPath = "/x";

/// How the connection of the calling thread came in.
struct Arrival {
  MonotonicTime at{};
  bool has_room = true;  ///< false: the accepting thread itself runs it, because all others are taken
};
const Arrival& current_arrival();

using EnqueueResult = decltype(std::declval<httplib::TaskQueue&>().enqueue(std::function<void()>{}));

/// Runs the library's connections on a bounded pool. One that finds no room runs at once, on the accepting
/// thread, because its closure owns the socket.
class ConnectionQueue final : public httplib::TaskQueue {
 public:
  ConnectionQueue(std::size_t threads, std::size_t waiting) : pool_(threads, waiting) {}
  EnqueueResult enqueue(std::function<void()> connection) override;
  void shutdown() override { pool_.shutdown(); }

 private:
  BoundedPool pool_;
};

/// One request on its way through the library, which runs handlers on the thread that called it.
struct Exchange {
  Request* request = nullptr;
  Connection* connection = nullptr;
  std::string_view early;  ///< body bytes that came with the head
  std::size_t content_length = 0;
  bool is_late = false;  ///< the deadline came before the end of the body
};

/// What the library reads and writes: a head of our making, then exactly the declared body; answers are
/// collected.
class InnerStream final : public httplib::Stream {
 public:
  /// `exchange` must outlive the stream.
  explicit InnerStream(Exchange& exchange);

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* into, std::size_t size) override;
  ssize_t write(const char* bytes, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return INVALID_SOCKET; }

  [[nodiscard]] const std::string& output() const { return output_; }
  /// Whether the whole body was read.
  [[nodiscard]] bool is_drained() const { return left_ == 0; }

 private:
  Exchange& exchange_;
  std::string input_;
  std::size_t position_ = 0;
  std::size_t left_;
  std::string output_;
};

}  // namespace gitferry::api

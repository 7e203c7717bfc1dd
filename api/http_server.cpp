#include "api/http_server.h"

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <system_error>
#include <thread>
#include <utility>

#include <sys/eventfd.h>
#include <sys/socket.h>

#include "agent/base/crypto.h"
#include "agent/base/guarded.h"
#include "agent/base/log.h"
#include "agent/base/unique_fd.h"
#include "api/connection.h"
#include "api/envelope.h"
#include "api/http_library.h"
#include "api/log_throttle.h"
#include "api/raw_response.h"

namespace gitferry::api {
namespace {

constexpr int kBacklog =
    1024;  // the library listens with 5: bursts of hooks would wait a second for a retransmission

thread_local Exchange* current_exchange = nullptr;

/// A share of the memory that all bodies together may take. Given back on destruction together with the body:
/// the connection lives on until the client has its answer.
class BodyShare {
 public:
  BodyShare(std::string& body, std::atomic<std::size_t>& used, std::size_t budget)
      : body_(body), used_(used), budget_(budget) {}
  ~BodyShare() {
    std::string().swap(body_);
    used_ -= taken_;
  }
  BodyShare(const BodyShare&) = delete;
  BodyShare& operator=(const BodyShare&) = delete;

  bool take(std::size_t bytes) {
    taken_ += bytes;
    return used_.fetch_add(bytes) + bytes <= budget_;
  }

 private:
  std::string& body_;
  std::atomic<std::size_t>& used_;
  std::size_t budget_;
  std::size_t taken_ = 0;
};

std::string error_text(int error_number) {
  return std::error_code(error_number, std::system_category()).message();
}

class GuardedServer final : public httplib::Server {
 public:
  GuardedServer(const HttpServerOptions& options, HttpServer::Gate gate, HttpServer::Handler handler)
      : options_(options),
        gate_(std::move(gate)),
        handler_(std::move(handler)),
        stop_event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        id_prefix_(to_hex(random_bytes(4))) {
    configure();
  }

  /// 0 where it cannot listen; errno says why.
  int bind_address(int port) {
    const int bound = port == 0                           ? bind_to_any_port(options_.host)
                      : bind_to_port(options_.host, port) ? port
                                                          : 0;
    if (bound <= 0) return 0;
    // Linux takes a second listen() as a new length of the queue.
    ::listen(svr_sock_.load(), kBacklog);
    return bound;
  }

  void request_stop() {
    stopping_ = true;
    ::eventfd_write(stop_event_.get(), 1);
    stop();
  }
  [[nodiscard]] bool is_stopping() const { return stopping_; }

 private:
  using Setup = std::function<void(httplib::Request&)>;

  void configure() {
    new_task_queue = [this] {
      return std::make_unique<ConnectionQueue>(options_.threads, options_.waiting).release();
    };
    set_keep_alive_max_count(1);
    // SO_REUSEPORT, the library's default, would let a second process take half of the connections unseen.
    set_socket_options([](socket_t socket) {
      const int on = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
      ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));  // accepted sockets inherit it
    });
    set_exception_handler(
        [](const httplib::Request&, httplib::Response& response, const std::exception_ptr&) {
          apply(failure_without_request(500, ErrorCode::Internal, {}), response);
        });
    const auto with_body = [this](const httplib::Request&, httplib::Response& response,
                                  const httplib::ContentReader& reader) { handle(response, &reader); };
    Get(kInnerPath,
        [this](const httplib::Request&, httplib::Response& response) { handle(response, nullptr); });
    Options(kInnerPath,
            [this](const httplib::Request&, httplib::Response& response) { handle(response, nullptr); });
    Post(kInnerPath, with_body);
    Put(kInnerPath, with_body);
    Patch(kInnerPath, with_body);
    Delete(kInnerPath, with_body);
  }

  bool process_and_close_socket(socket_t socket) override {
    const UniqueFd owned(socket);
    try {
      Connection connection(socket, current_arrival().at + options_.request_time, stop_event_.get());
      if (current_arrival().has_room) {
        serve(connection);
      } else {
        refuse_for_load(connection);
      }
    } catch (const std::exception& exception) {
      log::error("a connection ended with an exception", {{"what", exception.what()}});
    }
    return true;
  }

  /// On the accepting thread: must not wait for the client.
  void refuse_for_load(Connection& connection) {
    auto response = failure_without_request(503, ErrorCode::Unavailable, "all connections are taken");
    response.headers.emplace_back("Retry-After", "5");
    add_common_headers(response, {});
    const auto now = std::chrono::steady_clock::now();
    connection.write_all(raw_response(response, true), now);
    connection.finish(now);
    if (const auto held_back = refusals_.pass(now)) {
      log::warn("connection refused", {{"reason", "overloaded"}, {"not_logged", *held_back}});
    }
  }

  void serve(Connection& connection) {
    std::string received;
    auto head = read_head(connection, received);
    if (!head) return;
    Request& request = head->request;
    request.client_address = connection.peer_address();
    request.id = id_prefix_ + to_hex_number(++requests_);
    if (auto refusal = refusal_of(*head)) {
      refuse(connection, std::move(*refusal), request);
      return;
    }
    if (head->expects_continue && !connection.write_all("HTTP/1.1 100 Continue\r\n\r\n", write_deadline()))
      return;
    Exchange exchange{&request, &connection, std::string_view(received).substr(head->size),
                      head->content_length};
    pass_on(connection, exchange);
  }

  std::optional<RequestHead> read_head(Connection& connection, std::string& received) {
    for (;;) {
      switch (connection.read_some(received, options_.head.head)) {
        case Connection::Read::Data:
          break;
        case Connection::Read::Late:
          refuse(connection,
                 failure_without_request(408, ErrorCode::InvalidArgument, "the head came too slowly"), {});
          return std::nullopt;
        case Connection::Read::Closed:
        case Connection::Read::Stopped:
          return std::nullopt;
      }
      auto parsed = parse_request_head(received, options_.head);
      if (!parsed) {
        refuse(connection, head_refused(parsed.error()), {});
        return std::nullopt;
      }
      if (*parsed) return std::move(**parsed);
    }
  }

  static Response head_refused(const HeadRefusal& refusal) {
    const auto code = refusal.status == 405                            ? ErrorCode::MethodNotAllowed
                      : refusal.status == 414 || refusal.status == 431 ? ErrorCode::TooLarge
                                                                       : ErrorCode::InvalidArgument;
    auto response = failure_without_request(refusal.status, code, refusal.reason);
    if (refusal.status == 405) response.headers.emplace_back("Allow", kKnownMethods);
    return response;
  }

  std::optional<Response> refusal_of(const RequestHead& head) {
    try {
      auto admission = gate_(head.request);
      if (admission.refusal) return std::move(admission.refusal);
      if (head.content_length > admission.body_limit) {
        return failure(head.request,
                       Error{ErrorCode::TooLarge,
                             "the body is larger than the " + std::to_string(admission.body_limit) +
                                 " bytes that this route takes",
                             {},
                             {}});
      }
    } catch (const std::exception& exception) {
      log::error("the gate threw", {{"request", head.request.id}, {"what", exception.what()}});
      return failure_without_request(500, ErrorCode::Internal, {});
    }
    return std::nullopt;
  }

  void refuse(Connection& connection, Response response, const Request& request) {
    add_common_headers(response, request.id);
    connection.write_all(raw_response(response, request.method != "HEAD"), write_deadline());
    connection.finish(std::chrono::steady_clock::now() + options_.drain_time);
  }

  void pass_on(Connection& connection, Exchange& exchange) {
    InnerStream stream(exchange);
    current_exchange = &exchange;
    bool closed = false;
    run(&GuardedServer::process_request, stream, closed);
    current_exchange = nullptr;
    connection.write_all(stream.output(), write_deadline());
    const auto drain = stream.is_drained() ? std::chrono::milliseconds{0} : options_.drain_time;
    connection.finish(std::chrono::steady_clock::now() + drain);
  }

  /// process_request() takes the addresses itself in newer versions; the member's type tells which one it is.
  bool run(bool (httplib::Server::*process)(httplib::Stream&, bool, bool&, const Setup&),
           httplib::Stream& stream, bool& closed) {
    return (this->*process)(stream, true, closed, Setup{});
  }
  bool run(bool (httplib::Server::*process)(httplib::Stream&, const std::string&, int, const std::string&,
                                            int, bool, bool&, const Setup&),
           httplib::Stream& stream, bool& closed) {
    return (this->*process)(stream, {}, 0, {}, 0, true, closed, Setup{});
  }

  void handle(httplib::Response& inner, const httplib::ContentReader* reader) {
    Exchange& exchange = *current_exchange;
    Request& request = *exchange.request;
    BodyShare share(request.body, body_bytes_, options_.body_budget);
    if (reader != nullptr) {
      if (auto refusal = read_body(exchange, *reader, share)) {
        add_common_headers(*refusal, request.id);
        apply(*refusal, inner);
        return;
      }
    }
    auto response = answer(request);
    add_common_headers(response, request.id);
    apply(response, inner);
  }

  static std::optional<Response> read_body(Exchange& exchange, const httplib::ContentReader& reader,
                                           BodyShare& share) {
    auto& body = exchange.request->body;
    bool has_room = true;
    body.reserve(exchange.content_length);  // growing in steps would hold up to three times as much
    reader([&](const char* bytes, std::size_t size) {
      has_room = share.take(size);
      if (!has_room || body.size() + size > exchange.content_length) return false;
      body.append(bytes, size);
      return true;
    });
    if (!has_room) {
      auto response =
          failure(*exchange.request, Error{ErrorCode::Unavailable, "too many bodies at once", {}, {}});
      response.headers.emplace_back("Retry-After", "5");
      return response;
    }
    if (exchange.is_late) {
      return failure_with_status(*exchange.request, 408, ErrorCode::InvalidArgument,
                                 "the body came too slowly");
    }
    if (body.size() != exchange.content_length) {
      return failure_with_status(*exchange.request, 400, ErrorCode::InvalidArgument,
                                 "the body is shorter than Content-Length says");
    }
    return std::nullopt;
  }

  Response answer(const Request& request) {
    try {
      return handler_(request);
    } catch (const std::exception& exception) {
      log::error("a handler threw", {{"request", request.id}, {"what", exception.what()}});
    } catch (...) {
      log::error("a handler threw", {{"request", request.id}});
    }
    return failure_with_status(request, 500, ErrorCode::Internal, {});
  }

  static void apply(const Response& response, httplib::Response& inner) {
    inner.status = response.status;
    for (const auto& [name, value] : response.headers) inner.set_header(name.c_str(), value);
    inner.set_content(response.body, response.content_type.c_str());
  }

  [[nodiscard]] MonotonicTime write_deadline() const {
    // Counted from now: a handler may have waited long for a commit or a run.
    return std::chrono::steady_clock::now() + options_.write_time;
  }

  static std::string to_hex_number(std::uint64_t number) {
    std::string bytes(4, '\0');
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[3 - i] = static_cast<char>(number >> (8 * i) & 0xff);
    return to_hex(bytes);
  }

  const HttpServerOptions options_;
  const HttpServer::Gate gate_;
  const HttpServer::Handler handler_;
  const UniqueFd stop_event_;
  const std::string id_prefix_;
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::size_t> body_bytes_{0};
  LogThrottle refusals_;
  std::atomic<bool> stopping_{false};
};

/// The guard and the thread that accepts.
class RunningServer final : public HttpServer {
 public:
  RunningServer(const HttpServerOptions& options, Gate gate, Handler handler)
      : server_(options, std::move(gate), std::move(handler)) {}
  ~RunningServer() override { stop(); }

  Status listen_on(const HttpServerOptions& options) {
    errno = 0;
    port_ = server_.bind_address(options.port);
    const int error_number = errno;
    if (port_ == 0) {
      return fail(ErrorCode::ConfigurationInvalid,
                  "listen on " + options.host + ":" + std::to_string(options.port) + ": " +
                      (error_number == 0 ? "not possible" : error_text(error_number)),
                  "free the port (is another gitferry running?) or change server.listen");
    }
    acceptor_ = std::thread([this] { accept_until_stopped(); });
    // stop() of the library does nothing before its loop runs.
    while (!server_.is_running() && !has_failed_) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    return {};
  }

  [[nodiscard]] int port() const override { return port_; }

  void stop() override {
    if (!acceptor_.joinable()) return;
    server_.request_stop();
    acceptor_.join();
  }

 private:
  void accept_until_stopped() {
    for (;;) {
      server_.listen_after_bind();
      if (server_.is_stopping()) return;
      // The library gives up for good on errors of accept() that pass, such as ECONNABORTED or ENFILE.
      has_failed_ = true;
      log::error("the listener ended; listening again", {{"port", port_}});
      do {
        if (server_.is_stopping()) return;
        std::this_thread::sleep_for(std::chrono::milliseconds{100});
      } while (server_.bind_address(port_) == 0);
    }
  }

  GuardedServer server_;
  std::thread acceptor_;
  std::atomic<bool> has_failed_{false};
  int port_ = 0;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::start(const HttpServerOptions& options, Gate gate,
                                                      Handler handler) {
  auto server = std::make_unique<RunningServer>(options, std::move(gate), std::move(handler));
  if (auto listening = server->listen_on(options); !listening) return fail(std::move(listening.error()));
  return server;
}

}  // namespace gitferry::api

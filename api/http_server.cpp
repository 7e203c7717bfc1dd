#include "api/http_server.h"

#include <atomic>
#include <cerrno>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <sys/resource.h>
#include <sys/socket.h>

#include "agent/base/log.h"
#include "agent/base/supervision.h"
#include "agent/base/unique_fd.h"
#include "api/envelope.h"
#include "api/http_library.h"
#include "api/raw_response.h"
#include "api/reception.h"

namespace gitferry::api {
namespace {

constexpr int kBacklog =
    1024;  // the library listens with 5: bursts of hooks would wait a second for a retransmission

constexpr std::size_t kOtherDescriptors = 128;  // databases, transports, children: not for connections

/// The request that the library works on, on this thread.
thread_local Request* current_request = nullptr;

/// Where the system allows few descriptors, connections must leave the rest of the process some.
HttpServerOptions within_descriptors(HttpServerOptions options) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return options;
  const auto allowed = static_cast<std::size_t>(limit.rlim_cur);
  const auto most = allowed > 2 * kOtherDescriptors ? allowed - kOtherDescriptors : allowed / 2;
  if (options.connections > most) {
    log::warn("fewer connections than configured, because of the limit of open files",
              {{"connections", most}, {"open_files", allowed}});
    options.connections = most;
  }
  return options;
}

std::string error_text(int error_number) {
  return std::error_code(error_number, std::system_category()).message();
}

class GuardedServer final : public httplib::Server {
 public:
  GuardedServer(const HttpServerOptions& options, HttpServer::Gate gate, HttpServer::Handler handler)
      : host_(options.host),
        handler_(std::move(handler)),
        reception_(within_descriptors(options), std::move(gate),
                   [this](Request& request) { return answer_to(request); }) {
    configure();
  }

  /// 0 where it cannot listen; errno says why.
  int bind_address(int port) {
    const int bound = port == 0 ? bind_to_any_port(host_) : bind_to_port(host_, port) ? port : 0;
    if (bound <= 0) return 0;
    // Linux takes a second listen() as a new length of the queue.
    ::listen(svr_sock_.load(), kBacklog);
    return bound;
  }

  void request_stop() {
    stopping_ = true;
    stop();
  }
  /// After the accepting thread has ended.
  void finish() { reception_.stop(); }
  [[nodiscard]] bool is_stopping() const { return stopping_; }

 private:
  using Setup = std::function<void(httplib::Request&)>;

  void configure() {
    new_task_queue = [] { return std::make_unique<InlineQueue>().release(); };
    set_keep_alive_max_count(1);
    set_idle_interval(beat_interval());
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
    Get(kInnerPath,
        [this](const httplib::Request&, httplib::Response& response) { handle(*current_request, response); });
  }

  bool process_and_close_socket(socket_t socket) override {
    try {
      reception_.take(UniqueFd(socket));
    } catch (const std::exception& exception) {
      log::error("a connection could not be taken up", {{"what", exception.what()}});
    }
    return true;
  }

  /// The bytes of the whole answer. On any thread.
  std::string answer_to(Request& request) {
    try {
      InnerStream stream(request);
      current_request = &request;
      bool closed = false;
      run(&GuardedServer::process_request, stream, closed);
      current_request = nullptr;
      if (auto bytes = stream.take_output(); !bytes.empty()) return bytes;
      log::error("the HTTP library gave no answer", {{"request_id", request.id}});
    } catch (const std::exception& exception) {
      log::error("the HTTP library threw", {{"request_id", request.id}, {"what", exception.what()}});
    }
    return {};
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

  void handle(Request& request, httplib::Response& inner) {
    auto response = answer(request);
    // The connection lives on until the client has its answer; the body need not.
    std::string().swap(request.body);
    add_common_headers(response, request.id);
    apply(std::move(response), inner);
  }

  Response answer(const Request& request) {
    try {
      return handler_(request);
    } catch (const std::exception& exception) {
      log::error("a handler threw", {{"request_id", request.id}, {"what", exception.what()}});
    } catch (...) {
      log::error("a handler threw", {{"request_id", request.id}});
    }
    return failure_with_status(request, 500, ErrorCode::Internal, {});
  }

  static void apply(Response response, httplib::Response& inner) {
    inner.status = response.status;
    for (const auto& [name, value] : response.headers) inner.set_header(name.c_str(), value);
    inner.set_header("Content-Type", response.content_type);
    inner.body = std::move(response.body);
  }

  const std::string host_;
  const HttpServer::Handler handler_;
  std::atomic<bool> stopping_{false};
  Reception reception_;
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
    server_.finish();
  }

 private:
  void accept_until_stopped() {
    const SupervisedThread supervised("acceptor");
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
  try {
    auto server = std::make_unique<RunningServer>(options, std::move(gate), std::move(handler));
    if (auto listening = server->listen_on(options); !listening) return fail(std::move(listening.error()));
    return server;
  } catch (const std::system_error& error) {
    return fail(ErrorCode::ConfigurationInvalid, std::string("start the listener: ") + error.what(),
                "raise the limits of open files and threads");
  }
}

}  // namespace gitferry::api

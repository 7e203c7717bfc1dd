#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/ip_address.h"
#include "agent/base/result.h"
#include "api/http_message.h"
#include "api/request_head.h"
#include "api/tls.h"

namespace gitferry::api {

struct HttpServerOptions {
  std::string host = "127.0.0.1";
  int port = 0;  ///< 0: any free one
  std::size_t threads =
      600;  ///< made as needed; must exceed the number of slow clients that are to be survived
  std::size_t waiting = 1024;                     ///< connections that may wait for a thread; more get 503
  std::size_t connections = 1024;                 ///< at once, all together
  std::size_t connections_per_address = 64;       ///< trusted proxies are not counted
  std::vector<AddressRange> trusted_proxies;      ///< whose X-Forwarded-For is believed
  std::shared_ptr<ServerTls> tls;                 ///< null: plain HTTP
  std::chrono::milliseconds request_time{8'000};  ///< from accept to the last byte of the body
  std::chrono::milliseconds write_time{5'000};
  std::chrono::milliseconds drain_time{200};  ///< for what a refused client still sends
  std::size_t body_budget =
      128U * 1024 * 1024;  ///< bytes of bodies in memory at once, all connections together
  HeadLimits head;
};

/// Where a request is answered.
enum class Place {
  Worker,    ///< on a thread of the pool
  Patient,   ///< on a thread of the pool for requests that wait for runs, so that they hold up nobody else
  Receiver,  ///< at once, on the thread that receives: for answers that need nothing, whatever else goes on
};

/// What is decided about a request from its head alone, before a byte of its body is read.
struct Admission {
  std::size_t body_limit = 0;
  std::optional<Response> refusal;
  Place place = Place::Worker;
};

/// The public listener: one request a connection, read and validated by us under one deadline.
///
/// The HTTP library gets only what passed: a head of our own making and a body of known length. It parses
/// nothing that a client chose. Every answer of the guard itself is an envelope.
///
/// Threading: gate and handler are called on the pool's threads, many at once; what they throw becomes a 500.
/// Blocking:  start() until the socket listens; stop() until the running requests are answered.
class HttpServer {
 public:
  using Gate = std::function<Admission(const Request&)>;
  using Handler = std::function<Response(const Request&)>;

  /// ConfigurationInvalid where the address cannot be listened on; the text says why.
  static Result<std::unique_ptr<HttpServer>> start(const HttpServerOptions& options, Gate gate,
                                                   Handler handler);
  virtual ~HttpServer() = default;

  [[nodiscard]] virtual int port() const = 0;
  /// Stops accepting, closes connections without a whole head, finishes what runs. Idempotent.
  virtual void stop() = 0;
};

}  // namespace gitferry::api

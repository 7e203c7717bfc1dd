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
  int port = 0;                      ///< 0: any free one
  std::size_t workers = 64;          ///< threads that answer, made as needed
  std::size_t patient_workers = 96;  ///< for requests that wait for runs: more than may wait at once
  std::size_t waiting = 512;  ///< whole requests that may wait for a thread, for each kind; more get 503
  /// At once, all together. One more, and the one that has been longest without a whole request gives way.
  std::size_t connections = 1024;
  std::size_t connections_per_address = 64;       ///< trusted proxies are not counted
  std::vector<AddressRange> trusted_proxies;      ///< whose X-Forwarded-For is believed
  std::shared_ptr<ServerTls> tls;                 ///< null: plain HTTP
  std::chrono::milliseconds request_time{8'000};  ///< from accept to the last byte of the body
  std::chrono::milliseconds write_time{5'000};
  std::chrono::milliseconds drain_time{200};          ///< for what a refused client still sends
  std::size_t body_budget = 40U * 1024 * 1024;        ///< bytes of bodies in memory, all connections together
  std::size_t large_body = 256U * 1024;               ///< a body of more bytes than this is large
  std::size_t large_body_budget = 32U * 1024 * 1024;  ///< of the budget, for large bodies together
  HeadLimits head;
  /// Told of a request with a whole head that was refused because there was no room for it. On the
  /// reception's thread: must be cheap. May be empty.
  std::function<void(const Request&)> on_overload;
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

/// The public listener: one request a connection, received whole under one deadline and validated by us
/// before anybody works on it.
///
/// The HTTP library accepts and writes answers; it parses nothing that a client chose. Every answer of the
/// guard itself is an envelope. A slow client never holds a thread.
///
/// Threading: the gate is called on the one thread that receives, and must not wait for anything; the handler
/// on threads of the pools, many at once, for Place::Receiver on the thread that receives. What they throw
/// becomes a 500.
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
  /// Stops accepting, closes connections without a whole request, finishes what runs. Idempotent.
  virtual void stop() = 0;
};

}  // namespace gitferry::api

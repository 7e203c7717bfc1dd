#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/guarded.h"
#include "agent/base/ip_address.h"
#include "agent/base/unique_fd.h"
#include "api/body_budget.h"
#include "api/bounded_pool.h"
#include "api/connection.h"
#include "api/http_server.h"
#include "api/log_throttle.h"

namespace gitferry::api {

/// Receives all requests of the listener on one thread, and writes all answers: a client that is slow, silent
/// or does not read costs a descriptor and a little memory, never a thread. Only a whole request goes to a
/// pool.
///
/// Threading: take() from one thread, stop() from any one thread. The gate and the answers of Place::Receiver
/// run on the reception's thread and must not wait for anything; other answers run on the pools' threads,
/// many at once.
/// Blocking:  take() where very many connections wait to be taken up; stop() until all that runs is
/// answered.
class Reception {
 public:
  using Gate = HttpServer::Gate;
  /// The bytes of the whole answer. Must not throw.
  using Answer = std::function<std::string(Request&)>;

  Reception(const HttpServerOptions& options, Gate gate, Answer answer);
  ~Reception() { stop(); }
  Reception(const Reception&) = delete;
  Reception& operator=(const Reception&) = delete;

  /// A connection that was accepted just now.
  void take(UniqueFd socket);
  /// Closes connections without a whole request, lets the others be answered, ends. Idempotent.
  void stop();

 private:
  /// When to go on with a connection.
  enum class Next {
    AtOnce,     ///< its phase changed
    OnRead,     ///< when it is readable
    OnWrite,    ///< when it is writable
    InTurn,     ///< it has more, but the others come first
    Elsewhere,  ///< closed, or being answered
  };
  struct Arrival {
    UniqueFd socket;
    MonotonicTime at;
  };
  struct Answered {
    Connection* connection;
    std::string bytes;
  };
  /// What other threads bring.
  struct Inbox {
    std::vector<Arrival> arrivals;
    std::vector<Answered> answers;
    bool is_stopping = false;
  };
  using Connections = std::list<Connection>;

  void run();
  void empty_inbox();
  [[nodiscard]] bool is_done() const;
  [[nodiscard]] int milliseconds_to_next_deadline() const;
  void end_what_is_late();
  void begin_stopping();

  void admit(Arrival arrival);
  bool make_room();
  void give_way(Connection& connection, const char* reason);
  void turn_away(int fd, Response response, const char* reason);

  void advance(Connection& connection);
  Next step(Connection& connection);
  Next end_late(Connection& connection);
  Next open(Connection& connection);
  Next read_head(Connection& connection);
  Next begin_request(Connection& connection);
  Next admit_request(Connection& connection, std::string_view early);
  Next read_body(Connection& connection);
  bool keep(Connection& connection, std::string_view bytes);
  bool take_room(const Connection& connection, std::size_t bytes);
  Connection* who_holds_most(const Connection& asking, std::size_t bytes);
  Next hand_over(Connection& connection);
  Next refuse(Connection& connection, Response response);
  Next refuse_for_load(Connection& connection);
  void tell_of_load(const Request& request);
  Next write_answer(Connection& connection);
  Next drain(Connection& connection);
  Next wait_or_close(Connection& connection, Channel::Outcome outcome);
  Next close(Connection& connection);

  Next start_writing(Connection& connection, std::string bytes);
  void hand_back(Connection& connection, std::string bytes);
  void forget_body(Connection& connection);
  void watch(Connection& connection, Next next);
  void enter(Connection& connection, Connection::Phase phase);
  Connections& list_of(Connection::Phase phase);
  void wake();
  void log_refusal(const char* reason);

  const HttpServerOptions options_;
  const Gate gate_;
  const Answer answer_;
  const std::string id_prefix_;
  const UniqueFd epoll_;
  const UniqueFd wake_event_;

  Guarded<Inbox> inbox_;
  std::condition_variable inbox_has_room_;

  // What follows belongs to the reception's thread. In each list a connection that came earlier has the
  // earlier deadline, because the time of a phase is the same for all.
  Connections receiving_;
  Connections answering_;
  Connections writing_;
  Connections draining_;
  Connections closed_;  ///< events of the same turn may still point to them
  std::size_t open_ = 0;
  std::map<IpAddress, std::size_t> of_address_;
  BodyBudget budget_;
  std::string scratch_;
  std::uint32_t requests_ = 0;
  bool is_stopping_ = false;
  LogThrottle refusals_;

  BoundedPool workers_;
  BoundedPool patient_workers_;
  std::thread thread_;
};

}  // namespace gitferry::api

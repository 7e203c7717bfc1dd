#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "agent/base/clock.h"
#include "agent/base/ip_address.h"
#include "agent/base/unique_fd.h"
#include "api/channel.h"
#include "api/http_message.h"
#include "api/http_server.h"

namespace gitferry::api {

/// One client's connection, from accept to close. Only the reception works on it; while it is Answering, the
/// request belongs to the thread that answers.
struct Connection {
  enum class Phase {
    Opening,    ///< the handshake of TLS
    Head,       ///< bytes of the head come in
    Body,       ///< the head was admitted, bytes of the body come in
    Answering,  ///< the request is whole; somebody answers it
    Writing,    ///< the answer goes out
    Draining,   ///< the answer is out; what the client still sends is dropped
    Closed,     ///< the descriptor is gone
  };

  std::list<Connection>::iterator self;  ///< its place in the list of its phase
  UniqueFd socket;
  std::unique_ptr<Channel> channel;  ///< on `socket`
  IpAddress peer{};
  bool is_counted = false;  ///< against the limit of its address
  bool is_watched = false;  ///< known to epoll
  bool is_late = false;     ///< its deadline passed before the request was whole
  Phase phase = Phase::Opening;
  MonotonicTime deadline{};  ///< of the phase; what receives has one for all of it

  std::string received;  ///< while the head comes in: all bytes so far
  Request request;       ///< from Body on
  IpAddress client{};    ///< from Body on: what counts as one client, also where a proxy sent the request
  Place place = Place::Worker;
  std::size_t content_length = 0;
  std::size_t charged = 0;  ///< bytes of the budget of bodies

  bool sends_more = false;  ///< the client may have sent what nobody read
  std::string answer;
  std::string_view unwritten;  ///< the rest of `answer`
  std::size_t drained = 0;     ///< bytes dropped
};

}  // namespace gitferry::api

#include "api/reception.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <exception>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "agent/base/crash_point.h"
#include "agent/base/crypto.h"
#include "agent/base/log.h"
#include "agent/base/metrics.h"
#include "agent/base/supervision.h"
#include "api/envelope.h"
#include "api/forwarded.h"
#include "api/raw_response.h"
#include "api/refusals.h"

namespace gitferry::api {
namespace {

using Phase = Connection::Phase;
using Outcome = Channel::Outcome;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kReadBytes = 16U * 1024;
constexpr int kTurnReads = 16;                      // of one connection before the others come
constexpr std::size_t kFirstBodyBytes = 4U * 1024;  // a body's first buffer
constexpr std::size_t kDrainBytes = 64U * 1024;     // of what nobody reads
constexpr std::size_t kArrivalsWaiting = 256;       // more stay in the kernel's queue
constexpr std::size_t kEventsATurn = 256;

UniqueFd checked(int fd, const char* what) {
  if (fd < 0) throw std::system_error(errno, std::generic_category(), what);
  return UniqueFd(fd);
}

IpAddress peer_of(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::getpeername(fd, generic, &length) != 0) return {};
  return ip_address_of(generic).value_or(IpAddress{});
}

/// Whether the kernel has bytes that nobody read: closing the socket then resets the connection.
bool has_unread_bytes(int fd) {
  int bytes = 0;
  return ::ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0;
}

/// A client that does not read must not keep the kernel's memory either, as it would after an orderly close.
void forget_unsent_bytes(int fd) {
  const linger at_once{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

/// Whether `bytes`, which came behind `before` others, may let the parser say more than it did without them.
/// It reads from the beginning each time, so a client that sends byte by byte must not make it do so at every
/// byte.
bool may_decide(std::string_view bytes, std::size_t before, const HeadLimits& limits) {
  const std::size_t now = before + bytes.size();
  if (now >= limits.head || (before <= limits.request_line && now > limits.request_line)) return true;
  return std::any_of(bytes.begin(), bytes.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

std::string id_of(const std::string& prefix, std::uint32_t number) {
  std::string bytes(4, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[3 - i] = static_cast<char>(number >> (8 * i) & 0xff);
  return prefix + to_hex(bytes);
}

}  // namespace

Reception::Reception(const HttpServerOptions& options, Gate gate, Answer answer)
    : options_(options),
      gate_(std::move(gate)),
      answer_(std::move(answer)),
      id_prefix_(to_hex(random_bytes(4))),
      epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      wake_event_(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      budget_({options.body_budget, std::min(options.body_budget, options.large_body_budget),
               options.large_body}),
      workers_(options.workers, options.waiting),
      patient_workers_(options.patient_workers, options.waiting) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_event_.get(), &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
  thread_ = std::thread([this] { run(); });
}

void Reception::take(UniqueFd socket) {
  // The library accepts without these flags; a child must not inherit the socket, a call must not block on
  // it.
  ::fcntl(socket.get(), F_SETFD, FD_CLOEXEC);
  ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);
  bool was_empty = false;
  {
    auto inbox = inbox_.lock();
    inbox.wait(inbox_has_room_,
               [](const Inbox& now) { return now.arrivals.size() < kArrivalsWaiting || now.is_stopping; });
    if (inbox->is_stopping) return;
    was_empty = inbox->arrivals.empty() && inbox->answers.empty();
    inbox->arrivals.push_back({std::move(socket), SteadyClock::now()});
  }
  if (was_empty) wake();
}

void Reception::stop() {
  inbox_.lock()->is_stopping = true;
  inbox_has_room_.notify_all();
  wake();
  if (thread_.joinable()) thread_.join();
  workers_.shutdown();
  patient_workers_.shutdown();
}

void Reception::wake() {
  ::eventfd_write(wake_event_.get(), 1);
}

// The thread.

void Reception::run() {
  const SupervisedThread supervised("reception");
  std::array<epoll_event, kEventsATurn> events{};
  while (!is_done()) {
    beat();
    const int found = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                   milliseconds_to_next_deadline());
    for (int i = 0; i < found; ++i) {
      void* const subject = events[static_cast<std::size_t>(i)].data.ptr;
      if (subject == nullptr) {
        empty_inbox();
      } else if (auto& connection = *static_cast<Connection*>(subject); connection.phase != Phase::Closed) {
        advance(connection);
      }
    }
    end_what_is_late();
    closed_.clear();
  }
}

bool Reception::is_done() const {
  return is_stopping_ && open_ == 0;
}

int Reception::milliseconds_to_next_deadline() const {
  const auto now = SteadyClock::now();
  auto next = now + beat_interval();
  for (const auto* list : {&receiving_, &writing_, &draining_}) {
    if (!list->empty()) next = std::min(next, list->front().deadline);
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - now);
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 600'000));
}

void Reception::empty_inbox() {
  eventfd_t count = 0;
  ::eventfd_read(wake_event_.get(), &count);
  Inbox news;
  {
    auto inbox = inbox_.lock();
    std::swap(news.arrivals, inbox->arrivals);
    std::swap(news.answers, inbox->answers);
    news.is_stopping = inbox->is_stopping;
  }
  inbox_has_room_.notify_one();
  // Answers first: they make room.
  for (auto& [connection, bytes] : news.answers) {
    start_writing(*connection, std::move(bytes));
    advance(*connection);
  }
  if (news.is_stopping && !is_stopping_) begin_stopping();
  for (auto& arrival : news.arrivals) {
    if (is_stopping_) break;
    try {
      admit(std::move(arrival));
    } catch (const std::exception& exception) {
      log::error("a connection could not be taken up", {{"what", exception.what()}});
    }
  }
}

void Reception::begin_stopping() {
  is_stopping_ = true;
  while (!receiving_.empty()) close(receiving_.front());
}

void Reception::end_what_is_late() {
  const auto now = SteadyClock::now();
  while (!receiving_.empty() && receiving_.front().deadline <= now) {
    receiving_.front().is_late = true;
    advance(receiving_.front());
  }
  while (!writing_.empty() && writing_.front().deadline <= now) {
    forget_unsent_bytes(writing_.front().socket.get());
    close(writing_.front());
  }
  while (!draining_.empty() && draining_.front().deadline <= now) close(draining_.front());
}

// Connections come.

void Reception::admit(Arrival arrival) {
  const auto peer = peer_of(arrival.socket.get());
  const bool is_counted = !is_in(options_.trusted_proxies, peer);
  const auto address = subscriber_of(peer);
  const auto found = of_address_.find(address);
  if (is_counted && found != of_address_.end() && found->second >= options_.connections_per_address) {
    turn_away(arrival.socket.get(), refused_address(), "too many connections of one address");
    return;
  }
  if (open_ >= options_.connections && !make_room()) {
    turn_away(arrival.socket.get(), refused_connection(), "all connections are taken");
    return;
  }
  const int fd = arrival.socket.get();
  auto channel = options_.tls ? options_.tls->channel(fd) : plain_channel(fd);
  auto& connection = receiving_.emplace_back();
  ++open_;
  connection.self = std::prev(receiving_.end());
  connection.socket = std::move(arrival.socket);
  connection.channel = std::move(channel);
  connection.peer = peer;
  connection.deadline = arrival.at + options_.request_time;
  if (is_counted) {
    ++of_address_[address];
    connection.is_counted = true;
  }
  advance(connection);
}

bool Reception::make_room() {
  if (!draining_.empty()) {
    close(draining_.front());
    return true;
  }
  if (!receiving_.empty()) {
    give_way(receiving_.front(), "gave way to a newer connection");
    return true;
  }
  // It has had longer than any other for reading its answer.
  if (writing_.empty()) return false;
  log_refusal("did not read its answer, and gave way to a newer connection");
  forget_unsent_bytes(writing_.front().socket.get());
  close(writing_.front());
  return true;
}

/// Whoever needs the room cannot wait until this client has read why it was cut off.
void Reception::give_way(Connection& connection, const char* reason) {
  log_refusal(reason);
  if (connection.phase == Phase::Body) tell_of_load(connection.request);
  if (connection.phase != Phase::Opening) {
    auto response =
        connection.phase == Phase::Head ? refused_late_head() : refused_for_load(connection.request);
    add_common_headers(response, connection.request.id);
    const auto bytes = raw_response(response, connection.request.method != "HEAD");
    std::string_view unwritten = bytes;
    connection.channel->write(unwritten);
    connection.channel->finish();
  }
  close(connection);
}

/// Without a place of its own, so in one go. Through TLS nothing can be said before the handshake.
void Reception::turn_away(int fd, Response response, const char* reason) {
  log_refusal(reason);
  if (options_.tls) return;
  const auto channel = plain_channel(fd);
  add_common_headers(response, {});
  const auto bytes = raw_response(response, true);
  std::string_view unwritten = bytes;
  channel->write(unwritten);
  channel->finish();
  // What is unread when the socket closes would turn the answer into a reset.
  for (std::size_t dropped = 0; dropped < kDrainBytes; dropped += scratch_.size()) {
    scratch_.clear();
    if (channel->read(scratch_, kReadBytes) != Outcome::Done) break;
  }
}

// A connection goes on.

void Reception::advance(Connection& connection) {
  try {
    Next next = Next::AtOnce;
    while (next == Next::AtOnce) next = step(connection);
    watch(connection, next);
  } catch (const std::exception& exception) {
    log::error("a connection ended with an exception", {{"what", exception.what()}});
    if (connection.phase != Phase::Closed && connection.phase != Phase::Answering) close(connection);
  }
}

Reception::Next Reception::step(Connection& connection) {
  if (connection.is_late) return end_late(connection);
  switch (connection.phase) {
    case Phase::Opening:
      return open(connection);
    case Phase::Head:
      return read_head(connection);
    case Phase::Body:
      return read_body(connection);
    case Phase::Writing:
      return write_answer(connection);
    case Phase::Draining:
      return drain(connection);
    case Phase::Answering:
    case Phase::Closed:
      break;
  }
  return Next::Elsewhere;
}

Reception::Next Reception::end_late(Connection& connection) {
  if (connection.phase == Phase::Opening) return close(connection);
  connection.is_late = false;
  connection.sends_more = true;
  metrics().connections_refused.add({"too slow"});
  return refuse(connection, connection.phase == Phase::Head ? refused_late_head()
                                                            : refused_late_body(connection.request));
}

Reception::Next Reception::open(Connection& connection) {
  const auto opened = connection.channel->open();
  if (opened != Outcome::Done) return wait_or_close(connection, opened);
  enter(connection, Phase::Head);
  return Next::AtOnce;
}

Reception::Next Reception::read_head(Connection& connection) {
  auto& received = connection.received;
  for (int reads = 0; reads < kTurnReads; ++reads) {
    const std::size_t before = received.size();
    const auto read = connection.channel->read(received, std::min(kReadBytes, options_.head.head - before));
    if (read != Outcome::Done) return wait_or_close(connection, read);
    if (!may_decide(std::string_view(received).substr(before), before, options_.head)) continue;
    const auto next = begin_request(connection);
    if (connection.phase != Phase::Head) return next;
  }
  return Next::InTurn;
}

/// Leaves the phase where the head is whole or cannot become a good one.
Reception::Next Reception::begin_request(Connection& connection) {
  auto head = parse_request_head(connection.received, options_.head);
  if (!head) {
    connection.sends_more = true;
    metrics().connections_refused.add({"bad head"});
    return refuse(connection, refused_head(head.error()));
  }
  if (!*head) return Next::AtOnce;
  const auto received = std::exchange(connection.received, {});
  const auto rest = std::string_view(received).substr((*head)->size);
  connection.content_length = (*head)->content_length;
  connection.sends_more = rest.size() > connection.content_length;
  connection.request = std::move((*head)->request);
  auto& request = connection.request;
  const auto client = client_address(connection.peer, request, options_.trusted_proxies);
  connection.client = subscriber_of(client);
  request.client_address = to_string(client);
  request.id = id_of(id_prefix_, ++requests_);
  enter(connection, Phase::Body);
  const auto early = rest.substr(0, connection.content_length);
  const auto next = admit_request(connection, early);
  if (connection.phase != Phase::Body || !(*head)->expects_continue || !early.empty()) return next;
  std::string_view interim = "HTTP/1.1 100 Continue\r\n\r\n";
  // These are the first bytes of the connection: a client that has no room for them does not read at all.
  if (connection.channel->write(interim) != Outcome::Done) return close(connection);
  return next;
}

Reception::Next Reception::admit_request(Connection& connection, std::string_view early) {
  const auto& request = connection.request;
  try {
    auto admission = gate_(request);
    if (admission.refusal) return refuse(connection, std::move(*admission.refusal));
    if (connection.content_length > admission.body_limit) {
      metrics().connections_refused.add({"too large a body"});
      return refuse(connection, refused_large_body(request, admission.body_limit));
    }
    connection.place = admission.place;
  } catch (const std::exception& exception) {
    log::error("the gate threw", {{"request_id", request.id}, {"what", exception.what()}});
    return refuse(connection, failure_with_status(request, 500, ErrorCode::Internal, {}));
  } catch (...) {
    log::error("the gate threw", {{"request_id", request.id}});
    return refuse(connection, failure_with_status(request, 500, ErrorCode::Internal, {}));
  }
  return keep(connection, early) ? Next::AtOnce : refuse_for_load(connection);
}

Reception::Next Reception::read_body(Connection& connection) {
  const auto& body = connection.request.body;
  for (int reads = 0; body.size() < connection.content_length; ++reads) {
    if (reads == kTurnReads) return Next::InTurn;
    scratch_.clear();
    const auto read =
        connection.channel->read(scratch_, std::min(kReadBytes, connection.content_length - body.size()));
    if (read == Outcome::Closed) {
      metrics().connections_refused.add({"body cut off"});
      return refuse(connection, refused_short_body(connection.request));
    }
    if (read != Outcome::Done) return wait_or_close(connection, read);
    if (!keep(connection, scratch_)) return refuse_for_load(connection);
  }
  return hand_over(connection);
}

/// The buffer grows with what has come, never by what Content-Length promises, and the budget is charged for
/// the buffer. False where the budget has no room.
bool Reception::keep(Connection& connection, std::string_view bytes) {
  auto& body = connection.request.body;
  const std::size_t needed = body.size() + bytes.size();
  if (needed > connection.charged) {
    const auto wanted = std::max({needed, 2 * connection.charged, kFirstBodyBytes});
    const auto size = std::min(wanted, connection.content_length);
    if (!take_room(connection, size - connection.charged)) return false;
    connection.charged = size;
    body.reserve(size);
  }
  body.append(bytes);
  return true;
}

/// Anybody may send bodies before he has proven anything, so nobody may keep the others out by hoarding:
/// where the budget has no room, unfinished bodies of the client that holds most of it give way.
bool Reception::take_room(const Connection& connection, std::size_t bytes) {
  while (!budget_.take(bytes, connection.content_length)) {
    Connection* const other = who_holds_most(connection, bytes);
    if (other == nullptr) return false;
    give_way(*other, "gave way to the body of another client");
  }
  return true;
}

/// The largest unfinished body of the client that holds more than `asking`'s would then; nullptr where there
/// is none.
Connection* Reception::who_holds_most(const Connection& asking, std::size_t bytes) {
  struct Held {
    std::size_t bytes = 0;
    Connection* largest = nullptr;
  };
  const bool only_large_help = budget_.has_room_in_total(bytes);
  std::map<IpAddress, Held> clients;
  for (auto& connection : receiving_) {
    if (connection.charged == 0 || (only_large_help && !budget_.is_large(connection.content_length)))
      continue;
    auto& held = clients[connection.client];
    held.bytes += connection.charged;
    if (held.largest == nullptr || held.largest->charged < connection.charged) held.largest = &connection;
  }
  Held most{clients[asking.client].bytes + bytes, nullptr};
  for (const auto& [client, held] : clients) {
    if (client != asking.client && held.bytes > most.bytes) most = held;
  }
  return most.largest;
}

Reception::Next Reception::hand_over(Connection& connection) {
  enter(connection, Phase::Answering);
  if (connection.place == Place::Receiver) return start_writing(connection, answer_(connection.request));
  auto& pool = connection.place == Place::Patient ? patient_workers_ : workers_;
  BoundedPool::Task task = [this, &connection](MonotonicTime) {
    hand_back(connection, answer_(connection.request));
  };
  if (pool.submit(task)) return Next::Elsewhere;
  return refuse_for_load(connection);
}

/// On a pool's thread. The reception touches nothing of the connection before this.
void Reception::hand_back(Connection& connection, std::string bytes) {
  connection.request = {};
  bool was_empty = false;
  {
    auto inbox = inbox_.lock();
    was_empty = inbox->arrivals.empty() && inbox->answers.empty();
    inbox->answers.push_back({&connection, std::move(bytes)});
  }
  if (was_empty) wake();
}

// Answers.

Reception::Next Reception::refuse(Connection& connection, Response response) {
  if (connection.request.body.size() < connection.content_length) connection.sends_more = true;
  add_common_headers(response, connection.request.id);
  return start_writing(connection, raw_response(response, connection.request.method != "HEAD"));
}

Reception::Next Reception::refuse_for_load(Connection& connection) {
  log_refusal("overloaded");
  tell_of_load(connection.request);
  return refuse(connection, refused_for_load(connection.request));
}

void Reception::tell_of_load(const Request& request) {
  if (!options_.on_overload) return;
  try {
    options_.on_overload(request);
  } catch (const std::exception& exception) {
    log::error("nobody could be told of a refused request", {{"what", exception.what()}});
  }
}

Reception::Next Reception::start_writing(Connection& connection, std::string bytes) {
  forget_body(connection);
  connection.request = {};
  connection.received = {};
  connection.answer = std::move(bytes);
  connection.unwritten = connection.answer;
  // Counted from now: a handler may have waited long for a commit or a run.
  connection.deadline = SteadyClock::now() + options_.write_time;
  enter(connection, Phase::Writing);
  return Next::AtOnce;
}

Reception::Next Reception::write_answer(Connection& connection) {
  const auto written = connection.channel->write(connection.unwritten);
  if (written != Outcome::Done) return wait_or_close(connection, written);
  crash_point(CrashPoint::AfterReply, std::string_view(connection.answer).substr(0, 12));
  connection.answer = {};
  connection.channel->finish();
  if (!connection.sends_more && !has_unread_bytes(connection.socket.get())) return close(connection);
  connection.deadline = SteadyClock::now() + options_.drain_time;
  enter(connection, Phase::Draining);
  return Next::AtOnce;
}

/// Closing with unread bytes resets the connection, which may destroy the answer on its way.
Reception::Next Reception::drain(Connection& connection) {
  for (int reads = 0; connection.drained < kDrainBytes; ++reads) {
    if (reads == kTurnReads) return Next::InTurn;
    scratch_.clear();
    const auto read = connection.channel->read(scratch_, kReadBytes);
    if (read != Outcome::Done) return wait_or_close(connection, read);
    connection.drained += scratch_.size();
  }
  return close(connection);
}

/// Where the channel cannot go on now.
Reception::Next Reception::wait_or_close(Connection& connection, Outcome outcome) {
  if (outcome == Outcome::WantRead) return Next::OnRead;
  if (outcome == Outcome::WantWrite) return Next::OnWrite;
  return close(connection);
}

Reception::Next Reception::close(Connection& connection) {
  forget_body(connection);
  if (connection.is_counted) {
    const auto found = of_address_.find(subscriber_of(connection.peer));
    if (--found->second == 0) of_address_.erase(found);
  }
  --open_;
  connection.channel.reset();
  // Closing is not enough where a child of ours has the socket too: epoll would go on with it.
  if (connection.is_watched) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, connection.socket.get(), nullptr);
  connection.socket.reset();
  connection.request = {};
  connection.received = {};
  connection.answer = {};
  enter(connection, Phase::Closed);
  return Next::Elsewhere;
}

void Reception::forget_body(Connection& connection) {
  std::string().swap(connection.request.body);
  budget_.give_back(std::exchange(connection.charged, 0), connection.content_length);
}

// Lists and events.

void Reception::enter(Connection& connection, Phase phase) {
  auto& from = list_of(connection.phase);
  auto& to = list_of(phase);
  connection.phase = phase;
  if (&from != &to) to.splice(to.end(), from, connection.self);
}

Reception::Connections& Reception::list_of(Phase phase) {
  switch (phase) {
    case Phase::Opening:
    case Phase::Head:
    case Phase::Body:
      return receiving_;
    case Phase::Answering:
      return answering_;
    case Phase::Writing:
      return writing_;
    case Phase::Draining:
      return draining_;
    case Phase::Closed:
      break;
  }
  return closed_;
}

/// One event each time, so that a connection that is being answered raises none.
void Reception::watch(Connection& connection, Next next) {
  if (next == Next::Elsewhere) return;
  epoll_event event{};
  // A socket into which little was written is writable at once: it comes again after those that are ready
  // now. So do bytes that a TLS channel has read already and of which the kernel no longer knows.
  event.events = EPOLLONESHOT | (next == Next::OnRead ? EPOLLIN : EPOLLOUT);
  event.data.ptr = &connection;
  const int operation = connection.is_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  connection.is_watched = true;
  if (::epoll_ctl(epoll_.get(), operation, connection.socket.get(), &event) != 0) close(connection);
}

void Reception::log_refusal(const char* reason) {
  metrics().connections_refused.add({reason});
  if (const auto held_back = refusals_.pass(SteadyClock::now())) {
    log::warn("connection refused", {{"reason", reason}, {"not_logged", *held_back}});
  }
}

}  // namespace gitferry::api

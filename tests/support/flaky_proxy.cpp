#include "tests/support/flaky_proxy.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

namespace gitferry::test {
namespace {

using From = LineFault::From;
using Kind = LineFault::Kind;

/// Between two bytes of a line that trickles, and two looks at what the test wants.
constexpr int kTick_ms = 20;
constexpr std::size_t kHistory = 1U << 20U;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

/// Closing then sends a RST.
void make_abortive(const UniqueFd& fd) {
  const linger at_once{1, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

}  // namespace

struct FlakyProxy::Line {
  From from = From::Clients;
  int in = -1;
  int out = -1;
  bool has_ended = false;  ///< what still comes is dropped
  bool is_stalled = false;
  bool trickles = false;
  bool resets_after = false;
  bool ends_after = false;
  std::string pending;
  std::string history;

  [[nodiscard]] bool is_silent() const { return is_stalled && pending.empty(); }
};

struct FlakyProxy::Connection {
  UniqueFd client;
  UniqueFd server;
  std::array<Line, 2> lines;
};

FlakyProxy::FlakyProxy(std::uint16_t server_port) : server_port_(server_port) {
  listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  auto address = loopback(0);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_.get(), generic, size) != 0 || ::listen(listener_.get(), 64) != 0 ||
      ::getsockname(listener_.get(), generic, &size) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this](const std::stop_token& stop) { loop(stop); });
}

FlakyProxy::~FlakyProxy() = default;

void FlakyProxy::arm(std::optional<LineFault> fault) {
  {
    auto script = script_.lock();
    *script = {};
    script->fault = fault;
    script->breaks_connections = true;
  }
  // A connection that is made from now on must not be among the broken ones.
  while (script_.lock()->breaks_connections) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

std::uint64_t FlakyProxy::forwarded(From from) const {
  auto script = script_.lock();
  return from == From::Clients ? script->from_clients : script->from_server;
}

bool FlakyProxy::has_struck() const {
  return script_.lock()->has_struck;
}

void FlakyProxy::accept_one(Connection& connection) {
  connection.client = UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  connection.server = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  auto address = loopback(server_port_);
  if (::connect(connection.server.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
    std::abort();
  const int client = connection.client.get();
  const int server = connection.server.get();
  connection.lines[0].from = From::Clients;
  connection.lines[0].in = connection.lines[1].out = client;
  connection.lines[1].from = From::Server;
  connection.lines[1].in = connection.lines[0].out = server;
}

bool FlakyProxy::strike(Connection& connection, Line& line, const LineFault& fault, std::string bytes,
                        std::size_t good) {
  line.pending = bytes.substr(0, good);
  switch (fault.kind) {
    case Kind::Reset:
      line.resets_after = true;
      make_abortive(connection.client);
      make_abortive(connection.server);
      return true;
    case Kind::Truncate:
      line.ends_after = true;
      return true;
    case Kind::Stall:
      line.is_stalled = true;
      return true;
    case Kind::Trickle:
      line.trickles = true;
      line.pending = std::move(bytes);
      return true;
    case Kind::Flip:
      bytes[good] = static_cast<char>(bytes[good] ^ 0x10);
      line.pending = std::move(bytes);
      return true;
    case Kind::Repeat:
      line.pending += line.history + line.pending + bytes.substr(good);
      return true;
  }
  return true;
}

bool FlakyProxy::forward(Connection& connection, Line& line) {
  if (!line.pending.empty()) {
    const auto size = line.trickles ? std::size_t{1} : line.pending.size();
    const auto sent = ::send(line.out, line.pending.data(), size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN) return true;
    if (sent <= 0) return false;
    line.pending.erase(0, static_cast<std::size_t>(sent));
  } else {
    std::array<char, 16384> buffer{};
    const auto got = ::recv(line.in, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return true;
    if (got <= 0) {
      line.has_ended = true;
      ::shutdown(line.out, SHUT_WR);
      return got == 0;
    }
    if (line.ends_after) return true;
    std::string bytes(buffer.data(), static_cast<std::size_t>(got));
    auto script = script_.lock();
    auto& counted = line.from == From::Clients ? script->from_clients : script->from_server;
    const auto begin = std::exchange(counted, counted + bytes.size());
    const auto& fault = script->fault;
    if (fault && !script->has_struck && fault->from == line.from && fault->at < begin + bytes.size()) {
      script->has_struck = true;
      if (!strike(connection, line, *fault, std::move(bytes), fault->at - begin)) return false;
    } else {
      if (line.history.size() < kHistory) line.history += bytes;
      line.pending = std::move(bytes);
    }
  }
  if (!line.pending.empty()) return true;
  if (line.ends_after) ::shutdown(line.out, SHUT_WR);
  return !line.resets_after;
}

void FlakyProxy::loop(const std::stop_token& stop) {
  std::vector<std::unique_ptr<Connection>> connections;
  while (!stop.stop_requested()) {
    if (std::exchange(script_.lock()->breaks_connections, false)) connections.clear();
    std::vector<pollfd> watched{{listener_.get(), POLLIN, 0}};
    std::vector<std::pair<Connection*, Line*>> owners{{nullptr, nullptr}};
    bool trickles = false;
    for (const auto& connection : connections) {
      for (auto& line : connection->lines) {
        if (line.has_ended || line.is_silent()) continue;
        trickles = trickles || line.trickles;
        const bool writes = !line.pending.empty();
        watched.push_back({writes ? line.out : line.in, static_cast<short>(writes ? POLLOUT : POLLIN), 0});
        owners.emplace_back(connection.get(), &line);
      }
    }
    if (trickles) std::this_thread::sleep_for(std::chrono::milliseconds(kTick_ms));
    ::poll(watched.data(), watched.size(), kTick_ms);
    std::vector<const Connection*> over;
    for (std::size_t i = 1; i < watched.size(); ++i) {
      if (watched[i].revents == 0) continue;
      if (!forward(*owners[i].first, *owners[i].second)) over.push_back(owners[i].first);
    }
    std::erase_if(connections, [&](const auto& connection) {
      return (connection->lines[0].has_ended && connection->lines[1].has_ended) ||
             std::find(over.begin(), over.end(), connection.get()) != over.end();
    });
    if ((watched[0].revents & POLLIN) != 0) {
      accept_one(*connections.emplace_back(std::make_unique<Connection>()));
    }
  }
}

}  // namespace gitferry::test

#include "tests/support/gate_proxy.h"

#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

namespace gitferry::test {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

struct Direction {
  int from = -1;
  int to = -1;
  bool from_client = false;
  bool ended = false;
  std::string pending;
};

struct Pair {
  UniqueFd client;
  UniqueFd server;
  std::array<Direction, 2> directions;
  [[nodiscard]] bool is_over() const { return directions[0].ended && directions[1].ended; }
};

}  // namespace

GateProxy::GateProxy(std::uint16_t target_port) : target_port_(target_port) {
  listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  auto address = loopback(0);
  socklen_t size = sizeof(address);
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(listener_.get(), 64) != 0 ||
      ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this](const std::stop_token& stop) { loop(stop); });
}

GateProxy::~GateProxy() = default;

void GateProxy::close_after(std::size_t bytes, From from) {
  (from == From::Clients ? from_clients_ : from_server_) = static_cast<std::int64_t>(bytes);
}

void GateProxy::open() {
  from_clients_ = kUnlimited;
  from_server_ = kUnlimited;
}

void GateProxy::loop(const std::stop_token& stop) {
  std::vector<std::unique_ptr<Pair>> pairs;
  while (!stop.stop_requested()) {
    if (is_cut_.exchange(false)) {
      pairs.clear();
      open();
    }
    std::vector<pollfd> watched{{listener_.get(), POLLIN, 0}};
    std::vector<Direction*> owners{nullptr};
    bool holds = false;
    for (const auto& pair : pairs) {
      for (auto& direction : pair->directions) {
        const bool held = (direction.from_client ? from_clients_ : from_server_) <= 0;
        holds = holds || (held && !direction.ended);
        if (direction.ended || held) continue;
        const bool writes = !direction.pending.empty();
        watched.push_back(
            {writes ? direction.to : direction.from, static_cast<short>(writes ? POLLOUT : POLLIN), 0});
        owners.push_back(&direction);
      }
    }
    holding_ = holds;
    ::poll(watched.data(), watched.size(), 20);
    for (std::size_t i = 1; i < watched.size(); ++i) {
      if (watched[i].revents == 0) continue;
      auto& direction = *owners[i];
      if (!direction.pending.empty()) {
        const auto sent = ::send(direction.to, direction.pending.data(), direction.pending.size(),
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) direction.pending.erase(0, static_cast<std::size_t>(sent));
        if (sent <= 0) direction.ended = true;
        continue;
      }
      std::array<char, 8192> buffer{};
      const auto got = ::recv(direction.from, buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got <= 0) {
        direction.ended = true;
        ::shutdown(direction.to, SHUT_WR);
        continue;
      }
      (direction.from_client ? from_clients_ : from_server_) -= got;
      direction.pending.assign(buffer.data(), static_cast<std::size_t>(got));
    }
    if ((watched[0].revents & POLLIN) != 0) {
      auto pair = std::make_unique<Pair>();
      pair->client = UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      pair->server = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      auto address = loopback(target_port_);
      if (::connect(pair->server.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) {
        pair->directions[0] = {pair->client.get(), pair->server.get(), true, false, {}};
        pair->directions[1] = {pair->server.get(), pair->client.get(), false, false, {}};
        pairs.push_back(std::move(pair));
      }
    }
    std::erase_if(pairs, [](const auto& pair) { return pair->is_over(); });
  }
}

}  // namespace gitferry::test

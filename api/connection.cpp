#include "api/connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

namespace gitferry::api {
namespace {

int milliseconds_until(MonotonicTime deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 600'000));
}

enum class Ready { Yes, Late, Stopped };

Ready wait_for(int fd, short events, int stop_fd, MonotonicTime deadline) {
  std::array<pollfd, 2> polled{pollfd{fd, events, 0}, pollfd{stop_fd, POLLIN, 0}};
  for (;;) {
    const int found = ::poll(polled.data(), polled.size(), milliseconds_until(deadline));
    if (found < 0 && errno == EINTR) continue;
    if (polled[0].revents != 0) return Ready::Yes;
    if (polled[1].revents != 0) return Ready::Stopped;
    if (std::chrono::steady_clock::now() >= deadline || found < 0) return Ready::Late;
  }
}

}  // namespace

Connection::Read Connection::read(std::string& buffer, std::size_t limit, bool watch_stop) {
  std::array<char, 16 * 1024> chunk;
  const std::size_t wanted = std::min(limit, chunk.size());
  for (;;) {
    const ssize_t got = ::recv(fd_, chunk.data(), wanted, MSG_DONTWAIT);
    if (got > 0) {
      buffer.append(chunk.data(), static_cast<std::size_t>(got));
      // Bytes that never pause must not outlive the deadline either.
      return std::chrono::steady_clock::now() >= deadline_ ? Read::Late : Read::Data;
    }
    if (got == 0) return Read::Closed;
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return Read::Closed;
    switch (wait_for(fd_, POLLIN, watch_stop ? stop_fd_ : -1, deadline_)) {
      case Ready::Yes:
        break;
      case Ready::Late:
        return Read::Late;
      case Ready::Stopped:
        return Read::Stopped;
    }
  }
}

bool Connection::write_all(std::string_view bytes, MonotonicTime deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return false;
    if (wait_for(fd_, POLLOUT, -1, deadline) != Ready::Yes) return false;
  }
  return true;
}

void Connection::finish(MonotonicTime deadline) {
  ::shutdown(fd_, SHUT_WR);
  deadline_ = deadline;
  std::string dropped;
  while (dropped.size() < 64U * 1024 && read(dropped, 16U * 1024, true) == Read::Data) {
  }
}

std::string Connection::peer_address() const {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  if (::getpeername(fd_, reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof(v4));
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  } else if (address.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof(v6));
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  }
  return text.data();
}

}  // namespace gitferry::api

#include "tests/bench/load_client.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/unique_fd.h"

namespace gitferry::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

/// One connection at a time, from connect() to its end.
struct Slot {
  UniqueFd fd;
  std::string_view unsent;
  std::string answer;
  SteadyClock::time_point began;
};

class Client {
 public:
  explicit Client(const Load& load)
      : load_(load),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        expected_("HTTP/1.1 " + std::to_string(load.expected) + " "),
        slots_(static_cast<std::size_t>(load.connections)) {
    address_.sin_family = AF_INET;
    address_.sin_port = htons(load.port);
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }

  LoadResult run() {
    const auto begin = SteadyClock::now();
    const auto end = begin + load_.duration;
    for (auto& slot : slots_) open(slot);
    std::array<epoll_event, 256> events{};
    while (SteadyClock::now() < end) {
      const int ready = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 100);
      for (int i = 0; i < ready; ++i)
        go_on(*static_cast<Slot*>(events.at(static_cast<std::size_t>(i)).data.ptr));
    }
    const std::chrono::duration<double> took = SteadyClock::now() - begin;
    result_.per_second = static_cast<double>(result_.latencies_ms.size()) / took.count();
    std::sort(result_.latencies_ms.begin(), result_.latencies_ms.end());
    return std::move(result_);
  }

 private:
  void open(Slot& slot) {
    slot.fd = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    // A reset at the end keeps no port in TIME_WAIT: there are fewer ports than requests.
    const linger reset{1, 0};
    ::setsockopt(slot.fd.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    slot.began = SteadyClock::now();
    slot.answer.clear();
    slot.unsent = load_.requests[next_++ % load_.requests.size()];
    if (::connect(slot.fd.get(), reinterpret_cast<const sockaddr*>(&address_), sizeof(address_)) != 0 &&
        errno != EINPROGRESS)
      std::abort();
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.ptr = &slot;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, slot.fd.get(), &event);
  }

  void go_on(Slot& slot) {
    while (!slot.unsent.empty()) {
      const auto sent = ::send(slot.fd.get(), slot.unsent.data(), slot.unsent.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        slot.unsent.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno == EAGAIN || errno == ENOTCONN) {
        break;
      } else {
        return ended(slot);
      }
    }
    std::array<char, 4096> chunk{};
    for (;;) {
      const auto got = ::recv(slot.fd.get(), chunk.data(), chunk.size(), 0);
      if (got < 0 && (errno == EAGAIN || errno == ENOTCONN)) return;
      if (got <= 0) return ended(slot);
      slot.answer.append(chunk.data(), static_cast<std::size_t>(got));
    }
  }

  void ended(Slot& slot) {
    if (slot.answer.starts_with(expected_)) {
      result_.latencies_ms.push_back(
          std::chrono::duration<double, std::milli>(SteadyClock::now() - slot.began).count());
    } else {
      ++result_.others;
    }
    open(slot);
  }

  const Load& load_;
  UniqueFd epoll_;
  const std::string expected_;
  sockaddr_in address_{};
  std::vector<Slot> slots_;
  std::size_t next_ = 0;
  LoadResult result_;
};

}  // namespace

double LoadResult::percentile(int hundredths) const {
  if (latencies_ms.empty()) return 0;
  return latencies_ms[(latencies_ms.size() - 1) * static_cast<std::size_t>(hundredths) / 100];
}

LoadResult offer(const Load& load) {
  return Client(load).run();
}

}  // namespace gitferry::bench

#include "api/channel.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <sys/socket.h>

namespace gitferry::api {
namespace {

class PlainChannel final : public Channel {
 public:
  explicit PlainChannel(int fd) : fd_(fd) {}

  Outcome open() override { return Outcome::Done; }

  Outcome read(std::string& buffer, std::size_t limit) override {
    std::array<char, 16 * 1024> chunk;
    for (;;) {
      const ssize_t got = ::recv(fd_, chunk.data(), std::min(limit, chunk.size()), MSG_DONTWAIT);
      if (got > 0) {
        buffer.append(chunk.data(), static_cast<std::size_t>(got));
        return Outcome::Done;
      }
      if (got == 0) return Outcome::Closed;
      if (errno == EINTR) continue;
      return errno == EAGAIN || errno == EWOULDBLOCK ? Outcome::WantRead : Outcome::Closed;
    }
  }

  Outcome write(std::string_view& bytes) override {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno != EINTR) {
        return errno == EAGAIN || errno == EWOULDBLOCK ? Outcome::WantWrite : Outcome::Closed;
      }
    }
    return Outcome::Done;
  }

  Outcome finish() override {
    ::shutdown(fd_, SHUT_WR);
    return Outcome::Done;
  }

 private:
  int fd_;
};

}  // namespace

std::unique_ptr<Channel> plain_channel(int fd) {
  return std::make_unique<PlainChannel>(fd);
}

}  // namespace gitferry::api

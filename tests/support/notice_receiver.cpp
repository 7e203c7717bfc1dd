#include "tests/support/notice_receiver.h"

#include <array>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/text.h"

namespace gitferry::test {
namespace {

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

/// Reads until `bytes` has so many; false where the client leaves.
bool read_until(int fd, std::string& bytes, const std::function<bool()>& is_enough) {
  std::array<char, 16 * 1024> chunk{};
  while (!is_enough()) {
    const auto count = ::read(fd, chunk.data(), chunk.size());
    if (count <= 0) return false;
    bytes.append(chunk.data(), static_cast<std::size_t>(count));
  }
  return true;
}

std::optional<ReceivedNotice> read_request(int fd) {
  std::string bytes;
  std::size_t end = std::string::npos;
  if (!read_until(fd, bytes, [&] { return (end = bytes.find("\r\n\r\n")) != std::string::npos; })) {
    return std::nullopt;
  }
  ReceivedNotice request;
  const auto head = bytes.substr(0, end);
  const auto lines = split(head, '\n');
  const auto words = split(lines.front(), ' ');
  request.target = words.size() > 1 ? std::string(words[1]) : "";
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto colon = lines[i].find(':');
    request.headers[to_lower(lines[i].substr(0, colon))] = std::string(trim(lines[i].substr(colon + 1)));
  }
  const auto length = static_cast<std::size_t>(parse_number(request.headers["content-length"]).value_or(0));
  bytes.erase(0, end + 4);
  if (!read_until(fd, bytes, [&] { return bytes.size() >= length; })) return std::nullopt;
  request.body = bytes.substr(0, length);
  return request;
}

}  // namespace

NoticeReceiver::NoticeReceiver(Answer answer) : answer_(std::move(answer)) {
  listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  // NOLINTBEGIN(cppcoreguidelines-pro-type-reinterpret-cast): what the sockets API asks for
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_.get(), 64) != 0 ||
      ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();
  }
  // NOLINTEND(cppcoreguidelines-pro-type-reinterpret-cast)
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
}

NoticeReceiver::~NoticeReceiver() {
  thread_.request_stop();
  ::shutdown(listener_.get(), SHUT_RDWR);
  {
    auto state = state_.lock();
    for (const auto& fd : state->open) ::shutdown(fd.get(), SHUT_RDWR);
  }
  thread_.join();
}

std::string NoticeReceiver::url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(port_) + path;
}

std::vector<ReceivedNotice> NoticeReceiver::received() {
  return state_.lock()->received;
}

std::string NoticeReceiver::answer(const std::string& status, const std::string& body,
                                   const std::string& headers) {
  return "HTTP/1.1 " + status + "\r\n" + headers + "Content-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + body;
}

void NoticeReceiver::serve(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    UniqueFd owned(fd);
    serve_connection(fd);
    state_.lock()->open.push_back(std::move(owned));
  }
}

void NoticeReceiver::serve_connection(int fd) {
  auto request = read_request(fd);
  if (!request) return;
  std::size_t number = 0;
  {
    auto state = state_.lock();
    number = state->received.size();
    state->received.push_back(std::move(*request));
  }
  const auto answered = answer_(number);
  if (answered.empty()) return;
  write_all(fd, answered);
  ::shutdown(fd, SHUT_WR);
}

}  // namespace gitferry::test

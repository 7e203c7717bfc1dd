#include "tests/support/scripted_server.h"

#include <array>
#include <cstdlib>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace gitferry::test {
namespace {

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

/// Up to the empty line; empty where the client left. What follows of a body stays unread or is cut off.
std::string read_head(int fd) {
  std::string head;
  std::array<char, 4096> chunk{};
  while (head.find("\r\n\r\n") == std::string::npos) {
    const auto count = ::recv(fd, chunk.data(), chunk.size(), 0);
    if (count <= 0) return {};
    head.append(chunk.data(), static_cast<std::size_t>(count));
  }
  return head;
}

}  // namespace

ScriptedServer::ScriptedServer(std::vector<ScriptedAnswer> answers)
    : answers_(std::move(answers)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_.get(), generic, size) != 0 || ::listen(listener_.get(), 16) != 0 ||
      ::getsockname(listener_.get(), generic, &size) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
}

ScriptedServer::~ScriptedServer() {
  thread_.request_stop();
  ::shutdown(listener_.get(), SHUT_RDWR);
  {
    auto state = state_.lock();
    for (const auto& fd : state->open) ::shutdown(fd.get(), SHUT_RDWR);
  }
  thread_.join();
}

void ScriptedServer::serve(const std::stop_token& stop) {
  for (;;) {
    UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection || stop.stop_requested()) return;
    const int fd = connection.get();
    {
      auto state = state_.lock();
      state->open.push_back(std::move(connection));
      ++state->connections;
    }
    if (serve_connection(fd)) ::shutdown(fd, SHUT_WR);
  }
}

/// Whether the connection is to be closed.
bool ScriptedServer::serve_connection(int fd) {
  for (;;) {
    auto head = read_head(fd);
    if (head.empty() || next_ == answers_.size()) return true;
    state_.lock()->requests.push_back(std::move(head));
    const auto& answer = answers_[next_++];
    bool is_listening = send_all(fd, answer.bytes);
    for (std::size_t n = 0; answer.piece && is_listening; ++n) {
      const auto piece = answer.piece(n);
      if (piece.empty()) break;
      is_listening = send_all(fd, piece);
    }
    if (answer.stalls) return false;
    if (!answer.keeps_open) return true;
  }
}

std::string ScriptedServer::url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(port_) + path;
}

std::vector<std::string> ScriptedServer::requests() {
  return state_.lock()->requests;
}

std::size_t ScriptedServer::connections() {
  return state_.lock()->connections;
}

std::string http_answer(const std::string& status, const std::string& headers, const std::string& body) {
  return "HTTP/1.1 " + status + "\r\n" + headers + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

}  // namespace gitferry::test

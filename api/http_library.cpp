#include "api/http_library.h"

#include <algorithm>

namespace gitferry::api {

InnerStream::InnerStream(const Request& request) : request_(request) {
  // The library needs to know only whether the answer has a body.
  const std::string method = request.method == "HEAD" ? "HEAD" : "GET";
  input_ = method + " " + kInnerPath + " HTTP/1.1\r\nHost: gitferry\r\n\r\n";
}

ssize_t InnerStream::read(char* into, std::size_t size) {
  const auto count = std::min(size, input_.size() - position_);
  input_.copy(into, count, position_);
  position_ += count;
  return static_cast<ssize_t>(count);
}

ssize_t InnerStream::write(const char* bytes, std::size_t size) {
  output_.append(bytes, size);
  return static_cast<ssize_t>(size);
}

void InnerStream::get_remote_ip_and_port(std::string& ip, int& port) const {
  ip = request_.client_address;
  port = 0;
}

void InnerStream::get_local_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = 0;
}

}  // namespace gitferry::api

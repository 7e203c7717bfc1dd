#include "api/http_library.h"

#include <algorithm>

namespace gitferry::api {
namespace {

thread_local Arrival arrival;

}  // namespace

const Arrival& current_arrival() {
  return arrival;
}

EnqueueResult ConnectionQueue::enqueue(std::function<void()> connection) {
  BoundedPool::Task task = [connection](MonotonicTime submitted_at) {
    arrival = {submitted_at, true};
    connection();
  };
  if (!pool_.submit(task)) {
    arrival = {std::chrono::steady_clock::now(), false};
    connection();
  }
  return static_cast<EnqueueResult>(true);
}

InnerStream::InnerStream(Exchange& exchange) : exchange_(exchange), left_(exchange.content_length) {
  const auto& method = exchange.request->method;
  // The library reads no body of a GET.
  const bool is_get_with_body = method == "GET" && exchange.content_length > 0;
  input_ = (is_get_with_body ? "POST" : method) + " " + kInnerPath +
           " HTTP/1.1\r\nHost: gitferry\r\nContent-Length: " + std::to_string(exchange.content_length) +
           "\r\n\r\n";
  const auto early = exchange.early.substr(0, left_);
  input_.append(early);
  left_ -= early.size();
}

ssize_t InnerStream::read(char* into, std::size_t size) {
  if (position_ == input_.size()) {
    input_.clear();
    position_ = 0;
    if (left_ == 0) return 0;
    const auto outcome = exchange_.connection->read_body(input_, left_);
    exchange_.is_late = outcome == Connection::Read::Late;
    if (outcome != Connection::Read::Data) return -1;
    left_ -= input_.size();
  }
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
  ip = exchange_.request->client_address;
  port = 0;
}

void InnerStream::get_local_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = 0;
}

}  // namespace gitferry::api

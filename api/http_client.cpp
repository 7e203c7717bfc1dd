#include "api/http_client.h"

#include <algorithm>
#include <stdexcept>

#include <httplib.h>

namespace gitferry::api {
namespace {

/// `http://host:port` and the path in front of ours, without a slash at its end.
std::pair<std::string, std::string> split_base(const std::string& base_url) {
  const auto scheme_end = base_url.find("://");
  const auto host_start = scheme_end == std::string::npos ? 0 : scheme_end + 3;
  const auto path = base_url.find('/', host_start);
  std::string prefix = path == std::string::npos ? "" : base_url.substr(path);
  while (prefix.ends_with('/')) prefix.pop_back();
  return {base_url.substr(0, path), prefix};
}

/// The library's client does not check headers for line breaks.
bool fits_a_header(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

tl::unexpected<Error> no_address(const std::string& what) {
  return fail(ErrorCode::InvalidArgument, what + ": it is not an http address",
              "give the agent's address, such as http://127.0.0.1:8080");
}

tl::unexpected<Error> unanswered(const std::string& what, httplib::Error error) {
  if (error == httplib::Error::Connection) {
    return fail(ErrorCode::ConnectionFailed, what + ": nobody listens there",
                "is the agent running, and is it that address?");
  }
  if (error == httplib::Error::ConnectionTimeout) {
    return fail(ErrorCode::Timeout, what + ": nobody accepts the connection");
  }
  return fail(ErrorCode::HostError,
              what + ": the connection broke or no answer came (" + httplib::to_string(error) + ")");
}

httplib::Result exchange(httplib::Client& client, const HttpCall& call, const std::string& target) {
  httplib::Headers headers;
  for (const auto& [name, value] : call.headers) headers.emplace(name, value);
  if (call.method == "POST") return client.Post(target, headers, call.body, call.content_type.c_str());
  return client.Get(target, headers);
}

}  // namespace

Result<HttpReply> send(const HttpCall& call) {
  const auto [origin, prefix] = split_base(call.base_url);
  for (const auto& [name, value] : call.headers) {
    if (!fits_a_header(value)) {
      return fail(ErrorCode::InvalidArgument,
                  call.purpose + ": the value of " + name + " holds a control character");
    }
  }
  // User info would be sent nowhere, and its password shown in every text below.
  const bool has_user = origin.find('@') != std::string::npos;
  if (origin.empty() || origin.ends_with("//") || has_user || !fits_a_header(origin)) {
    return no_address(call.purpose);
  }
  const auto what = call.purpose + " at " + origin;
  try {
    httplib::Client client(origin);
    if (!client.is_valid()) return no_address(what);
    client.set_connection_timeout(call.connect_timeout);
    client.set_read_timeout(call.answer_timeout);
    client.set_write_timeout(call.answer_timeout);
    client.set_follow_location(false);
    const auto answer = exchange(client, call, prefix + call.path);
    if (!answer) return unanswered(what, answer.error());
    return HttpReply{answer->status, answer->body};
  } catch (const std::invalid_argument&) {  // a scheme that the library does not speak
    return no_address(what);
  } catch (const std::exception& exception) {
    return fail(ErrorCode::HostError, what + ": " + exception.what());
  }
}

}  // namespace gitferry::api

#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/result.h"

namespace gitferry::api {

/// One request to a running agent.
struct HttpCall {
  std::string purpose;   ///< what it is for, as error texts begin: `send a webhook`
  std::string base_url;  ///< `http://127.0.0.1:8080`, with a path where a proxy puts one in front
  /// PEM, for https: the server must show the first certificate of this file, whatever name is in it. Empty:
  /// it must show one for its name that the system trusts.
  std::string certificate_file;
  std::string method;  ///< GET, POST or PUT
  std::string path;    ///< with its query, encoded
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;                               ///< of a POST
  std::string content_type = "application/json";  ///< of the body
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds answer_timeout{10'000};
};

struct HttpReply {
  int status = 0;
  std::string body;
};

/// Blocking: up to the timeouts. No redirect is followed: the headers may hold secrets.
///
/// Errors: InvalidArgument for an address that is none or a header with a control character, ConnectionFailed
/// where nobody listens there, Timeout where nobody accepts in time, TlsFailed for a certificate that is not
/// the right one (nothing of the call was sent then), ConfigurationInvalid for a certificate file that cannot
/// be read, HostError for what breaks later.
Result<HttpReply> send(const HttpCall& call);

}  // namespace gitferry::api

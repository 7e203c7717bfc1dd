#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/git/curl_handles.h"
#include "agent/git/http_session.h"

namespace gitferry {

/// One request to a host's web API: a whole body there, a whole answer back.
struct WebRequest {
  std::string what;    ///< for error texts: `list the webhooks of 'acme/robot' at 'api.github.com'`
  std::string method;  ///< in capitals
  std::string url;     ///< http or https, encoded, without anything secret
  std::vector<std::string> headers = {};          ///< `Accept: application/json`
  Secret secret_header = {};                      ///< a whole line as well; empty: none
  std::optional<Secret> document = std::nullopt;  ///< JSON, which may hold secrets
};

struct WebReply {
  int status = 0;
  std::string body;
  std::optional<std::chrono::seconds> retry_after;  ///< of Retry-After, at most an hour
};

struct WebLimits {
  std::chrono::milliseconds connect{10'000};
  std::chrono::milliseconds total{30'000};
  std::size_t body_bytes = std::size_t{4} * 1024 * 1024;
};

/// Asks web APIs of git hosts under the rules that git's own transfers have: verified TLS, the configured
/// authorities and proxy, the address policy at each connect.
///
/// No redirect is followed: the answer is the caller's, and what proves us goes to the named host alone. The
/// connection is kept for the next request.
///
/// Threading: one thread at a time. Blocking: send() up to the limits.
/// Errors: InvalidArgument for an address that is none, those of HttpProxy::access_for(), those of the
///         transfer (http_transfer_error.h), LimitExceeded for an answer that is too large. Any whole answer
///         is a WebReply, whatever its status.
class WebClient {
 public:
  WebClient(HttpOptions options, WebLimits limits);
  Result<WebReply> send(const WebRequest& request);

 private:
  HttpOptions options_;
  WebLimits limits_;
  CurlEasy easy_;
};

}  // namespace gitferry

#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/git/http_session.h"
#include "agent/notify/answer.h"
#include "agent/notify/channel.h"

namespace gitferry {

/// What may be connected to, and how.
struct OutgoingOptions {
  HttpOptions http;
  bool allows_http = false;  ///< receivers without TLS
};

/// The longest that post() and send_mail() take.
constexpr std::chrono::seconds kLongestSend{30};

/// One POST of JSON. No redirect is followed, the address policy is asked about the address that is connected
/// to, and of the answer a few KiB are read. `url` is never in an error.
///
/// Blocking: kLongestSend. Errors: AddressRefused, ConnectionFailed, HostUnresolved, Timeout, TlsFailed,
/// Cancelled; ConfigurationInvalid where the address is none.
Result<HttpReply> post(const OutgoingOptions& options, const Secret& url,
                       const std::vector<std::string>& headers, const std::string& body,
                       const std::stop_token& stop);

/// One mail to all of the route's receivers, through its server. Blocking and errors as above; besides
/// AuthenticationFailed and RejectedByRemote.
Status send_mail(const OutgoingOptions& options, const MailRoute& route, const Secret& password,
                 const std::string& mail, const std::stop_token& stop);

}  // namespace gitferry

#pragma once

#include <memory>

#include "agent/git/http_session.h"
#include "agent/git/transport.h"

namespace gitferry {

/// Git's smart http protocol (gitprotocol-http) through libcurl.
///
/// Any wait on one transfer moves all transfers of this transport, so two hosts answer together. Connections
/// stay open between runs. Connections made by connect() must not outlive the transport.
class HttpTransport final : public Transport {
 public:
  explicit HttpTransport(HttpOptions options);
  /// Errors: those of HttpProxy::access_for().
  Result<std::unique_ptr<Connection>> connect(const Remote& remote, GitService service, int protocol_version,
                                              const Waiting& waiting) override;

 private:
  std::unique_ptr<HttpSession> session_;
};

/// The repository that a redirect of its advertisement leads to.
///
/// Only to the same host and port, with the same scheme or from http to https, and only where the new address
/// ends as the old one did. Errors: AddressRefused; the text names the new host at most.
Result<RemoteUrl> follow_redirect(const RemoteUrl& from, GitService service, const std::string& location);

}  // namespace gitferry

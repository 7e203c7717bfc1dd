#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "agent/git/curl_handles.h"
#include "agent/git/http_proxy.h"
#include "agent/git/http_session.h"

namespace gitferry {

/// What every http request of ours has in common, whatever it is for.

/// Sets libcurl up, once a process. To be called before it is used.
void initialise_curl();

/// To `url`, over TLS 1.2 or newer where it is https, with a certificate that is verified, and nowhere else:
/// no redirect is followed, and nothing comes from a netrc file.
void use_verified_connection(CURL* easy, const std::string& url, const HttpOptions& options,
                             std::chrono::milliseconds connect_limit);

/// Through the proxy's tunnel; nullopt: directly, whatever the environment says.
void use_proxy(CURL* easy, const std::optional<ProxyAccess>& proxy, const std::string& ca_file);

/// A socket as libcurl's CURLOPT_OPENSOCKETFUNCTION wants it.
curl_socket_t open_socket(const curl_sockaddr& address);

}  // namespace gitferry

#include "agent/git/http_transfer_error.h"

#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <openssl/x509.h>

namespace gitferry {
namespace {

constexpr const char* kProxyLogin = "check network.proxy_username and its password";

long number_of(const FailedTransfer& failed, CURLINFO info) {
  long value = 0;
  ::curl_easy_getinfo(failed.easy, info, &value);
  return value;
}

/// What the system said, or libcurl's constant text.
std::string reason_of(const FailedTransfer& failed) {
  const auto system_error = number_of(failed, CURLINFO_OS_ERRNO);
  return system_error != 0 ? std::generic_category().message(static_cast<int>(system_error))
                           : std::string(::curl_easy_strerror(failed.code));
}

Error error(ErrorCode code, const FailedTransfer& failed, std::string_view text, std::string hint) {
  return {code, fmt::format("{}: {}", failed.what, text), std::move(hint), {}};
}

/// What the proxy answered to CONNECT.
Error refused_tunnel(const FailedTransfer& failed, long status) {
  const auto& proxy = failed.proxy->url;
  // tinyproxy says 401 where the login is missing.
  if (status == 407 || status == 401) {
    const bool has_login = !failed.proxy->username.empty();
    return error(ErrorCode::AuthenticationFailed, failed,
                 fmt::format("the proxy '{}' {} ({})", proxy,
                             has_login ? "refused the configured user name and password"
                                       : "demands a user name and password",
                             status),
                 has_login ? kProxyLogin : "configure network.proxy_username and its password");
  }
  if (status == 504)
    return error(ErrorCode::Timeout, failed,
                 fmt::format("the proxy '{}' did not reach the host in time", proxy),
                 "look into the proxy's log");
  if (status >= 500)
    return error(
        ErrorCode::ConnectionFailed, failed,
        fmt::format("the proxy '{}' could not reach the host ({})", proxy, status),
        "check that the host is up and that the proxy knows its name, or name it in network.no_proxy");
  return error(ErrorCode::AccessDenied, failed,
               fmt::format("the proxy '{}' refused to connect to the host ({})", proxy, status),
               "allow CONNECT to that host and port in the proxy, or name the host in network.no_proxy");
}

/// What a SOCKS proxy answered.
Error refused_by_socks(const FailedTransfer& failed) {
  const auto& proxy = failed.proxy->url;
  switch (number_of(failed, CURLINFO_PROXY_ERROR)) {
    case CURLPX_USER_REJECTED:
    case CURLPX_NO_AUTH:
    case CURLPX_UNKNOWN_MODE:
      return error(ErrorCode::AuthenticationFailed, failed,
                   fmt::format("the proxy '{}' refused the user name and password, or demands them", proxy),
                   kProxyLogin);
    case CURLPX_REPLY_NOT_ALLOWED:
      return error(ErrorCode::AccessDenied, failed,
                   fmt::format("the proxy '{}' refused to connect to the host", proxy),
                   "allow that host in the proxy, or name it in network.no_proxy");
    case CURLPX_BAD_VERSION:
    case CURLPX_BAD_ADDRESS_TYPE:
      return error(ErrorCode::ProtocolError, failed, fmt::format("'{}' does not speak SOCKS5", proxy),
                   "check the scheme and the port of network.proxy");
    default:
      return error(
          ErrorCode::ConnectionFailed, failed, fmt::format("the proxy '{}' could not reach the host", proxy),
          "check that the host is up and that the proxy knows its name, or name it in network.no_proxy");
  }
}

/// Whether the proxy itself is what failed: nothing has reached the host yet.
bool is_of_proxy(const FailedTransfer& failed) {
  // Of a SOCKS proxy libcurl tells by an error of its own.
  return failed.proxy != nullptr && !failed.proxy->url.starts_with("socks") &&
         number_of(failed, CURLINFO_HTTP_CONNECTCODE) == 0;
}

Error no_connection(const FailedTransfer& failed) {
  if (failed.proxy == nullptr) {
    return error(ErrorCode::ConnectionFailed, failed, "no connection: " + reason_of(failed),
                 "check that the host is up and can be reached from here");
  }
  return error(ErrorCode::ConnectionFailed, failed,
               fmt::format("no connection to the proxy '{}': {}", failed.proxy->url, reason_of(failed)),
               "check network.proxy, and that the proxy is up");
}

Error unresolved(const FailedTransfer& failed, std::string_view why) {
  if (failed.proxy == nullptr) {
    return error(ErrorCode::HostUnresolved, failed, fmt::format("the host's name {}", why),
                 "check the address and the name server of this machine");
  }
  return error(ErrorCode::HostUnresolved, failed, fmt::format("the proxy's name {}", why),
               "check network.proxy and the name server of this machine");
}

Error timed_out(const FailedTransfer& failed) {
  curl_off_t looked_up = 0;
  ::curl_easy_getinfo(failed.easy, CURLINFO_NAMELOOKUP_TIME_T, &looked_up);
  if (looked_up == 0) return unresolved(failed, "was not resolved in time");
  const auto through =
      failed.proxy == nullptr ? std::string() : fmt::format(" through the proxy '{}'", failed.proxy->url);
  return error(ErrorCode::Timeout, failed,
               fmt::format("no connection{} within {} ms", through, failed.connect_limit.count()),
               "check that the host can be reached from here, or raise sync.timeouts.connect");
}

Error untrusted(const FailedTransfer& failed) {
  const bool is_proxy = is_of_proxy(failed) && failed.proxy->is_tls();
  const auto verified =
      number_of(failed, is_proxy ? CURLINFO_PROXY_SSL_VERIFYRESULT : CURLINFO_SSL_VERIFYRESULT);
  // Where the name does not fit, libcurl leaves the chain's result as it was: not judged.
  const bool is_chain_trusted = verified == X509_V_OK || verified == X509_V_ERR_UNSPECIFIED;
  const char* why =
      is_chain_trusted ? "it is not for this host's name" : ::X509_verify_cert_error_string(verified);
  return error(ErrorCode::TlsFailed, failed,
               fmt::format("the {}'s certificate was refused: {}", is_proxy ? "proxy" : "host", why),
               "name its authority's certificate in network.ca_file, or correct the certificate");
}

/// Whether the host ended the connection for the sake of our certificate. With TLS 1.3 that comes after the
/// handshake, as a connection that breaks.
bool is_certificate_alert(const FailedTransfer& failed) {
  const auto has = [&](std::string_view text) { return failed.detail.find(text) != std::string_view::npos; };
  return has("alert") && (has("certificate") || has("unknown ca"));
}

Error refused_certificate(const FailedTransfer& failed) {
  if (failed.credential != nullptr && !failed.credential->client_certificate_file.empty()) {
    return error(ErrorCode::AuthenticationFailed, failed,
                 fmt::format("the host refused the client certificate '{}'",
                             failed.credential->client_certificate_file),
                 "check that it has not expired and that the host knows its authority");
  }
  return error(ErrorCode::AuthenticationFailed, failed, "the host demands a client certificate",
               "configure client_certificate_file and client_key_file for this address in credentials");
}

Error unusable_certificate(const FailedTransfer& failed) {
  return error(
      ErrorCode::AuthenticationFailed, failed, "the client certificate or its key could not be used",
      "client_certificate_file and client_key_file must be PEM, belong together, and the key must have "
      "no passphrase");
}

Error lost(const FailedTransfer& failed) {
  return error(ErrorCode::ConnectionFailed, failed, "the connection was lost: " + reason_of(failed),
               "look into the log of that host, and of proxies before it");
}

/// The errors of TLS; nullopt: it is none.
std::optional<Error> tls_error(const FailedTransfer& failed) {
  switch (failed.code) {
    case CURLE_PEER_FAILED_VERIFICATION:
      return untrusted(failed);
    case CURLE_SSL_CLIENTCERT:
      return refused_certificate(failed);
    case CURLE_SSL_CERTPROBLEM:
      return unusable_certificate(failed);
    case CURLE_SSL_CACERT_BADFILE:
      return error(ErrorCode::TlsFailed, failed, "the certificates of the authorities could not be read",
                   failed.has_ca_file ? "make network.ca_file a readable file in PEM form"
                                      : "install this machine's ca-certificates");
    case CURLE_SSL_CONNECT_ERROR:
      if (is_certificate_alert(failed)) return refused_certificate(failed);
      if (number_of(failed, CURLINFO_OS_ERRNO) != 0) return std::nullopt;
      [[fallthrough]];
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CIPHER:
      return error(ErrorCode::TlsFailed, failed, ::curl_easy_strerror(failed.code),
                   is_of_proxy(failed) ? "check what the proxy's port speaks, and its TLS settings"
                                       : "check what the host's port speaks, and its TLS settings; it may "
                                         "demand a client certificate");
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
      if (is_certificate_alert(failed)) return refused_certificate(failed);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace

Error error_of(const FailedTransfer& failed) {
  const auto connect_status = number_of(failed, CURLINFO_HTTP_CONNECTCODE);
  if (failed.proxy != nullptr && connect_status >= 300) return refused_tunnel(failed, connect_status);
  if (auto tls = tls_error(failed)) return std::move(*tls);
  switch (failed.code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return unresolved(failed, "could not be resolved");
    case CURLE_COULDNT_CONNECT:
      return no_connection(failed);
    case CURLE_PROXY:
      return failed.proxy != nullptr ? refused_by_socks(failed) : lost(failed);
    case CURLE_OPERATION_TIMEDOUT:
      return timed_out(failed);
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
      return error(ErrorCode::ProtocolError, failed, ::curl_easy_strerror(failed.code),
                   is_of_proxy(failed) ? "check what the proxy's port speaks"
                                       : "check that the address is a git host's");
    default:
      return lost(failed);
  }
}

}  // namespace gitferry

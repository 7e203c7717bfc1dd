#include "api/http_client.h"

#include <algorithm>
#include <stdexcept>

#include <httplib.h>
#include <openssl/x509_vfy.h>

#include "api/certificate.h"

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

/// The one certificate that is right, in the place of all that the system trusts.
struct Pin {
  std::string fingerprint;
  bool is_confirmed = false;
  bool is_refused = false;
};

int verify_pin(X509_STORE_CTX* store, void* argument) {
  auto& pin = *static_cast<Pin*>(argument);
  const X509* const shown = X509_STORE_CTX_get0_cert(store);
  pin.is_confirmed =
      shown != nullptr && !pin.fingerprint.empty() && fingerprint_of(*shown) == pin.fingerprint;
  pin.is_refused = !pin.is_confirmed;
  if (pin.is_refused) X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
  return pin.is_confirmed ? 1 : 0;
}

/// The library can only ask for any certificate of the host's name or for none. So it is told to ask for
/// none, and OpenSSL itself ends the handshake where the certificate is not this one.
void demand(Pin& pin, httplib::Client& client) {
  client.enable_server_certificate_verification(false);
  SSL_CTX_set_verify(client.ssl_context(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(client.ssl_context(), &verify_pin, &pin);
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
  if (error == httplib::Error::SSLConnection) {
    return fail(ErrorCode::TlsFailed, what + ": the TLS handshake failed", "is it an https address?");
  }
  return fail(ErrorCode::HostError,
              what + ": the connection broke or no answer came (" + httplib::to_string(error) + ")");
}

tl::unexpected<Error> untrusted(const std::string& what, long reason) {
  return fail(ErrorCode::TlsFailed,
              what + ": its certificate is not trusted (" +
                  (reason == X509_V_OK ? "it is for another name" : X509_verify_cert_error_string(reason)) +
                  ")");
}

tl::unexpected<Error> not_pinned(const std::string& what, const std::string& certificate_file) {
  return fail(ErrorCode::TlsFailed, what + ": its certificate is not the one in '" + certificate_file + "'",
              "another program listens there, or the agent has not taken the file up yet: send it SIGHUP");
}

httplib::Result exchange(httplib::Client& client, const HttpCall& call, const std::string& target) {
  httplib::Headers headers;
  for (const auto& [name, value] : call.headers) headers.emplace(name, value);
  if (call.method == "POST") return client.Post(target, headers, call.body, call.content_type.c_str());
  if (call.method == "PUT") return client.Put(target, headers, call.body, call.content_type.c_str());
  return client.Get(target, headers);
}

/// To a server without TLS, or one whose certificate the system trusts.
Result<HttpReply> send_to_any(httplib::Client& client, const HttpCall& call, const std::string& target,
                              const std::string& what) {
  const auto answer = exchange(client, call, target);
  if (answer) return HttpReply{answer->status, answer->body};
  if (answer.error() == httplib::Error::SSLServerVerification)
    return untrusted(what, client.get_openssl_verify_result());
  return unanswered(what, answer.error());
}

Result<HttpReply> send_pinned(httplib::Client& client, const HttpCall& call, const std::string& target,
                              const std::string& what) {
  const auto chain = read_certificates(call.certificate_file);
  if (!chain) return fail(chain.error());
  Pin pin{fingerprint_of(*chain->front())};
  demand(pin, client);
  const auto answer = exchange(client, call, target);
  if (pin.is_refused || (answer && !pin.is_confirmed)) return not_pinned(what, call.certificate_file);
  if (!answer) return unanswered(what, answer.error());
  return HttpReply{answer->status, answer->body};
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
  const bool is_pinned = origin.starts_with("https://") && !call.certificate_file.empty();
  try {
    httplib::Client client(origin);
    if (!client.is_valid()) return no_address(what);
    client.set_connection_timeout(call.connect_timeout);
    client.set_read_timeout(call.answer_timeout);
    client.set_write_timeout(call.answer_timeout);
    client.set_follow_location(false);
    const auto target = prefix + call.path;
    return is_pinned ? send_pinned(client, call, target, what) : send_to_any(client, call, target, what);
  } catch (const std::invalid_argument&) {  // a scheme that the library does not speak
    return no_address(what);
  } catch (const std::exception& exception) {
    return fail(ErrorCode::HostError, what + ": " + exception.what());
  }
}

}  // namespace gitferry::api

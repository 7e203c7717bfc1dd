#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "tests/api/raw_client.h"

namespace gitferry::api::testing {

/// The client's side of TLS on a connected socket, which is not owned. Gives up after 15 seconds of nothing.
class TlsClient {
 public:
  struct Options {
    std::string trusted_file = {};  ///< empty: whoever it is
    int newest = 0;                 ///< of the protocol; 0: what OpenSSL has
    int oldest = 0;
    std::string protocols = {};  ///< of ALPN, as on the wire
    std::string ciphers = {};    ///< of TLS 1.2
  };

  explicit TlsClient(int fd) : TlsClient(fd, Options{}) {}
  TlsClient(int fd, const Options& options) : context_(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free) {
    const timeval patience{15, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (!options.trusted_file.empty()) {
      SSL_CTX_load_verify_file(context_.get(), options.trusted_file.c_str());
      SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    }
    SSL_CTX_set_min_proto_version(context_.get(), options.oldest);
    SSL_CTX_set_max_proto_version(context_.get(), options.newest);
    // Otherwise OpenSSL itself would not offer what is to be refused.
    if (options.newest != 0 && options.newest < TLS1_2_VERSION) SSL_CTX_set_security_level(context_.get(), 0);
    if (!options.ciphers.empty()) SSL_CTX_set_cipher_list(context_.get(), options.ciphers.c_str());
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), fd);
    if (!options.protocols.empty()) {
      SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(options.protocols.data()),
                          static_cast<unsigned>(options.protocols.size()));
    }
  }

  bool connect() {
    ERR_clear_error();
    return SSL_connect(ssl_.get()) == 1;
  }
  bool send(std::string_view bytes) {
    return bytes.empty() || SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
  }
  /// Everything until the other end says goodbye or breaks off.
  std::string receive() {
    std::string all;
    std::string chunk(16'384, '\0');
    for (int got = 0; (got = SSL_read(ssl_.get(), chunk.data(), static_cast<int>(chunk.size()))) > 0;) {
      all.append(chunk, 0, static_cast<std::size_t>(got));
    }
    return all;
  }
  /// Whether the other end said goodbye: without it nobody can tell a whole answer from one cut off.
  [[nodiscard]] bool was_told_goodbye() const {
    return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
  }
  [[nodiscard]] SSL* ssl() const { return ssl_.get(); }

 private:
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, &SSL_free};
};

/// What the server answers to these bytes through TLS; empty where there was no handshake.
inline std::string answer_through_tls(int port, std::string_view bytes) {
  const RawClient connection(port);
  TlsClient client(connection.fd());
  if (!client.connect()) return {};
  client.send(bytes);
  return client.receive();
}

}  // namespace gitferry::api::testing

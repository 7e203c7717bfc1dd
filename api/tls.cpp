#include "api/tls.h"

#include <string_view>
#include <utility>

#include <openssl/ssl.h>

#include "agent/base/guarded.h"
#include "agent/base/log.h"
#include "api/certificate.h"
#include "api/tls_channel.h"

namespace gitferry::api {
namespace {

using Context = std::shared_ptr<SSL_CTX>;

/// Authenticated encryption and a fresh key for each connection: what every sender of webhooks of the last
/// ten years has. TLS 1.3 has nothing else.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

tl::unexpected<Error> invalid(std::string message, std::string hint = {}) {
  return fail(ErrorCode::ConfigurationInvalid, std::move(message), std::move(hint));
}

/// HTTP/1.1 where the client lists it; otherwise as if nothing had been asked.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* length, const unsigned char* offered,
                    unsigned int offered_length, void*) {
  constexpr std::string_view kWanted = "http/1.1";
  std::string_view list(reinterpret_cast<const char*>(offered), offered_length);
  while (!list.empty()) {
    const auto size = static_cast<std::size_t>(static_cast<unsigned char>(list.front()));
    const auto name = list.substr(1, size);
    if (name == kWanted) {
      *chosen = reinterpret_cast<const unsigned char*>(name.data());
      *length = static_cast<unsigned char>(name.size());
      return SSL_TLSEXT_ERR_OK;
    }
    list.remove_prefix(std::min(list.size(), size + 1));
  }
  return SSL_TLSEXT_ERR_NOACK;
}

Context make_context() {
  Context context(SSL_CTX_new(TLS_server_method()), [](SSL_CTX* made) { SSL_CTX_free(made); });
  if (!context) return nullptr;
  SSL_CTX_set_options(context.get(),
                      SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // Tickets hold a session at the client; ours would hold thousands for who never comes again.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 1);
  SSL_CTX_set_alpn_select_cb(context.get(), &choose_protocol, nullptr);
  const bool is_set = SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) == 1 &&
                      SSL_CTX_set_cipher_list(context.get(), kCiphers) == 1;
  return is_set ? context : nullptr;
}

void warn_of_dates(const X509& certificate, const std::string& path) {
  if (X509_cmp_current_time(X509_get0_notAfter(&certificate)) < 0)
    log::warn("the certificate has expired", {{"file", path}});
  if (X509_cmp_current_time(X509_get0_notBefore(&certificate)) > 0)
    log::warn("the certificate is not valid yet", {{"file", path}});
}

Result<Context> load_context(const std::string& certificate_file, const std::string& key_file) {
  const auto chain = read_certificates(certificate_file);
  if (!chain) return fail(chain.error());
  const auto key = read_private_key(key_file);
  if (!key) return fail(key.error());
  const auto what = "the certificate file '" + certificate_file + "'";
  auto& own = chain->front();
  if (X509_check_private_key(own.get(), key->get()) != 1) {
    take_openssl_reason();
    return invalid(what + " and the key file '" + key_file + "' do not belong together",
                   "the first certificate must be the server's own, its issuers' follow");
  }
  auto context = make_context();
  if (!context) return invalid("TLS cannot be set up: " + take_openssl_reason());
  bool is_taken = SSL_CTX_use_certificate(context.get(), own.get()) == 1 &&
                  SSL_CTX_use_PrivateKey(context.get(), key->get()) == 1;
  for (std::size_t i = 1; is_taken && i < chain->size(); ++i)
    is_taken = SSL_CTX_add1_chain_cert(context.get(), (*chain)[i].get()) == 1;
  if (!is_taken) return invalid(what + " cannot be used: " + take_openssl_reason());
  warn_of_dates(*own, certificate_file);
  return context;
}

class LoadedTls final : public ServerTls {
 public:
  LoadedTls(std::string certificate_file, std::string key_file)
      : certificate_file_(std::move(certificate_file)), key_file_(std::move(key_file)) {}

  Status reload() override {
    // Before they are read: what changes meanwhile is seen by the next look.
    *seen_.lock() = state_now();
    auto loaded = load_context(certificate_file_, key_file_);
    if (!loaded) return fail(std::move(loaded.error()));
    *context_.lock() = std::move(*loaded);
    return {};
  }

  [[nodiscard]] bool has_changed() override {
    const auto now = state_now();
    return *seen_.lock() != now;
  }

  std::unique_ptr<Channel> channel(int fd) override { return tls_channel(fd, *context_.lock()); }

 private:
  using Seen = std::pair<FileState, FileState>;
  [[nodiscard]] Seen state_now() const {
    return {state_of_file(certificate_file_), state_of_file(key_file_)};
  }

  const std::string certificate_file_;
  const std::string key_file_;
  Guarded<Seen> seen_;
  Guarded<Context> context_;
};

}  // namespace

Result<std::shared_ptr<ServerTls>> ServerTls::load(const std::string& certificate_file,
                                                   const std::string& key_file) {
  auto tls = std::make_shared<LoadedTls>(certificate_file, key_file);
  if (auto loaded = tls->reload(); !loaded) return fail(std::move(loaded.error()));
  return tls;
}

}  // namespace gitferry::api

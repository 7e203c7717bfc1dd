#include "api/tls_channel.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/socket.h>

namespace gitferry::api {
namespace {

/// The head of a record (RFC 8446, section 5.1) and of the handshake message in it (section 4).
constexpr std::size_t kRecordHead = 5;
constexpr std::size_t kHelloStart = kRecordHead + 4;
/// OpenSSL takes the memory for 128 KiB as soon as a hello says that it is so long. Real ones stay under 2
/// KiB.
constexpr unsigned kHelloLimit = 16 * 1024;
/// Two make a record. OpenSSL goes on by itself to the next one where there is nothing for the caller in it,
/// and a client may send such without end.
constexpr int kReceivesACall = 64;

/// The socket as OpenSSL sees it: what a client sent first is looked at before OpenSSL is.
struct Wire {
  int fd = -1;
  std::array<unsigned char, kHelloStart> start{};
  std::size_t received = 0;  ///< of the start
  std::size_t given = 0;     ///< of the start, to OpenSSL
  int receives_left = 0;     ///< of this call
};

bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/// Whether this begins as a client's hello of a possible length.
bool begins_a_hello(const std::array<unsigned char, kHelloStart>& start) {
  constexpr unsigned char kHandshake = 22;
  constexpr unsigned char kClientHello = 1;
  const unsigned record = start[3] * 256U + start[4];
  const unsigned hello = start[6] * 65'536U + start[7] * 256U + start[8];
  return start[0] == kHandshake && start[1] == 3 && record >= 4 && start[kRecordHead] == kClientHello &&
         hello <= kHelloLimit;
}

int read_wire(BIO* bio, char* bytes, int size) {
  auto& wire = *static_cast<Wire*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (wire.given < wire.received) {
    const auto count = std::min(static_cast<std::size_t>(size), wire.received - wire.given);
    std::memcpy(bytes, wire.start.data() + wire.given, count);
    wire.given += count;
    return static_cast<int>(count);
  }
  if (wire.receives_left == 0) {
    BIO_set_retry_read(bio);  // the socket is still readable, so whoever waits for that comes back at once
    return -1;
  }
  --wire.receives_left;
  const auto got = ::recv(wire.fd, bytes, static_cast<std::size_t>(size), MSG_DONTWAIT);
  if (got < 0 && would_block()) BIO_set_retry_read(bio);
  return static_cast<int>(got);
}

int write_wire(BIO* bio, const char* bytes, int size) {
  const auto& wire = *static_cast<Wire*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const auto sent = ::send(wire.fd, bytes, static_cast<std::size_t>(size), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && would_block()) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

long control_wire(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

struct MethodDeleter {
  void operator()(BIO_METHOD* method) const { BIO_meth_free(method); }
};

/// Instead of OpenSSL's own, which waits where the socket does, and raises SIGPIPE.
const BIO_METHOD* wire_method() {
  static const std::unique_ptr<BIO_METHOD, MethodDeleter> method = [] {
    std::unique_ptr<BIO_METHOD, MethodDeleter> made(
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "gitferry socket"));
    BIO_meth_set_read(made.get(), &read_wire);
    BIO_meth_set_write(made.get(), &write_wire);
    BIO_meth_set_ctrl(made.get(), &control_wire);
    return made;
  }();
  return method.get();
}

struct SslDeleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

class TlsChannel final : public Channel {
 public:
  TlsChannel(int fd, std::shared_ptr<SSL_CTX> context) : context_(std::move(context)) { wire_.fd = fd; }

  Outcome open() override {
    if (!ssl_) {
      if (const auto start = receive_start(); start != Outcome::Done) return start;
      if (!begins_a_hello(wire_.start) || !make_ssl()) return Outcome::Closed;
    }
    begin_call();
    const int done = SSL_do_handshake(ssl_.get());
    return done == 1 ? Outcome::Done : outcome_of(done);
  }

  Outcome read(std::string& buffer, std::size_t limit) override {
    if (!is_usable()) return Outcome::Closed;
    std::array<char, 16 * 1024> chunk;
    begin_call();
    const int got = SSL_read(ssl_.get(), chunk.data(), static_cast<int>(std::min(limit, chunk.size())));
    if (got <= 0) return outcome_of(got);
    buffer.append(chunk.data(), static_cast<std::size_t>(got));
    return Outcome::Done;
  }

  Outcome write(std::string_view& bytes) override {
    if (!is_usable()) return Outcome::Closed;
    constexpr std::size_t kMost = 1024 * 1024;
    while (!bytes.empty()) {
      begin_call();
      const int sent = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(std::min(bytes.size(), kMost)));
      if (sent <= 0) return outcome_of(sent);
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return Outcome::Done;
  }

  Outcome finish() override {
    if (is_usable() && SSL_is_init_finished(ssl_.get()) == 1) {
      begin_call();
      const int told = SSL_shutdown(ssl_.get());
      if (told < 0 && outcome_of(told) == Outcome::WantWrite) return Outcome::WantWrite;
    }
    ERR_clear_error();
    ::shutdown(wire_.fd, SHUT_WR);
    return Outcome::Done;
  }

 private:
  [[nodiscard]] bool is_usable() const { return ssl_ != nullptr && !is_broken_; }

  void begin_call() {
    ERR_clear_error();
    wire_.receives_left = kReceivesACall;
  }

  Outcome receive_start() {
    while (wire_.received < wire_.start.size()) {
      const auto got = ::recv(wire_.fd, wire_.start.data() + wire_.received,
                              wire_.start.size() - wire_.received, MSG_DONTWAIT);
      if (got == 0) return Outcome::Closed;
      if (got < 0) return would_block() ? Outcome::WantRead : Outcome::Closed;
      wire_.received += static_cast<std::size_t>(got);
      // A request in plain HTTP may be shorter than that; it is not to wait for the deadline.
      constexpr unsigned char kHandshake = 22;
      if (wire_.start[0] != kHandshake) return Outcome::Closed;
    }
    return Outcome::Done;
  }

  bool make_ssl() {
    ssl_.reset(SSL_new(context_.get()));
    BIO* const bio = ssl_ ? BIO_new(wire_method()) : nullptr;
    if (bio == nullptr) return false;
    BIO_set_data(bio, &wire_);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);
    SSL_set_accept_state(ssl_.get());
    return true;
  }

  Outcome outcome_of(int returned) {
    const int error = SSL_get_error(ssl_.get(), returned);
    if (error == SSL_ERROR_WANT_READ) return Outcome::WantRead;
    if (error == SSL_ERROR_WANT_WRITE) return Outcome::WantWrite;
    // After one of these OpenSSL wants no further call; what a client said goodbye to may still be answered.
    is_broken_ = error != SSL_ERROR_ZERO_RETURN;
    ERR_clear_error();
    return Outcome::Closed;
  }

  std::shared_ptr<SSL_CTX> context_;
  Wire wire_;
  std::unique_ptr<SSL, SslDeleter> ssl_;  ///< null until the start of a hello is there
  bool is_broken_ = false;
};

}  // namespace

std::unique_ptr<Channel> tls_channel(int fd, std::shared_ptr<SSL_CTX> context) {
  return std::make_unique<TlsChannel>(fd, std::move(context));
}

}  // namespace gitferry::api

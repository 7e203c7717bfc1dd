#include "agent/git/http_transfer.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <stop_token>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include "agent/git/stall_watch.h"

namespace gitferry {
namespace {

constexpr std::size_t kBufferLimit = 256 * 1024;
constexpr std::uint64_t kAdvertisementLimit = 64ULL * 1024 * 1024;
constexpr std::size_t kHeadLimit = 64 * 1024;
/// Git's own http.postBuffer: hosts expect bodies up to it with a length.
constexpr std::uint64_t kHeldWhole = 1024 * 1024;
constexpr long kReceiveBuffer = 128 * 1024;
/// Some hosts decide by it whether they talk to git or to a browser.
constexpr const char* kUserAgent = "git/gitferry-" GITFERRY_VERSION;

void add_header(CurlList& list, const std::string& line) {
  list.reset(::curl_slist_append(list.release(), line.c_str()));
}

}  // namespace

HttpTransfer::HttpTransfer(HttpSession& session, HttpRequest request, const Waiting& waiting)
    : session_(session), request_(std::move(request)), waiting_(waiting), easy_(::curl_easy_init()) {
  set_connection_options();
  set_request_options();
  set_headers();
}

HttpTransfer::~HttpTransfer() {
  if (is_started_) session_.remove(easy_.get());
}

void HttpTransfer::set_connection_options() {
  CURL* easy = easy_.get();
  const auto scheme = request_.url.substr(0, request_.url.find(':'));
  ::curl_easy_setopt(easy, CURLOPT_URL, request_.url.c_str());
  ::curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, scheme.c_str());
  ::curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  ::curl_easy_setopt(easy, CURLOPT_PROXY, "");  // not even from the environment
  ::curl_easy_setopt(easy, CURLOPT_NETRC, long{CURL_NETRC_IGNORED});
  ::curl_easy_setopt(easy, CURLOPT_UNRESTRICTED_AUTH, 0L);
  ::curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  ::curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
  // A resolver thread that hangs must not hold up the end of a transfer that ran out of time.
  ::curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
  // One connection a transfer: with HTTP/2 a paused transfer could hold up another on the same connection.
  ::curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  ::curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(waiting_.limits.connect.count()));
  ::curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  ::curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  ::curl_easy_setopt(easy, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  if (const auto& file = session_.options().ca_file; !file.empty()) {
    ::curl_easy_setopt(easy, CURLOPT_CAINFO, file.c_str());
  }
  ::curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &HttpTransfer::on_socket);
  ::curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, this);
}

void HttpTransfer::set_request_options() {
  CURL* easy = easy_.get();
  ::curl_easy_setopt(easy, CURLOPT_PRIVATE, this);
  ::curl_easy_setopt(easy, CURLOPT_USERAGENT, kUserAgent);
  ::curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &HttpTransfer::on_header);
  ::curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
  ::curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &HttpTransfer::on_answer);
  ::curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  if (is_get()) {
    // Decoding unpacks one receive buffer at a time into memory: the default of 16 KiB keeps a bomb small.
    ::curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
  } else {
    ::curl_easy_setopt(easy, CURLOPT_POST, 1L);
    ::curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kReceiveBuffer);
  }
  if (request_.credential && !request_.credential->password.empty()) {
    const auto& credential = *request_.credential;
    // Hosts that take a bare token ignore the name, but not its absence.
    const auto user = credential.username.empty() ? std::string("git") : credential.username;
    ::curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    ::curl_easy_setopt(easy, CURLOPT_USERNAME, user.c_str());
    // The bytes of a Secret end in NUL; a std::string made of them here would not be wiped.
    ::curl_easy_setopt(easy, CURLOPT_PASSWORD, credential.password.reveal().data());
  }
}

void HttpTransfer::set_headers() {
  if (request_.asks_for_v2) add_header(headers_, "Git-Protocol: version=2");
  if (!is_get()) {
    add_header(headers_, "Expect:");
    add_header(headers_, "Content-Type: " + request_.content_type);
    add_header(headers_, "Accept: " + request_.expected_type);
    if (!request_.length) add_header(headers_, "Transfer-Encoding: chunked");
  } else {
    add_header(headers_, "Pragma: no-cache");
  }
  ::curl_easy_setopt(easy_.get(), CURLOPT_HTTPHEADER, headers_.get());
}

void HttpTransfer::set_body_options() {
  CURL* easy = easy_.get();
  if (request_.length) {
    ::curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(*request_.length));
  }
  if (is_held_whole()) {
    ::curl_easy_setopt(easy, CURLOPT_POSTFIELDS, outgoing_.view().data());
    return;
  }
  ::curl_easy_setopt(easy, CURLOPT_READFUNCTION, &HttpTransfer::on_request);
  ::curl_easy_setopt(easy, CURLOPT_READDATA, this);
  ::curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, &HttpTransfer::on_seek);
  ::curl_easy_setopt(easy, CURLOPT_SEEKDATA, this);
}

bool HttpTransfer::is_held_whole() const {
  return request_.length && *request_.length <= kHeldWhole;
}

Status HttpTransfer::start() {
  if (is_started_) return {};
  if (!is_get()) set_body_options();
  if (auto added = session_.add(easy_.get()); !added) return added;
  is_started_ = true;
  return session_.perform();
}

void HttpTransfer::end(CURLcode code) {
  ended_ = code;
  session_.note_movement();
}

Status HttpTransfer::outcome() const {
  if (error_) return fail(*error_);
  if (head_.is_complete && !(is_get() && head_.is_redirect())) {
    const bool has_credential = request_.credential && !request_.credential->password.empty();
    if (auto checked = check_answer(head_, request_.expected_type, request_.what, has_credential); !checked) {
      return checked;
    }
  }
  if (ended_ && *ended_ != CURLE_OK) return fail(error_of(*ended_));
  return {};
}

std::uint64_t HttpTransfer::bytes_moved() const {
  curl_off_t sent = 0;
  ::curl_easy_getinfo(easy_.get(), CURLINFO_SIZE_UPLOAD_T, &sent);
  return received_ + head_size_ + static_cast<std::uint64_t>(sent);
}

Status HttpTransfer::wait_until(const std::function<bool()>& ready) {
  StallWatch watch(waiting_, request_.what);
  const std::stop_callback wake(waiting_.stop, [this] { session_.wake(); });
  auto seen = bytes_moved();
  for (;;) {
    if (auto performed = session_.perform(); !performed) return performed;
    if (auto status = outcome(); !status) return status;
    if (ended_ || ready()) return {};
    if (std::exchange(seen, bytes_moved()) != seen) watch.moved();
    const auto limit = watch.remaining();
    if (!limit) return fail(limit.error());
    session_.sleep(*limit);
  }
}

Result<const HttpHead*> HttpTransfer::wait_for_head() {
  if (auto waited = wait_until([this] { return head_.is_complete; }); !waited) return fail(waited.error());
  return &head_;
}

Result<std::size_t> HttpTransfer::read(std::span<char> out) {
  if (auto within = check_limits(waiting_, request_.what); !within) return fail(std::move(within.error()));
  if (auto finished = is_get() ? Status{} : finish_request(); !finished) return fail(finished.error());
  if (incoming_.empty()) {
    const auto has_more = [this] { return !incoming_.empty() || has_whole_answer(); };
    if (auto waited = wait_until(has_more); !waited) return fail(waited.error());
  }
  const auto count = incoming_.take(out);
  if (is_receiving_paused_ && incoming_.size() <= kBufferLimit / 2) {
    is_receiving_paused_ = false;
    apply_pauses();
  }
  return count;
}

Status HttpTransfer::write(std::string_view bytes) {
  written_ += bytes.size();
  if (is_request_complete_ || (request_.length && written_ > *request_.length)) {
    return fail(ErrorCode::Internal, request_.what + ": more was written than the request's length");
  }
  if (is_held_whole()) {
    outgoing_.append(bytes);
    return {};
  }
  if (auto within = check_limits(waiting_, request_.what); !within) return within;
  while (!bytes.empty()) {
    if (auto status = outcome(); !status) return status;
    // The host has decided without the rest of the request, and its report says what.
    if (has_whole_answer()) return {};
    const auto part = bytes.substr(0, kBufferLimit - outgoing_.size());
    outgoing_.append(part);
    bytes.remove_prefix(part.size());
    if (auto started = start(); !started) return started;
    is_sending_paused_ = false;
    apply_pauses();
    if (outgoing_.size() < kBufferLimit) {
      if (auto performed = session_.perform(); !performed) return performed;
      continue;
    }
    const auto has_room = [this] { return outgoing_.size() <= kBufferLimit / 2 || has_whole_answer(); };
    if (auto waited = wait_until(has_room); !waited) return waited;
  }
  return outcome();
}

bool HttpTransfer::has_whole_answer() const {
  if (ended_) return true;
  curl_off_t length = -1;
  if (is_get() || head_.status != 200 || !head_.is_complete ||
      ::curl_easy_getinfo(easy_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length) != CURLE_OK) {
    return false;
  }
  return length >= 0 && received_ >= static_cast<std::uint64_t>(length);
}

Status HttpTransfer::finish_request() {
  if (is_request_complete_) return {};
  if (has_whole_answer()) return {};
  if (request_.length && written_ != *request_.length) {
    return fail(ErrorCode::Internal, request_.what + ": less was written than the request's length");
  }
  is_request_complete_ = true;
  if (auto started = start(); !started) return started;
  is_sending_paused_ = false;
  apply_pauses();
  return session_.perform();
}

void HttpTransfer::apply_pauses() {
  if (ended_) return;
  const int mask = (is_receiving_paused_ ? CURLPAUSE_RECV : 0) | (is_sending_paused_ ? CURLPAUSE_SEND : 0);
  ::curl_easy_pause(easy_.get(), mask);
}

std::size_t HttpTransfer::on_header(char* bytes, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<HttpTransfer*>(self);
  const auto length = size * count;
  transfer.head_size_ += length;
  if (transfer.head_size_ > kHeadLimit) {
    transfer.error_ = Error{ErrorCode::LimitExceeded,
                            transfer.request_.what + ": the answer's head is too long",
                            "check that the address is a git host's",
                            {}};
    return 0;
  }
  transfer.head_.take_line({bytes, length});
  transfer.session_.note_movement();
  return length;
}

std::size_t HttpTransfer::on_answer(char* bytes, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<HttpTransfer*>(self);
  const auto length = size * count;
  transfer.session_.note_movement();
  if (transfer.head_.status != 200) {
    // An error's page is of no use; a short one is read so that the connection can be kept.
    transfer.received_ += length;
    return transfer.received_ > kHeadLimit ? 0 : length;
  }
  if (transfer.incoming_.size() + length > kBufferLimit) {
    transfer.is_receiving_paused_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  transfer.received_ += length;
  if (transfer.is_get() && transfer.received_ > kAdvertisementLimit) {
    transfer.error_ = Error{ErrorCode::LimitExceeded,
                            fmt::format("{}: the advertisement is larger than {} MiB", transfer.request_.what,
                                        kAdvertisementLimit >> 20U),
                            "that repository has too many refs for the relay",
                            {}};
    return 0;
  }
  transfer.incoming_.append({bytes, length});
  return length;
}

std::size_t HttpTransfer::on_request(char* room, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<HttpTransfer*>(self);
  const auto taken = transfer.outgoing_.take({room, size * count});
  if (taken == 0 && !transfer.is_request_complete_) {
    transfer.is_sending_paused_ = true;
    return CURL_READFUNC_PAUSE;
  }
  transfer.sent_ += taken;
  if (taken > 0) transfer.session_.note_movement();
  return taken;
}

int HttpTransfer::on_seek(void* self, curl_off_t offset, int origin) {
  const auto& transfer = *static_cast<HttpTransfer*>(self);
  return offset == 0 && origin == SEEK_SET && transfer.sent_ == 0 ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

curl_socket_t HttpTransfer::on_socket(void* self, curlsocktype purpose, curl_sockaddr* address) {
  auto& transfer = *static_cast<HttpTransfer*>(self);
  const auto ip = ip_address_of(&address->addr);
  if (purpose != CURLSOCKTYPE_IPCXN || !ip) return CURL_SOCKET_BAD;
  if (!transfer.session_.options().addresses.allows(*ip)) {
    transfer.refused_ = refused_address(transfer.request_.what, *ip);
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

Error HttpTransfer::error_of(CURLcode code) const {
  const auto& what = request_.what;
  long system_error = 0;
  ::curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &system_error);
  // libcurl's own buffer of error texts can hold addresses; these are constant or the system's.
  const std::string reason = system_error != 0
                                 ? std::generic_category().message(static_cast<int>(system_error))
                                 : std::string(::curl_easy_strerror(code));
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return {ErrorCode::HostUnresolved,
              what + ": the host's name could not be resolved",
              "check the address and the name server of this machine",
              {}};
    case CURLE_COULDNT_CONNECT:
      if (refused_) return *refused_;
      return {ErrorCode::ConnectionFailed,
              fmt::format("{}: no connection: {}", what, reason),
              "check that the host is up and can be reached from here",
              {}};
    case CURLE_OPERATION_TIMEDOUT: {
      curl_off_t looked_up = 0;
      ::curl_easy_getinfo(easy_.get(), CURLINFO_NAMELOOKUP_TIME_T, &looked_up);
      if (looked_up == 0) {
        return {ErrorCode::HostUnresolved,
                what + ": the host's name was not resolved in time",
                "check the name server of this machine",
                {}};
      }
      return {ErrorCode::Timeout,
              fmt::format("{}: no connection within {} ms", what, waiting_.limits.connect.count()),
              "check that the host can be reached from here, or raise sync.timeouts.connect",
              {}};
    }
    case CURLE_PEER_FAILED_VERIFICATION: {
      long verified = 0;
      ::curl_easy_getinfo(easy_.get(), CURLINFO_SSL_VERIFYRESULT, &verified);
      // Where the name does not fit, libcurl leaves the chain's result as it was: not judged.
      const bool is_chain_trusted = verified == X509_V_OK || verified == X509_V_ERR_UNSPECIFIED;
      const char* why =
          is_chain_trusted ? "it is not for this host's name" : ::X509_verify_cert_error_string(verified);
      return {ErrorCode::TlsFailed,
              fmt::format("{}: the host's certificate was refused: {}", what, why),
              "install the authority's certificate on this machine, or correct the host's",
              {}};
    }
    case CURLE_SSL_CACERT_BADFILE:
      return {ErrorCode::TlsFailed,
              what + ": the certificates of the authorities could not be read",
              session_.options().ca_file.empty() ? "install this machine's ca-certificates"
                                                 : "make the ca_file a readable file in PEM form",
              {}};
    case CURLE_SSL_CONNECT_ERROR:
      if (system_error != 0) break;
      [[fallthrough]];
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
      return {ErrorCode::TlsFailed,
              fmt::format("{}: {}", what, ::curl_easy_strerror(code)),
              "check what the host's port speaks, and its TLS settings",
              {}};
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
      return {ErrorCode::ProtocolError,
              fmt::format("{}: {}", what, ::curl_easy_strerror(code)),
              "check that the address is a git host's",
              {}};
    default:
      break;
  }
  return {ErrorCode::ConnectionFailed,
          fmt::format("{}: the connection was lost: {}", what, reason),
          "look into the log of that host, and of proxies before it",
          {}};
}

}  // namespace gitferry

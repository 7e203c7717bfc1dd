#include "agent/git/http_transfer.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <stop_token>
#include <utility>

#include <fmt/format.h>

#include "agent/git/http_easy.h"
#include "agent/git/http_transfer_error.h"
#include "agent/git/stall_watch.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kBufferLimit = 256 * 1024;
constexpr std::uint64_t kAdvertisementLimit = 64ULL * 1024 * 1024;
constexpr std::size_t kHeadLimit = 64 * 1024;
/// Git's own http.postBuffer: hosts expect bodies up to it with a length.
constexpr std::uint64_t kHeldWhole = 1024 * 1024;
constexpr std::size_t kErrorPage = 4 * 1024;
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
  use_proxy(easy_.get(), request_.proxy, session_.options().ca_file);
  set_credential();
  set_request_options();
  set_headers();
}

HttpTransfer::~HttpTransfer() {
  if (is_started_) session_.remove(easy_.get());
}

void HttpTransfer::set_connection_options() {
  CURL* easy = easy_.get();
  use_verified_connection(easy, request_.url, session_.options(), waiting_.limits.connect);
  // One connection a transfer: with HTTP/2 a paused transfer could hold up another on the same connection.
  ::curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  ::curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_text_.data());
  ::curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &HttpTransfer::on_socket);
  ::curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, this);
}

void HttpTransfer::set_credential() {
  if (!request_.credential) return;
  CURL* easy = easy_.get();
  const auto& credential = *request_.credential;
  if (!credential.client_certificate_file.empty()) {
    ::curl_easy_setopt(easy, CURLOPT_SSLCERT, credential.client_certificate_file.c_str());
    ::curl_easy_setopt(easy, CURLOPT_SSLKEY, credential.client_key_file.c_str());
    // Without one OpenSSL would ask the terminal for the passphrase of a key that has one.
    ::curl_easy_setopt(easy, CURLOPT_KEYPASSWD, "");
  }
  if (credential.password.empty()) return;
  // The bytes of a Secret end in NUL; a std::string made of them here would not be wiped.
  const char* secret = credential.password.reveal().data();
  if (credential.scheme == HttpScheme::Bearer) {
    ::curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    ::curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, secret);
    return;
  }
  // Hosts that take a bare token ignore the name, but not its absence.
  const auto user = credential.username.empty() ? std::string("git") : credential.username;
  ::curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
  ::curl_easy_setopt(easy, CURLOPT_USERNAME, user.c_str());
  ::curl_easy_setopt(easy, CURLOPT_PASSWORD, secret);
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
  if (head_.is_complete && head_.status == 401 && request_.credential && request_.credential->origin) {
    request_.credential->origin->refused();
  }
  if (head_.is_complete && !(is_get() && head_.is_redirect()) && !awaits_error_page()) {
    if (auto checked = check_answer(head_, answer_expected()); !checked) return checked;
  }
  if (ended_ && *ended_ != CURLE_OK) return fail(error_of(*ended_));
  return {};
}

AnswerExpected HttpTransfer::answer_expected() const {
  AnswerExpected expected{request_.expected_type, request_.what};
  expected.error_page = error_page_;
  if (!request_.credential) return expected;
  expected.has_credential = !request_.credential->password.empty();
  expected.has_client_certificate = !request_.credential->client_certificate_file.empty();
  return expected;
}

/// Of a bad request only its page tells whether a client certificate was missing.
bool HttpTransfer::awaits_error_page() const {
  return head_.is_complete && head_.status == 400 && !ended_ && error_page_.size() < kErrorPage;
}

std::uint64_t HttpTransfer::bytes_moved() const {
  curl_off_t sent = 0;
  ::curl_easy_getinfo(easy_.get(), CURLINFO_SIZE_UPLOAD_T, &sent);
  return received_ + head_size_ + static_cast<std::uint64_t>(sent);
}

HttpTransfer::Wait HttpTransfer::begin_wait() const {
  return {StallWatch(waiting_, request_.what), bytes_moved()};
}

Status HttpTransfer::wait_until(const std::function<bool()>& ready) {
  auto wait = begin_wait();
  // The wait's own limits end it before.
  auto waited = wait_until(ready, wait, waiting_.limits.total + milliseconds(1000));
  if (!waited) return fail(std::move(waited.error()));
  return {};
}

Result<bool> HttpTransfer::wait_until(const std::function<bool()>& ready, Wait& wait, milliseconds patience) {
  const std::stop_callback wake(waiting_.stop, [this] { session_.wake(); });
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    if (auto performed = session_.perform(); !performed) return fail(std::move(performed.error()));
    if (auto status = outcome(); !status) return fail(std::move(status.error()));
    if (ended_ || ready()) return true;
    const auto moved = bytes_moved();
    if (moved != std::exchange(wait.bytes_moved, moved)) wait.watch.moved();
    const auto limit = wait.watch.remaining();
    if (!limit) return fail(limit.error());
    const auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
    if (left <= milliseconds::zero()) return false;
    session_.sleep(std::min(*limit, left));
  }
}

bool HttpTransfer::has_bytes(milliseconds patience) {
  if (!incoming_.empty()) return true;
  auto wait = begin_wait();
  const auto waited = wait_until([this] { return !incoming_.empty() || has_whole_answer(); }, wait, patience);
  return !waited || *waited;
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
  while (!bytes.empty()) {
    const auto taken = write_some(bytes, waiting_.limits.total);
    if (!taken) return fail(taken.error());
    bytes.remove_prefix(*taken);
  }
  return outcome();
}

Result<std::size_t> HttpTransfer::write_some(std::string_view bytes, milliseconds patience) {
  if (is_request_complete_ || (request_.length && written_ + bytes.size() > *request_.length)) {
    return fail(ErrorCode::Internal, request_.what + ": more was written than the request's length");
  }
  if (is_held_whole()) {
    outgoing_.append(bytes);
    written_ += bytes.size();
    return bytes.size();
  }
  if (auto within = check_limits(waiting_, request_.what); !within) return fail(std::move(within.error()));
  if (auto status = outcome(); !status) return fail(std::move(status.error()));
  const auto has_room = wait_for_room(patience);
  if (!has_room) return fail(has_room.error());
  if (!*has_room) return std::size_t{0};
  // The host has decided without the rest of the request, and its report says what.
  if (has_whole_answer()) return bytes.size();
  const auto part = bytes.substr(0, kBufferLimit - outgoing_.size());
  outgoing_.append(part);
  written_ += part.size();
  if (auto started = start(); !started) return fail(std::move(started.error()));
  is_sending_paused_ = false;
  apply_pauses();
  if (auto performed = session_.perform(); !performed) return fail(std::move(performed.error()));
  return part.size();
}

Result<bool> HttpTransfer::wait_for_room(milliseconds patience) {
  if (!no_room_) {
    if (outgoing_.size() < kBufferLimit) return true;
    no_room_.emplace(begin_wait());
  }
  const auto has_room = [this] { return outgoing_.size() <= kBufferLimit / 2 || has_whole_answer(); };
  auto waited = wait_until(has_room, *no_room_, patience);
  if (waited && *waited) no_room_.reset();
  return waited;
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
    // An error's page is of no use but for what check_answer() looks for; a short one is read so that the
    // connection can be kept.
    if (transfer.awaits_error_page()) transfer.error_page_.append(bytes, std::min(length, kErrorPage));
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
  // With a proxy this is the proxy's address, which is trusted as configured.
  if (!transfer.request_.proxy && !transfer.session_.options().addresses.allows(*ip)) {
    transfer.refused_ = refused_address(transfer.request_.what, *ip);
    return CURL_SOCKET_BAD;
  }
  return open_socket(*address);
}

Error HttpTransfer::error_of(CURLcode code) const {
  if (code == CURLE_COULDNT_CONNECT && refused_) return *refused_;
  FailedTransfer failed;
  failed.easy = easy_.get();
  failed.code = code;
  failed.what = request_.what;
  if (request_.proxy) failed.proxy = &*request_.proxy;
  if (request_.credential) failed.credential = &*request_.credential;
  failed.has_ca_file = !session_.options().ca_file.empty();
  failed.connect_limit = waiting_.limits.connect;
  failed.detail = error_text_.data();
  return gitferry::error_of(failed);
}

}  // namespace gitferry

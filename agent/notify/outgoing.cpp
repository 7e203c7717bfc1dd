#include "agent/notify/outgoing.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "agent/base/ip_address.h"
#include "agent/base/text.h"
#include "agent/git/curl_handles.h"
#include "agent/git/http_easy.h"
#include "agent/model/remote_url.h"

namespace gitferry {
namespace {

constexpr std::chrono::milliseconds kConnectLimit{10'000};
constexpr std::size_t kReplyKept = 4 * 1024;
constexpr std::size_t kReplyLimit = 256 * 1024;

/// One transfer of libcurl's, from its first option to its end.
class Transfer {
 public:
  /// `place`: where it goes, without anything secret.
  Transfer(const OutgoingOptions& options, const std::string& place, std::string whom, std::stop_token stop)
      : options_(options), whom_(std::move(whom)), stop_(std::move(stop)), easy_(new_easy()) {
    CURL* easy = easy_.get();
    use_verified_connection(easy, place, options.http, kConnectLimit);
    ::curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                       static_cast<long>(std::chrono::milliseconds(kLongestSend).count()));
    ::curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &Transfer::on_socket);
    ::curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, this);
    ::curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Transfer::on_answer);
    ::curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
    ::curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, &Transfer::on_progress);
    ::curl_easy_setopt(easy, CURLOPT_XFERINFODATA, this);
    ::curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    use_proxy(easy, std::nullopt, {});
  }

  [[nodiscard]] CURL* easy() const { return easy_.get(); }
  void go_through(ProxyAccess access) {
    proxy_ = std::move(access);
    use_proxy(easy_.get(), proxy_, options_.http.ca_file);
  }

  Status perform() {
    const auto code = ::curl_easy_perform(easy_.get());
    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && reply_size_ > kReplyLimit)) return {};
    return fail(error_of(code));
  }
  [[nodiscard]] std::string take_reply() { return std::move(reply_); }

 private:
  static CURL* new_easy() {
    initialise_curl();
    return ::curl_easy_init();
  }
  static curl_socket_t on_socket(void* self, curlsocktype purpose, curl_sockaddr* address) {
    auto& transfer = *static_cast<Transfer*>(self);
    const auto ip = ip_address_of(&address->addr);
    if (purpose != CURLSOCKTYPE_IPCXN || !ip) return CURL_SOCKET_BAD;
    // With a proxy this is the proxy's address, which is trusted as configured.
    if (!transfer.proxy_ && !transfer.options_.http.addresses.allows(*ip)) {
      transfer.refused_ = refused_address(transfer.whom_, *ip);
      return CURL_SOCKET_BAD;
    }
    return open_socket(*address);
  }
  static std::size_t on_answer(char* bytes, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    const auto length = size * count;
    const auto room = kReplyKept - std::min(kReplyKept, transfer.reply_.size());
    transfer.reply_.append(bytes, std::min(room, length));
    transfer.reply_size_ += length;
    return transfer.reply_size_ > kReplyLimit ? 0 : length;
  }
  static int on_progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<Transfer*>(self)->stop_.stop_requested() ? 1 : 0;
  }

  [[nodiscard]] Error error_of(CURLcode code) const;

  const OutgoingOptions& options_;
  const std::string whom_;
  const std::stop_token stop_;
  CurlEasy easy_;
  std::optional<ProxyAccess> proxy_;
  std::optional<Error> refused_;
  std::string reply_;
  std::size_t reply_size_ = 0;
};

/// libcurl's own words of the code alone: those of the transfer may hold the address.
Error Transfer::error_of(CURLcode code) const {
  if (refused_ && code == CURLE_COULDNT_CONNECT) return *refused_;
  const auto error = [&](ErrorCode ours, std::string hint) {
    return Error{ours, fmt::format("{}: {}", whom_, ::curl_easy_strerror(code)), std::move(hint), {}};
  };
  switch (code) {
    case CURLE_ABORTED_BY_CALLBACK:
      return {ErrorCode::Cancelled, whom_ + ": gitferry is stopping", "", {}};
    case CURLE_COULDNT_RESOLVE_HOST:
      return error(ErrorCode::HostUnresolved, "check the name");
    case CURLE_OPERATION_TIMEDOUT:
      return error(ErrorCode::Timeout, "");
    case CURLE_LOGIN_DENIED:
      return error(ErrorCode::AuthenticationFailed, "check the user name and the password");
    case CURLE_USE_SSL_FAILED:
      return error(ErrorCode::TlsFailed, "the mail server offers no STARTTLS");
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
      return error(ErrorCode::TlsFailed, "name the authority in network.ca_file if the certificate is right");
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_QUOTE_ERROR:
    case CURLE_UPLOAD_FAILED:
      return error(ErrorCode::RejectedByRemote, "");
    default:
      return error(ErrorCode::ConnectionFailed, "");
  }
}

/// Scheme, host and port of an address, with its path and query left out.
Result<RemoteUrl> place_of(const OutgoingOptions& options, const Secret& url) {
  const auto invalid = [](const char* why) {
    return fail(ErrorCode::ConfigurationInvalid, fmt::format("the receiver's address is not usable: {}", why),
                "it is the whole content of the file or variable, and begins with https://");
  };
  const CurlUrl parsed(::curl_url());
  if (::curl_url_set(parsed.get(), CURLUPART_URL, url.reveal().data(), 0) != CURLUE_OK)
    return invalid("it is malformed");
  const auto part = [&](CURLUPart which) {
    char* text = nullptr;
    if (::curl_url_get(parsed.get(), which, &text, 0) != CURLUE_OK) return std::string();
    const CurlText owned(text);
    return std::string(text);
  };
  const auto scheme = part(CURLUPART_SCHEME);
  if (scheme != "https" && scheme != "http") return invalid("its scheme is not https");
  if (scheme == "http" && !options.allows_http)
    return invalid("http:// is not allowed (network.allow_schemes)");
  if (!part(CURLUPART_USER).empty() || !part(CURLUPART_PASSWORD).empty())
    return invalid("it holds a user name or password");
  const auto port = part(CURLUPART_PORT);
  auto place = parse_remote_url(
      fmt::format("{}://{}{}/x", scheme, part(CURLUPART_HOST), port.empty() ? "" : ":" + port),
      {Scheme::Https, Scheme::Http});
  if (!place) return invalid("its host is not usable");
  return std::move(place->url);
}

std::optional<std::chrono::seconds> retry_after_of(CURL* easy) {
  curl_off_t seconds = 0;
  if (::curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds) != CURLE_OK || seconds <= 0)
    return std::nullopt;
  return std::chrono::seconds(seconds);
}

/// What libcurl reads of a mail.
struct Upload {
  std::string_view left;
  static std::size_t on_read(char* room, std::size_t size, std::size_t count, void* self) {
    auto& upload = *static_cast<Upload*>(self);
    const auto part = upload.left.substr(0, size * count);
    std::memcpy(room, part.data(), part.size());
    upload.left.remove_prefix(part.size());
    return part.size();
  }
};

std::string mail_url(const MailRoute& route) {
  const bool is_ipv6 = route.host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}", route.security == MailRoute::Security::Tls ? "smtps" : "smtp",
                     is_ipv6 ? "[" : "", route.host, is_ipv6 ? "]" : "", route.port);
}

void append(CurlList& list, const std::string& line) {
  list.reset(::curl_slist_append(list.release(), line.c_str()));
}

}  // namespace

Result<HttpReply> post(const OutgoingOptions& options, const Secret& url,
                       const std::vector<std::string>& headers, const std::string& body,
                       const std::stop_token& stop) {
  const auto place = place_of(options, url);
  if (!place) return fail(place.error());
  auto proxy = options.http.proxy.access_for(*place, options.http.addresses);
  if (!proxy) return fail(std::move(proxy.error()));
  Transfer transfer(options, place->str(), fmt::format("'{}'", place->host_key()), stop);
  if (*proxy) transfer.go_through(std::move(**proxy));
  CurlList list;
  append(list, "Content-Type: application/json; charset=utf-8");
  append(list, "Expect:");
  for (const auto& header : headers) append(list, header);
  CURL* easy = transfer.easy();
  ::curl_easy_setopt(easy, CURLOPT_URL, url.reveal().data());
  ::curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  ::curl_easy_setopt(easy, CURLOPT_USERAGENT, "gitferry/" GITFERRY_VERSION);
  ::curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list.get());
  ::curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  ::curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.data());
  if (auto performed = transfer.perform(); !performed) return fail(std::move(performed.error()));
  HttpReply reply;
  long status = 0;
  ::curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  reply.status = static_cast<int>(status);
  reply.retry_after = retry_after_of(easy);
  reply.body = transfer.take_reply();
  return reply;
}

Status send_mail(const OutgoingOptions& options, const MailRoute& route, const Secret& password,
                 const std::string& mail, const std::stop_token& stop) {
  Transfer transfer(options, mail_url(route), fmt::format("mail server '{}'", route.host), stop);
  CURL* easy = transfer.easy();
  const auto from = fmt::format("<{}>", route.from);
  CurlList receivers;
  for (const auto& to : route.to) append(receivers, fmt::format("<{}>", to));
  Upload upload{mail};
  ::curl_easy_setopt(
      easy, CURLOPT_USE_SSL,
      static_cast<long>(route.security == MailRoute::Security::Plain ? CURLUSESSL_NONE : CURLUSESSL_ALL));
  ::curl_easy_setopt(easy, CURLOPT_MAIL_FROM, from.c_str());
  ::curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, receivers.get());
  ::curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
  ::curl_easy_setopt(easy, CURLOPT_READFUNCTION, &Upload::on_read);
  ::curl_easy_setopt(easy, CURLOPT_READDATA, &upload);
  ::curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(mail.size()));
  if (!route.username.empty()) {
    ::curl_easy_setopt(easy, CURLOPT_USERNAME, route.username.c_str());
    ::curl_easy_setopt(easy, CURLOPT_PASSWORD, password.reveal().data());
  }
  return transfer.perform();
}

}  // namespace gitferry

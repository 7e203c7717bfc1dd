#include "agent/git/web_client.h"

#include <array>
#include <cstdlib>
#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "agent/base/ip_address.h"
#include "agent/git/http_answer.h"
#include "agent/git/http_easy.h"
#include "agent/git/http_transfer_error.h"
#include "agent/model/remote_url.h"

namespace gitferry {
namespace {

constexpr std::size_t kHeadLimit = 64 * 1024;
constexpr const char* kUserAgent = "gitferry/" GITFERRY_VERSION;

/// What libcurl's callbacks fill in.
struct Incoming {
  const WebRequest& request;
  const HttpOptions& options;
  const WebLimits& limits;
  bool is_direct = true;
  HttpHead head = {};
  std::size_t head_bytes = 0;
  std::string body = {};
  bool is_too_large = false;
  std::optional<Error> refused = std::nullopt;  ///< the address policy's last word
};

std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* self) {
  auto& incoming = *static_cast<Incoming*>(self);
  const auto length = size * count;
  incoming.head_bytes += length;
  incoming.is_too_large = incoming.head_bytes > kHeadLimit;
  if (incoming.is_too_large) return 0;
  incoming.head.take_line({bytes, length});
  return length;
}

std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* self) {
  auto& incoming = *static_cast<Incoming*>(self);
  const auto length = size * count;
  incoming.is_too_large = incoming.body.size() + length > incoming.limits.body_bytes;
  if (incoming.is_too_large) return 0;
  incoming.body.append(bytes, length);
  return length;
}

curl_socket_t on_socket(void* self, curlsocktype purpose, curl_sockaddr* address) {
  auto& incoming = *static_cast<Incoming*>(self);
  const auto ip = ip_address_of(&address->addr);
  if (purpose != CURLSOCKTYPE_IPCXN || !ip) return CURL_SOCKET_BAD;
  // With a proxy this is the proxy's address, which is trusted as configured.
  if (incoming.is_direct && !incoming.options.addresses.allows(*ip)) {
    incoming.refused = refused_address(incoming.request.what, *ip);
    return CURL_SOCKET_BAD;
  }
  return open_socket(*address);
}

CurlList headers_of(const WebRequest& request) {
  CurlList list;
  const auto add = [&list](const char* line) { list.reset(::curl_slist_append(list.release(), line)); };
  for (const auto& line : request.headers) add(line.c_str());
  // The bytes of a Secret end in NUL.
  if (!request.secret_header.empty()) add(request.secret_header.reveal().data());
  if (request.document) add("Content-Type: application/json");
  add("Expect:");
  return list;
}

void use_callbacks(CURL* easy, Incoming& incoming) {
  ::curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &on_header);
  ::curl_easy_setopt(easy, CURLOPT_HEADERDATA, &incoming);
  ::curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &on_body);
  ::curl_easy_setopt(easy, CURLOPT_WRITEDATA, &incoming);
  ::curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &on_socket);
  ::curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &incoming);
}

void use_request(CURL* easy, const WebRequest& request, const WebLimits& limits) {
  ::curl_easy_setopt(easy, CURLOPT_USERAGENT, kUserAgent);
  ::curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(limits.total.count()));
  if (request.document) {
    const auto bytes = request.document->reveal();
    ::curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(bytes.size()));
    ::curl_easy_setopt(easy, CURLOPT_POSTFIELDS, bytes.data());
  } else if (request.method == "POST") {
    ::curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t{0});
    ::curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
  }
  ::curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

/// The address without its query, by the rules that every address has.
Result<RemoteUrl> address_of(const WebRequest& request) {
  auto parsed = parse_remote_url(request.url.substr(0, request.url.find('?')), {Scheme::Https, Scheme::Http});
  if (!parsed || !parsed->username.empty() || !parsed->password.empty()) {
    return fail(ErrorCode::InvalidArgument, request.what + ": that is no address of a web API",
                "write it as https://host/path");
  }
  return std::move(parsed->url);
}

Error too_large(const WebRequest& request) {
  return {ErrorCode::LimitExceeded,
          request.what + ": the answer is too large",
          "check that the address is that of the host's API",
          {}};
}

bool is_connected(CURL* easy) {
  curl_off_t connected = 0;
  ::curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
  return connected > 0;
}

Error too_slow(const WebRequest& request, const WebLimits& limits) {
  return {ErrorCode::Timeout,
          fmt::format("{}: no whole answer within {} ms", request.what, limits.total.count()),
          "look into the log of that host, and of proxies before it",
          {}};
}

}  // namespace

WebClient::WebClient(HttpOptions options, WebLimits limits) : options_(std::move(options)), limits_(limits) {
  initialise_curl();
  easy_.reset(::curl_easy_init());
  if (!easy_) std::abort();
}

Result<WebReply> WebClient::send(const WebRequest& request) {
  const auto address = address_of(request);
  if (!address) return fail(address.error());
  const auto proxy = options_.proxy.access_for(*address, options_.addresses);
  if (!proxy) return fail(proxy.error());
  CURL* easy = easy_.get();
  ::curl_easy_reset(easy);
  Incoming incoming{request, options_, limits_, !*proxy};
  std::array<char, CURL_ERROR_SIZE> said{};
  const auto headers = headers_of(request);
  use_verified_connection(easy, request.url, options_, limits_.connect);
  use_proxy(easy, *proxy, options_.ca_file);
  use_request(easy, request, limits_);
  use_callbacks(easy, incoming);
  ::curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, said.data());
  ::curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
  const auto code = ::curl_easy_perform(easy);
  ::curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, nullptr);
  if (incoming.is_too_large) return fail(too_large(request));
  if (code == CURLE_COULDNT_CONNECT && incoming.refused) return fail(std::move(*incoming.refused));
  if (code != CURLE_OK) {
    if (code == CURLE_OPERATION_TIMEDOUT && is_connected(easy)) return fail(too_slow(request, limits_));
    FailedTransfer failed;
    failed.easy = easy;
    failed.code = code;
    failed.what = request.what;
    if (*proxy) failed.proxy = &**proxy;
    failed.has_ca_file = !options_.ca_file.empty();
    failed.connect_limit = limits_.connect;
    failed.detail = said.data();
    return fail(error_of(failed));
  }
  return WebReply{incoming.head.status, std::move(incoming.body),
                  parse_retry_after(incoming.head.retry_after, std::time(nullptr))};
}

}  // namespace gitferry

#include "agent/git/http_easy.h"

#include <cstdlib>

#include <sys/socket.h>

namespace gitferry {

void initialise_curl() {
  // Before any thread uses libcurl: a function's static is that.
  static const CURLcode initialised = ::curl_global_init(CURL_GLOBAL_DEFAULT);
  if (initialised != CURLE_OK) std::abort();
}

void use_verified_connection(CURL* easy, const std::string& url, const HttpOptions& options,
                             std::chrono::milliseconds connect_limit) {
  const auto scheme = url.substr(0, url.find(':'));
  ::curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  ::curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, scheme.c_str());
  ::curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  ::curl_easy_setopt(easy, CURLOPT_NETRC, long{CURL_NETRC_IGNORED});
  ::curl_easy_setopt(easy, CURLOPT_UNRESTRICTED_AUTH, 0L);
  ::curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  ::curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
  // A resolver thread that hangs must not hold up the end of a transfer that ran out of time.
  ::curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
  ::curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(connect_limit.count()));
  ::curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  ::curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  ::curl_easy_setopt(easy, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  // Besides the authorities of libcurl's own CURLOPT_CAPATH, which are the system's.
  if (!options.ca_file.empty()) ::curl_easy_setopt(easy, CURLOPT_CAINFO, options.ca_file.c_str());
}

void use_proxy(CURL* easy, const std::optional<ProxyAccess>& proxy, const std::string& ca_file) {
  // Neither the proxy nor its exceptions come from the environment.
  ::curl_easy_setopt(easy, CURLOPT_PROXY, proxy ? proxy->url.c_str() : "");
  ::curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
  if (!proxy) return;
  // A tunnel for plain http, too: the proxy gets no request of ours, so no credential of the host's.
  ::curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
  ::curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  ::curl_easy_setopt(easy, CURLOPT_HEADEROPT, long{CURLHEADER_SEPARATE});
  ::curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYPEER, 1L);
  ::curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYHOST, 2L);
  ::curl_easy_setopt(easy, CURLOPT_PROXY_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  if (!ca_file.empty()) ::curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, ca_file.c_str());
  ::curl_easy_setopt(easy, CURLOPT_PROXYAUTH, CURLAUTH_BASIC);
  ::curl_easy_setopt(easy, CURLOPT_SOCKS5_AUTH, CURLAUTH_BASIC);
  if (proxy->username.empty()) return;
  ::curl_easy_setopt(easy, CURLOPT_PROXYUSERNAME, proxy->username.c_str());
  ::curl_easy_setopt(easy, CURLOPT_PROXYPASSWORD, proxy->password.reveal().data());
}

curl_socket_t open_socket(const curl_sockaddr& address) {
  return ::socket(address.family, address.socktype | SOCK_CLOEXEC, address.protocol);
}

}  // namespace gitferry

#pragma once

#include <chrono>
#include <string_view>

#include "agent/base/error.h"
#include "agent/git/credential.h"
#include "agent/git/curl_handles.h"
#include "agent/git/http_proxy.h"

namespace gitferry {

/// A transfer that libcurl gave up.
struct FailedTransfer {
  CURL* easy = nullptr;
  CURLcode code = CURLE_OK;
  std::string_view what;                   ///< the request, for the text
  const ProxyAccess* proxy = nullptr;      ///< nullptr: it was direct
  const Credential* credential = nullptr;  ///< nullptr: none was shown
  bool has_ca_file = false;
  std::chrono::milliseconds connect_limit{};
  /// libcurl's own text. It can hold addresses: it is searched, never shown.
  std::string_view detail;
};

/// Why it failed, in words of ours: whether the host, its certificate, ours or the proxy was the reason.
Error error_of(const FailedTransfer& failed);

}  // namespace gitferry

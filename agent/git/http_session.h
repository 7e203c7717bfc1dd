#pragma once

#include <chrono>
#include <string>

#include "agent/base/result.h"
#include "agent/git/curl_handles.h"
#include "agent/git/http_proxy.h"
#include "agent/model/address_policy.h"

namespace gitferry {

class HttpTransfer;

struct HttpOptions {
  AddressPolicy addresses;
  std::string ca_file;  ///< PEM of authorities that are trusted besides the system's; empty: none
  HttpProxy proxy = {};
};

/// All transfers of one worker: libcurl's multi handle, which also keeps the connections between runs.
///
/// Threading: one thread at a time; wake() from any.
class HttpSession {
 public:
  explicit HttpSession(HttpOptions options);
  HttpSession(const HttpSession&) = delete;
  HttpSession& operator=(const HttpSession&) = delete;

  Status add(CURL* easy);
  void remove(CURL* easy);
  /// Moves what can be moved on every transfer, without waiting, and tells finished ones.
  Status perform();
  /// Waits until a socket is ready, wake() or `limit`, unless bytes moved since the last call: libcurl would
  /// sleep although data is at hand.
  void sleep(std::chrono::milliseconds limit);
  void wake();
  /// A transfer's callback took or gave bytes.
  void note_movement() { has_moved_ = true; }
  [[nodiscard]] const HttpOptions& options() const { return options_; }

 private:
  HttpOptions options_;
  CurlMulti multi_;
  bool has_moved_ = false;
};

}  // namespace gitferry

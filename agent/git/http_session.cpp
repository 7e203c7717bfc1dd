#include "agent/git/http_session.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "agent/git/http_easy.h"
#include "agent/git/http_transfer.h"

namespace gitferry {
namespace {

constexpr long kKeptConnections = 32;

CurlMulti make_multi() {
  initialise_curl();
  CurlMulti multi(::curl_multi_init());
  if (!multi) std::abort();
  ::curl_multi_setopt(multi.get(), CURLMOPT_MAXCONNECTS, kKeptConnections);
  return multi;
}

Status to_status(CURLMcode code) {
  if (code == CURLM_OK) return {};
  return fail(ErrorCode::Internal, fmt::format("libcurl: {}", ::curl_multi_strerror(code)));
}

}  // namespace

HttpSession::HttpSession(HttpOptions options) : options_(std::move(options)), multi_(make_multi()) {}

Status HttpSession::add(CURL* easy) {
  return to_status(::curl_multi_add_handle(multi_.get(), easy));
}

void HttpSession::remove(CURL* easy) {
  ::curl_multi_remove_handle(multi_.get(), easy);
}

Status HttpSession::perform() {
  int running = 0;
  if (auto status = to_status(::curl_multi_perform(multi_.get(), &running)); !status) return status;
  int queued = 0;
  while (const CURLMsg* message = ::curl_multi_info_read(multi_.get(), &queued)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    HttpTransfer* transfer = nullptr;
    ::curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    transfer->end(code);
  }
  return {};
}

void HttpSession::sleep(std::chrono::milliseconds limit) {
  if (std::exchange(has_moved_, false)) return;
  const auto capped = std::min<std::chrono::milliseconds::rep>(limit.count(), 1000);
  ::curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(capped), nullptr);
}

void HttpSession::wake() {
  ::curl_multi_wakeup(multi_.get());
}

}  // namespace gitferry

#include "agent/git/http_answer.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include <curl/curl.h>
#include <fmt/format.h>

#include "agent/base/text.h"

namespace gitferry {
namespace {

using std::chrono::seconds;
constexpr seconds kRetryAfterLimit{3600};

ErrorCode code_of(int status) {
  switch (status) {
    case 401:
    case 407:
      return ErrorCode::AuthenticationFailed;
    case 403:
      return ErrorCode::AccessDenied;
    case 404:
    case 410:
      return ErrorCode::RepositoryMissing;
    case 408:
    case 504:
      return ErrorCode::Timeout;
    case 411:
      return ErrorCode::LengthRequired;
    case 413:
      return ErrorCode::LimitExceeded;
    case 429:
    case 503:
      return ErrorCode::HostBusy;
    default:
      return status >= 500 ? ErrorCode::HostError : ErrorCode::ProtocolError;
  }
}

std::string hint_for(int status, bool has_credential) {
  switch (status) {
    case 401:
      return has_credential ? "check the user name and the token of the matching entry in credentials: it "
                              "may have expired"
                            : "add an entry for this address to credentials";
    case 403:
      return has_credential ? "give the user of the configured token the rights on that repository"
                            : "add an entry for this address to credentials, with rights on that repository";
    case 404:
      return has_credential ? "check the address, and that the configured user may see the repository"
                            : "check the address; a private repository needs an entry in credentials";
    case 413:
      return "the push is larger than that host takes: raise its limit";
    case 429:
    case 503:
      return "it is tried again later";
    default:
      return status >= 500 ? "look into the log of that host" : "check the address";
  }
}

/// nginx says it with a page (ngx_http_special_response.c, 495 and 496), not with TLS.
std::optional<Error> certificate_refusal(const AnswerExpected& expected) {
  const auto has = [&](std::string_view text) {
    return expected.error_page.find(text) != std::string_view::npos;
  };
  if (!has("No required SSL certificate was sent") && !has("The SSL certificate error")) return std::nullopt;
  if (expected.has_client_certificate) {
    return Error{ErrorCode::AuthenticationFailed,
                 fmt::format("{}: the host refused the client certificate", expected.what),
                 "check that it has not expired and that the host knows its authority",
                 {}};
  }
  return Error{ErrorCode::AuthenticationFailed,
               fmt::format("{}: the host demands a client certificate", expected.what),
               "configure client_certificate_file and client_key_file for this address in credentials",
               {}};
}

}  // namespace

void HttpHead::take_line(std::string_view line) {
  if (line.starts_with("HTTP/")) {
    *this = {};
    const auto space = line.find(' ');
    const auto digits = space == std::string_view::npos ? std::string_view{} : line.substr(space + 1, 3);
    status = static_cast<int>(parse_number(digits).value_or(0));
    return;
  }
  const auto text = trim(line);
  if (text.empty()) {
    is_complete = status >= 200;
    return;
  }
  const auto colon = text.find(':');
  if (is_complete || colon == std::string_view::npos) return;
  const auto value = trim(text.substr(colon + 1));
  const auto name = text.substr(0, colon);
  if (equals_ignoring_case(name, "content-type")) content_type = value;
  if (equals_ignoring_case(name, "location")) location = value;
  if (equals_ignoring_case(name, "retry-after")) retry_after = value;
}

bool HttpHead::is_redirect() const {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::optional<seconds> parse_retry_after(std::string_view text, std::time_t now) {
  if (text.empty() || text.size() > 64) return std::nullopt;
  if (text.find_first_not_of("0123456789") == std::string_view::npos) {
    return std::min(seconds{parse_number(text).value_or(kRetryAfterLimit.count())}, kRetryAfterLimit);
  }
  // An HTTP date always ends in GMT; libcurl's parser alone would take "tomorrow-ish" texts for dates.
  if (!text.ends_with(" GMT")) return std::nullopt;
  const auto date = ::curl_getdate(std::string(text).c_str(), nullptr);
  if (date <= now) return std::nullopt;
  return std::min(seconds{date - now}, kRetryAfterLimit);
}

Status check_answer(const HttpHead& head, const AnswerExpected& expected) {
  const auto what = expected.what;
  if (head.status == 200) {
    if (equals_ignoring_case(head.content_type, expected.type)) return {};
    if (to_lower(head.content_type).starts_with("text/html")) {
      return fail(ErrorCode::ProtocolError,
                  fmt::format("{}: the host answered with a web page instead of git's protocol", what),
                  "it is probably a login page: check the address, and the credentials for it");
    }
    return fail(
        ErrorCode::ProtocolError,
        fmt::format("{}: the answer is not git's smart protocol (its type is not '{}')", what, expected.type),
        "check that the address is a repository's, of a host that speaks smart http");
  }
  if (head.is_redirect()) {
    return fail(ErrorCode::AddressRefused, fmt::format("{}: redirect refused (status {})", what, head.status),
                "configure the address that the repository has now");
  }
  if (head.status == 400) {
    if (auto refused = certificate_refusal(expected)) return fail(std::move(*refused));
  }
  Error error{code_of(head.status),
              fmt::format("{}: the host answered {}", what, head.status),
              hint_for(head.status, expected.has_credential),
              {}};
  if (error.code == ErrorCode::HostBusy)
    error.retry_after = parse_retry_after(head.retry_after, std::time(nullptr));
  return fail(std::move(error));
}

}  // namespace gitferry

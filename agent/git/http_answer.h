#pragma once

#include <chrono>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "agent/base/error.h"
#include "agent/base/result.h"

namespace gitferry {

/// The head of an HTTP answer, as far as git needs it.
struct HttpHead {
  int status = 0;
  bool is_complete = false;
  std::string content_type;
  std::string location;
  std::string retry_after;

  /// One line with its line break, as libcurl hands them out. An interim answer (1xx) is forgotten at its
  /// end.
  void take_line(std::string_view line);
  [[nodiscard]] bool is_redirect() const;
};

/// Retry-After in seconds or as a date (RFC 9110, section 10.2.3), at most an hour; nullopt for anything
/// else.
std::optional<std::chrono::seconds> parse_retry_after(std::string_view text, std::time_t now);

/// What is asked for, and what was shown for it.
struct AnswerExpected {
  std::string_view type;
  std::string_view what;  ///< names the request, without any secret
  bool has_credential = false;
  bool has_client_certificate = false;
  std::string_view error_page = {};  ///< the beginning of a 400's body, where it is there
};

/// What an answer means that is not the 200 with the type that git asks for. Nothing of the answer's body
/// gets into the text.
Status check_answer(const HttpHead& head, const AnswerExpected& expected);

}  // namespace gitferry

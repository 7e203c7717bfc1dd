#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include <tl/expected.hpp>

#include "api/http_message.h"

namespace gitferry::api {

struct HeadLimits {
  std::size_t request_line = 2048;  ///< bytes without the line end
  std::size_t head = 16 * 1024;     ///< bytes of the whole head
  std::size_t lines = 64;           ///< header lines
};

/// A whole and valid head.
struct RequestHead {
  Request request;       ///< without body, client address and id
  std::size_t size = 0;  ///< bytes of the head; the body begins here
  std::size_t content_length = 0;
  bool expects_continue = false;
};

/// Why a head is refused; `reason` is static text.
struct HeadRefusal {
  int status = 400;
  std::string_view reason;
};

/// Methods that some route may take; the Allow header of a 405 for any other.
constexpr std::string_view kKnownMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Reads the head of a request (RFC 9112) from the bytes received so far; nullopt: more are needed.
///
/// Stricter than the RFC wherever leniency lets two parsers see two different requests: CRLF only, no
/// folding, no space before the colon, framing by one Content-Length only, no chunks, no dot segments. A
/// refusal comes as soon as the bytes cannot become a good head. A pure function; never throws but
/// std::bad_alloc.
tl::expected<std::optional<RequestHead>, HeadRefusal> parse_request_head(std::string_view bytes,
                                                                         const HeadLimits& limits = {});

}  // namespace gitferry::api

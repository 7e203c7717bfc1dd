#include "api/request_head.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <vector>

#include "agent/base/text.h"

namespace gitferry::api {
namespace {

using Refused = tl::unexpected<HeadRefusal>;
using Check = tl::expected<void, HeadRefusal>;

Refused refuse(int status, std::string_view reason) {
  return tl::make_unexpected(HeadRefusal{status, reason});
}

/// Framing, credentials, signatures and sender marks: a second one could be read by one part and not by
/// another. A rule, so that a new kind of sender is covered before anybody thinks of it.
bool may_come_once_only(std::string_view name) {
  constexpr std::array<std::string_view, 11> kNames{
      "host",   "content-length",  "content-type", "content-encoding", "transfer-encoding", "authorization",
      "expect", "idempotency-key", "x-event",      "x-event-key",      "x-origin-url"};
  constexpr std::array<std::string_view, 8> kEnds{"-token",     "-signature", "-signature-256", "-event",
                                                  "-timestamp", "-delivery",  "-uuid",          "-ping"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() || name.starts_with("webhook-") ||
         std::any_of(kEnds.begin(), kEnds.end(), [&](auto end) { return name.ends_with(end); });
}

/// Names under which the HTTP library keeps the socket's own addresses.
constexpr std::array<std::string_view, 4> kReserved{"remote_addr", "remote_port", "local_addr", "local_port"};

bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";  // RFC 9110, section 5.6.2
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

/// Takes lines off the received bytes, within the limits.
class LineReader {
 public:
  LineReader(std::string_view bytes, const HeadLimits& limits) : bytes_(bytes), limits_(limits) {}

  /// The next line without its end; nullopt: it is not complete yet.
  tl::expected<std::optional<std::string_view>, HeadRefusal> next() {
    const std::size_t start = position_;
    for (std::size_t i = start;; ++i) {
      if (start == 0 && i > limits_.request_line) return refuse(414, "the request line is too long");
      if (i >= limits_.head) return refuse(431, "the head is too long");
      if (i >= bytes_.size()) return std::nullopt;
      const char c = bytes_[i];
      if (c == '\r') {
        if (i + 1 >= bytes_.size()) return std::nullopt;
        if (bytes_[i + 1] != '\n') return refuse(400, "a carriage return without a line feed in the head");
        position_ = i + 2;
        return bytes_.substr(start, i - start);
      }
      if (c == '\n') return refuse(400, "a line feed without a carriage return in the head");
      if (is_control(c) && c != '\t') return refuse(400, "a control character in the head");
    }
  }

  [[nodiscard]] std::size_t position() const { return position_; }

 private:
  std::string_view bytes_;
  const HeadLimits& limits_;
  std::size_t position_ = 0;
};

/// Also for the parts between encoded slashes: a file system or another router would see them.
bool has_dot_segment(std::string_view decoded) {
  const auto parts = split(decoded, '/');
  return std::any_of(parts.begin(), parts.end(),
                     [](std::string_view part) { return part == "." || part == ".."; });
}

std::optional<std::string> decoded_text(std::string_view raw) {
  auto decoded = percent_decode(raw);
  if (!decoded || !is_valid_utf8(*decoded)) return std::nullopt;
  if (std::any_of(decoded->begin(), decoded->end(), [](char c) { return is_control(c) || c == '\\'; })) {
    return std::nullopt;
  }
  return decoded;
}

Check read_query(std::string_view raw, Request& request) {
  if (raw.empty()) return {};
  for (const auto pair : split(raw, '&')) {
    if (pair.empty()) continue;
    std::string text(pair);
    std::replace(text.begin(), text.end(), '+', ' ');
    const auto equals = text.find('=');
    const auto name = decoded_text(std::string_view(text).substr(0, equals));
    const auto value =
        equals == std::string::npos ? std::string() : decoded_text(std::string_view(text).substr(equals + 1));
    if (!name || !value) return refuse(400, "the query is not well-formed");
    request.query.push_back({*name, *value});
  }
  return {};
}

Check read_target(std::string_view target, Request& request) {
  if (!target.starts_with('/') || target.find('#') != std::string_view::npos) {
    return refuse(400, "the target must be a path");
  }
  request.target = std::string(target);
  const auto question = target.find('?');
  for (const auto raw :
       split(target.substr(1, question == std::string_view::npos ? question : question - 1), '/')) {
    auto segment = decoded_text(raw);
    if (!segment || has_dot_segment(*segment)) return refuse(400, "the path is not well-formed");
    request.segments.push_back(std::move(*segment));
  }
  return question == std::string_view::npos ? Check{} : read_query(target.substr(question + 1), request);
}

Check read_request_line(std::string_view line, Request& request, bool& is_http10) {
  const auto parts = split(line, ' ');
  if (parts.size() != 3 || line.find('\t') != std::string_view::npos || !is_token(parts[0])) {
    return refuse(400, "the request line is not well-formed");
  }
  if (parts[2] != "HTTP/1.1" && parts[2] != "HTTP/1.0")
    return refuse(400, "only HTTP/1.1 and HTTP/1.0 are spoken");
  is_http10 = parts[2] == "HTTP/1.0";
  constexpr std::array<std::string_view, 7> kMethods{"GET",   "HEAD",   "POST",   "PUT",
                                                     "PATCH", "DELETE", "OPTIONS"};
  if (std::find(kMethods.begin(), kMethods.end(), parts[0]) == kMethods.end()) {
    return refuse(405, "the method is not known");
  }
  request.method = std::string(parts[0]);
  return read_target(parts[1], request);
}

Check read_header_line(std::string_view line, Request& request) {
  const auto colon = line.find(':');
  // A folded line begins with white space and so fails here too.
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    return refuse(400, "a header line is not well-formed");
  }
  Header header{to_lower(line.substr(0, colon)), std::string(trim(line.substr(colon + 1)))};
  if (std::find(kReserved.begin(), kReserved.end(), header.name) != kReserved.end()) {
    return refuse(400, "a reserved header name");
  }
  if (may_come_once_only(header.name) && request.count(header.name) > 0) {
    return refuse(400, "a header that may come only once came twice");
  }
  request.headers.push_back(std::move(header));
  return {};
}

Check check_content_length(RequestHead& head) {
  const auto& method = head.request.method;
  const auto text = head.request.only("content-length");
  if (!text) return {};  // no body (RFC 9112, section 6.3): `curl -X POST` sends neither
  const bool digits =
      !text->empty() && std::all_of(text->begin(), text->end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || text->size() > 9) return refuse(400, "Content-Length is not a number of at most 9 digits");
  std::from_chars(text->data(), text->data() + text->size(), head.content_length);
  // A GET too: the API document puts the parameters of its lists into the body.
  const bool takes_body =
      method == "GET" || method == "POST" || method == "PUT" || method == "PATCH" || method == "DELETE";
  if (!takes_body && head.content_length > 0) return refuse(400, "this method takes no body");
  return {};
}

Check check_framing(RequestHead& head) {
  const auto& request = head.request;
  if (request.count("transfer-encoding") > 0) {
    // Both together is how requests are smuggled (RFC 9112, section 6.3).
    return request.count("content-length") > 0
               ? refuse(400, "Transfer-Encoding together with Content-Length")
               : refuse(411, "chunked bodies are not taken; send Content-Length");
  }
  if (const auto length = check_content_length(head); !length) return length;
  const auto encoding = request.only("content-encoding");
  if (encoding && !equals_ignoring_case(*encoding, "identity")) {
    return refuse(415, "encoded bodies are not taken");
  }
  const auto type = request.only("content-type");
  if (type && to_lower(*type).starts_with("multipart/")) return refuse(415, "multipart bodies are not taken");
  const auto expect = request.only("expect");
  if (expect && !equals_ignoring_case(*expect, "100-continue")) return refuse(417, "an unknown expectation");
  head.expects_continue = expect.has_value() && head.content_length > 0;
  return {};
}

}  // namespace

tl::expected<std::optional<RequestHead>, HeadRefusal> parse_request_head(std::string_view bytes,
                                                                         const HeadLimits& limits) {
  LineReader reader(bytes, limits);
  RequestHead head;
  bool is_http10 = false;
  const auto first = reader.next();
  if (!first) return tl::make_unexpected(first.error());
  if (!*first) return std::nullopt;
  if (const auto good = read_request_line(**first, head.request, is_http10); !good) {
    return tl::make_unexpected(good.error());
  }
  for (std::size_t lines = 0;; ++lines) {
    const auto line = reader.next();
    if (!line) return tl::make_unexpected(line.error());
    if (!*line) return std::nullopt;
    if ((*line)->empty()) break;
    if (lines >= limits.lines) return refuse(431, "too many header lines");
    if (const auto good = read_header_line(**line, head.request); !good)
      return tl::make_unexpected(good.error());
  }
  if (!is_http10 && head.request.count("host") == 0) return refuse(400, "Host is missing");
  if (const auto good = check_framing(head); !good) return tl::make_unexpected(good.error());
  head.size = reader.position();
  return head;
}

}  // namespace gitferry::api

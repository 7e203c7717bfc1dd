#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/base/text.h"
#include "api/request_head.h"
#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using gitferry::fuzz::require;
  const auto bytes = gitferry::fuzz::text_of(data, size);
  const auto parsed = gitferry::api::parse_request_head(bytes);
  if (!parsed) {
    require(parsed.error().status >= 400 && parsed.error().status < 500);
    return 0;
  }
  if (!*parsed) return 0;
  const auto& head = **parsed;
  require(head.size <= size && bytes.substr(0, head.size).ends_with("\r\n\r\n"));
  require(head.request.only("content-length").has_value() || head.content_length == 0);
  require(head.request.count("transfer-encoding") == 0);
  for (const auto& segment : head.request.segments) {
    require(gitferry::is_valid_utf8(segment) && segment != ".." && segment.find('\0') == std::string::npos);
  }
  for (const auto& header : head.request.headers)
    require(header.value.find_first_of("\r\n") == std::string::npos);
  // What is good stays good with bytes of a body behind it, and is not good before its end.
  const auto shorter = gitferry::api::parse_request_head(bytes.substr(0, head.size - 1));
  require(shorter && !*shorter);
  return 0;
}

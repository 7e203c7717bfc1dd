#include <cstddef>
#include <cstdint>

#include "agent/base/text.h"
#include "api/json.h"
#include "tests/fuzz/require.h"

/// What is taken is an object, can be written again, and then says the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using gitferry::fuzz::require;
  const auto text = gitferry::fuzz::text_of(data, size);
  const auto value = gitferry::api::parse_json_object(text);
  if (!value) return 0;
  require(value->isObject() && gitferry::is_valid_utf8(text) && text.find('\0') == std::string_view::npos);
  const auto written = gitferry::api::to_text(*value);
  const auto again = gitferry::api::parse_json_object(written);
  require(again && gitferry::api::to_text(*again) == written);
  return 0;
}

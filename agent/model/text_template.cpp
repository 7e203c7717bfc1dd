#include "agent/model/text_template.h"

#include <algorithm>

#include <fmt/format.h>

#include "agent/base/text.h"

namespace gitferry {
namespace {

constexpr std::string_view kOpen = "{{";
constexpr std::string_view kClose = "}}";
constexpr std::size_t kShownLength = 40;

tl::unexpected<Error> unknown_field(std::string_view field, std::span<const std::string_view> fields) {
  const std::vector<std::string> known(fields.begin(), fields.end());
  const auto near = nearest(field, known);
  return fail(ErrorCode::ConfigurationInvalid,
              fmt::format("there is no field '{}'", shortened(field, kShownLength)),
              near.empty() ? fmt::format("known are: {}", fmt::join(known, ", "))
                           : fmt::format("did you mean '{}'?", near));
}

}  // namespace

Result<TextTemplate> TextTemplate::parse(std::string_view text, std::span<const std::string_view> fields) {
  if (text.size() > kLongest) {
    return fail(ErrorCode::ConfigurationInvalid, fmt::format("it is longer than {} bytes", kLongest));
  }
  TextTemplate parsed;
  while (!text.empty()) {
    const auto open = text.find(kOpen);
    if (open > 0) parsed.parts_.push_back({std::string(text.substr(0, open)), false});
    if (open == std::string_view::npos) break;
    const auto close = text.find(kClose, open);
    if (close == std::string_view::npos) {
      return fail(ErrorCode::ConfigurationInvalid, "a '{{' has no '}}'", "write a field as {{repo}}");
    }
    const auto field = trim(text.substr(open + kOpen.size(), close - open - kOpen.size()));
    if (std::find(fields.begin(), fields.end(), field) == fields.end()) return unknown_field(field, fields);
    parsed.parts_.push_back({std::string(field), true});
    text.remove_prefix(close + kClose.size());
  }
  return parsed;
}

std::string TextTemplate::filled(const std::function<std::string(std::string_view)>& value_of) const {
  std::string filled;
  for (const auto& part : parts_) filled += part.is_field ? value_of(part.text) : part.text;
  return filled;
}

}  // namespace gitferry

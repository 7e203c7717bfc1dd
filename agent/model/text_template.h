#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"

namespace gitferry {

/// A text with `{{field}}` in it. Nothing else means anything: no conditions, no calls, no nesting; what a
/// field becomes is not looked at again.
///
/// Threading: immutable.
class TextTemplate {
 public:
  static constexpr std::size_t kLongest = 2'000;

  /// Errors: ConfigurationInvalid for a field that is not among `fields`, a `{{` without an end, and a text
  /// beyond kLongest bytes.
  static Result<TextTemplate> parse(std::string_view text, std::span<const std::string_view> fields);
  /// `value_of` is asked for each field in turn.
  [[nodiscard]] std::string filled(const std::function<std::string(std::string_view)>& value_of) const;

 private:
  struct Part {
    std::string text;
    bool is_field = false;
  };
  std::vector<Part> parts_;
};

}  // namespace gitferry

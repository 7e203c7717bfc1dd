#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gitferry {

/// Whether `name` is what `pattern` means: the same bytes, where a `*` is any number of any bytes.
///
/// Blocking: time grows with the product of both lengths at most.
inline bool fits_pattern(std::string_view pattern, std::string_view name) {
  std::size_t at = 0;
  std::size_t in_name = 0;
  std::size_t last_star = std::string_view::npos;
  std::size_t star_took_to = 0;
  while (in_name < name.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      last_star = at++;
      star_took_to = in_name;
    } else if (at < pattern.size() && pattern[at] == name[in_name]) {
      ++at;
      ++in_name;
    } else if (last_star != std::string_view::npos) {
      at = last_star + 1;
      in_name = ++star_took_to;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at == pattern.size();
}

/// The same for any of them.
inline bool fits_any(const std::vector<std::string>& patterns, std::string_view name) {
  for (const auto& pattern : patterns) {
    if (fits_pattern(pattern, name)) return true;
  }
  return false;
}

}  // namespace gitferry

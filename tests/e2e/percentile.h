#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace gitferry::test {

/// The value that `part` (0 to 1) of the values do not exceed; 0 of none.
inline double percentile(std::vector<double> values, double part) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1))];
}

}  // namespace gitferry::test

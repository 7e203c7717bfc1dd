#pragma once

#include <cstdint>
#include <string>

#include "agent/base/text.h"

namespace gitferry {

inline std::string json_item(const std::string& text) {
  return json_string(text);
}
inline std::string json_item(std::int64_t number) {
  return std::to_string(number);
}

/// Many values as one parameter, for json_each(): so their number does not change the statement.
template <typename Items>
std::string json_array(const Items& items) {
  std::string array = "[";
  for (const auto& item : items) {
    if (array.size() > 1) array += ',';
    array += json_item(item);
  }
  return array + "]";
}

}  // namespace gitferry

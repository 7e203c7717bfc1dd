#pragma once

#include <algorithm>
#include <cstdint>

#include "agent/store/store.h"

namespace gitferry {

/// At most this many rows a page, whatever was asked for.
constexpr std::int64_t kPageLimit = 1000;

inline std::int64_t page_limit(const Page& page) {
  return std::clamp<std::int64_t>(page.size, 1, kPageLimit);
}
/// How many rows come before the page; page_limit() can be added without an overflow.
inline std::int64_t page_offset(const Page& page) {
  constexpr std::int64_t last = INT64_MAX / kPageLimit - 1;
  return (std::clamp<std::int64_t>(page.number, 1, last) - 1) * page_limit(page);
}

}  // namespace gitferry

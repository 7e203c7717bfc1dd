#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace gitferry::fuzz {

/// Ends the process where `claim` does not hold, so that the fuzzer keeps the input.
inline void require(bool claim) {
  if (!claim) std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace gitferry::fuzz

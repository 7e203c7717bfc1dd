#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace gitferry::test {

/// Bytes that do not compress, the same ones each time.
inline std::string noise(std::size_t size, std::uint32_t seed = 7) {
  std::string bytes(size, '\0');
  std::uint32_t state = seed;
  for (auto& c : bytes) {
    state = state * 1664525U + 1013904223U;
    c = static_cast<char>(state >> 24U);
  }
  return bytes;
}

}  // namespace gitferry::test

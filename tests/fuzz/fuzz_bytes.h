#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "agent/git/transport.h"
#include "tests/fuzz/require.h"

namespace gitferry::fuzz {

/// The fuzzer's bytes as a stream that comes in pieces; the first byte says how large they are.
class FuzzBytes final : public ByteReader {
 public:
  FuzzBytes(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {
    if (rest_.empty()) return;
    piece_ = 1U + static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
  }

  Result<std::size_t> read(std::span<char> out) override {
    const auto count = std::min({out.size(), piece_, rest_.size()});
    if (count > 0) std::memcpy(out.data(), rest_.data(), count);
    rest_.remove_prefix(count);
    return count;
  }
  /// What was not read yet.
  [[nodiscard]] std::string_view rest() const { return rest_; }
  [[nodiscard]] std::size_t piece() const { return piece_; }

 private:
  std::string_view rest_;
  std::size_t piece_ = 1;
};

}  // namespace gitferry::fuzz

#pragma once

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "agent/git/transport.h"

namespace gitferry::test {

/// A stream of given bytes, handed out in pieces of a given size; it ends cleanly, or with a failure.
class Bytes final : public ByteReader {
 public:
  explicit Bytes(std::string bytes, std::size_t piece = SIZE_MAX) : bytes_(std::move(bytes)), piece_(piece) {}

  Result<std::size_t> read(std::span<char> out) override {
    const auto count = std::min({out.size(), piece_, bytes_.size() - position_});
    if (count == 0 && failure) return fail(*failure);
    std::memcpy(out.data(), bytes_.data() + position_, count);
    position_ += count;
    return count;
  }

  std::optional<Error> failure;

 private:
  std::string bytes_;
  std::size_t piece_;
  std::size_t position_ = 0;
};

/// Everything up to the clean end.
inline Result<std::string> read_all(ByteReader& reader, std::size_t piece = 1000) {
  std::string all;
  std::string buffer(piece, '\0');
  for (;;) {
    const auto count = reader.read(buffer);
    if (!count) return fail(count.error());
    if (*count == 0) return all;
    all.append(buffer, 0, *count);
  }
}

}  // namespace gitferry::test

#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include <zlib.h>

namespace gitferry {

/// Inflates the objects of a pack (gitformat-pack), one behind the other, from bytes that are cut anywhere.
class ObjectInflater {
 public:
  enum class Outcome { More, Ended, Damaged };

  ObjectInflater();
  ~ObjectInflater() { ::inflateEnd(&zlib_); }
  ObjectInflater(const ObjectInflater&) = delete;
  ObjectInflater& operator=(const ObjectInflater&) = delete;

  /// Before the first byte of each object.
  void begin() { ::inflateReset(&zlib_); }

  /// Takes what belongs to the object off `bytes`, and gives `take` what it inflates to, a piece at a time; a
  /// `take` that returns false ends it as Damaged. Precondition: `bytes` are not empty.
  template <typename Take>
  Outcome inflate(std::string_view& bytes, Take take) {
    auto rest = bytes;
    for (;;) {
      const auto piece = step(rest);
      if (piece.is_damaged || !take(piece.inflated)) return Outcome::Damaged;
      if (!piece.is_last) continue;
      const bool has_moved = rest.size() != bytes.size() || piece.has_ended;
      bytes = rest;
      if (piece.has_ended) return Outcome::Ended;
      return has_moved ? Outcome::More : Outcome::Damaged;
    }
  }

 private:
  struct Piece {
    std::string_view inflated;  ///< valid until the next step
    bool is_last = false;       ///< nothing more can be made of these bytes
    bool has_ended = false;
    bool is_damaged = false;
  };
  Piece step(std::string_view& bytes);

  static constexpr std::size_t kOutputSize = 32U << 10U;

  z_stream zlib_{};
  std::array<char, kOutputSize> output_{};
};

}  // namespace gitferry

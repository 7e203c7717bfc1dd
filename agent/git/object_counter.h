#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/git/object_inflater.h"

namespace gitferry {

/// Counts the objects of a pack (gitformat-pack) as its bytes pass, and keeps nothing of them.
///
/// It inflates every object to find its end. What is no pack stops it: it judges nothing, others do.
class ObjectCounter {
 public:
  /// `id_size`: bytes of an object id in the pack.
  explicit ObjectCounter(std::size_t id_size) : id_size_(id_size) {}

  /// The next bytes from the pack's first one on, cut anywhere.
  void feed(std::string_view bytes);
  /// Objects that are complete.
  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// Whether it goes on: false behind the last object, and where the bytes are no pack.
  [[nodiscard]] bool is_counting() const { return state_ != State::Stopped; }

 private:
  enum class State { PackHeader, FirstByte, Size, BaseOffset, BaseId, Data, Stopped };

  void take_byte(std::uint8_t byte);
  void take_first_byte(std::uint8_t byte);
  void end_header();
  void inflate_some(std::string_view& bytes);

  std::size_t id_size_;
  State state_ = State::PackHeader;
  std::size_t field_size_ = 0;  ///< bytes of the header or id so far
  std::uint32_t total_ = 0;
  std::uint64_t count_ = 0;
  unsigned type_ = 0;
  ObjectInflater inflater_;
};

}  // namespace gitferry

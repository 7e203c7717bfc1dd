#pragma once

#include <cstddef>

namespace gitferry::api {

/// The memory that the bodies of all connections may take together. Large bodies may take only a part of it,
/// so that a flood of them leaves room for ordinary deliveries.
///
/// Threading: one thread at a time.
class BodyBudget {
 public:
  struct Limits {
    std::size_t total = 0;        ///< bytes
    std::size_t large_total = 0;  ///< bytes of them that large bodies may take
    std::size_t large_above = 0;  ///< a body of more bytes than this is large
  };

  explicit BodyBudget(const Limits& limits) : limits_(limits) {}

  /// `body_size` is what the whole body will have. False, and nothing taken, where there is no room.
  bool take(std::size_t bytes, std::size_t body_size) {
    if (!has_room_in_total(bytes)) return false;
    if (is_large(body_size) && bytes > limits_.large_total - used_by_large_) return false;
    used_ += bytes;
    if (is_large(body_size)) used_by_large_ += bytes;
    return true;
  }
  [[nodiscard]] bool has_room_in_total(std::size_t bytes) const { return bytes <= limits_.total - used_; }
  [[nodiscard]] bool is_large(std::size_t body_size) const { return body_size > limits_.large_above; }
  void give_back(std::size_t bytes, std::size_t body_size) {
    used_ -= bytes;
    if (is_large(body_size)) used_by_large_ -= bytes;
  }

  [[nodiscard]] std::size_t used() const { return used_; }

 private:
  const Limits limits_;
  std::size_t used_ = 0;
  std::size_t used_by_large_ = 0;
};

}  // namespace gitferry::api

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace gitferry {

/// A first-in-first-out of bytes that gives the room of what was taken back: memory stays near what is held.
class ByteBuffer {
 public:
  [[nodiscard]] std::size_t size() const { return bytes_.size() - taken_; }
  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] std::string_view view() const { return std::string_view(bytes_).substr(taken_); }

  void append(std::string_view more) {
    if (taken_ >= bytes_.size() - taken_) {
      bytes_.erase(0, taken_);
      taken_ = 0;
    }
    bytes_ += more;
  }

  void consume(std::size_t count) {
    taken_ += count;
    if (taken_ == bytes_.size()) {
      bytes_.clear();
      taken_ = 0;
    }
  }

  /// Moves what fits into `out`; how much that was.
  std::size_t take(std::span<char> out) {
    const auto count = std::min(out.size(), size());
    if (count > 0) std::memcpy(out.data(), bytes_.data() + taken_, count);
    consume(count);
    return count;
  }

 private:
  std::string bytes_;
  std::size_t taken_ = 0;
};

}  // namespace gitferry

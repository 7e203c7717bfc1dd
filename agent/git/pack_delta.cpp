#include "agent/git/pack_delta.h"

#include <cstdint>

namespace gitferry {
namespace {

/// Takes bytes off the front of a delta.
class DeltaReader {
 public:
  explicit DeltaReader(std::string_view bytes) : rest_(bytes) {}

  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  std::optional<std::uint8_t> byte() {
    if (rest_.empty()) return std::nullopt;
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::optional<std::uint64_t> size() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift <= 56; shift += 7) {
      const auto next = byte();
      if (!next) return std::nullopt;
      value |= static_cast<std::uint64_t>(*next & 0x7FU) << shift;
      if ((*next & 0x80U) == 0) return value;
    }
    return std::nullopt;
  }
  /// A number of which only the bytes that `present` marks are there.
  std::optional<std::uint64_t> sparse_number(unsigned present, unsigned bytes) {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < bytes; ++i) {
      if ((present & (1U << i)) == 0) continue;
      const auto next = byte();
      if (!next) return std::nullopt;
      value |= static_cast<std::uint64_t>(*next) << (8 * i);
    }
    return value;
  }
  std::optional<std::string_view> bytes(std::size_t count) {
    if (rest_.size() < count) return std::nullopt;
    const auto result = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return result;
  }

 private:
  std::string_view rest_;
};

constexpr std::uint64_t kDefaultCopySize = 0x10000;

}  // namespace

std::optional<std::string> apply_delta(std::string_view base, std::string_view delta, std::size_t limit) {
  DeltaReader reader(delta);
  const auto base_size = reader.size();
  const auto result_size = reader.size();
  if (!base_size || *base_size != base.size() || !result_size || *result_size > limit) return std::nullopt;
  std::string result;
  while (!reader.at_end()) {
    const unsigned command = *reader.byte();
    std::optional<std::string_view> piece;
    if ((command & 0x80U) != 0) {
      const auto offset = reader.sparse_number(command, 4);
      const auto size = reader.sparse_number(command >> 4U, 3);
      if (!offset || !size) return std::nullopt;
      const auto count = *size == 0 ? kDefaultCopySize : *size;
      if (*offset > base.size() || count > base.size() - *offset) return std::nullopt;
      piece = base.substr(*offset, count);
    } else if (command != 0) {
      piece = reader.bytes(command);
    }
    if (!piece || piece->size() > *result_size - result.size()) return std::nullopt;
    result += *piece;
  }
  if (result.size() != *result_size) return std::nullopt;
  return result;
}

}  // namespace gitferry

#pragma once

#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace gitferry {

/// The hash function of a repository (gitformat "object-format").
enum class ObjectFormat { Sha1, Sha256 };

constexpr std::size_t raw_size(ObjectFormat format) {
  return format == ObjectFormat::Sha1 ? 20 : 32;
}
constexpr std::size_t hex_size(ObjectFormat format) {
  return raw_size(format) * 2;
}
constexpr std::string_view name_of(ObjectFormat format) {
  return format == ObjectFormat::Sha1 ? "sha1" : "sha256";
}

/// A git object id, kept as raw bytes; both formats. The null id (all zeros) means "does not exist".
class ObjectId {
 public:
  /// The null id of `format`.
  static ObjectId null(ObjectFormat format) { return ObjectId(std::string(raw_size(format), '\0')); }
  /// From 40 or 64 hexadecimal digits; nullopt otherwise.
  static std::optional<ObjectId> from_hex(std::string_view hex);
  /// From 20 or 32 raw bytes; nullopt otherwise.
  static std::optional<ObjectId> from_raw(std::string_view bytes);

  [[nodiscard]] std::string hex() const;
  /// The first 7 digits, as people write it.
  [[nodiscard]] std::string short_hex() const { return hex().substr(0, 7); }
  [[nodiscard]] const std::string& raw() const { return raw_; }
  [[nodiscard]] bool is_null() const { return raw_.find_first_not_of('\0') == std::string::npos; }
  [[nodiscard]] ObjectFormat format() const {
    return raw_.size() == raw_size(ObjectFormat::Sha1) ? ObjectFormat::Sha1 : ObjectFormat::Sha256;
  }

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 sees a literal zero in the generated comparison
  auto operator<=>(const ObjectId&) const = default;

 private:
  explicit ObjectId(std::string raw) : raw_(std::move(raw)) {}
  std::string raw_;
};

/// Its digits; empty without one.
inline std::string hex_of(const std::optional<ObjectId>& id) {
  return id ? id->hex() : std::string();
}

}  // namespace gitferry

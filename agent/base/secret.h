#pragma once

#include <string>
#include <string_view>

namespace gitferry {

/// A password, token or webhook secret.
///
/// It cannot be printed, formatted, compared with == or converted to a string by accident; reveal() is
/// the only way to the bytes and is easy to find in a review. The bytes are wiped on destruction.
/// Compare secrets with equal_in_constant_time() of crypto.h.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string bytes) : bytes_(std::move(bytes)) {}
  Secret(const Secret&) = default;
  Secret(Secret&&) noexcept = default;
  Secret& operator=(const Secret&) = default;
  Secret& operator=(Secret&&) noexcept = default;
  ~Secret();

  [[nodiscard]] std::string_view reveal() const { return bytes_; }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }

 private:
  std::string bytes_;
};

}  // namespace gitferry

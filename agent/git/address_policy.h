#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>

#include "agent/base/result.h"

namespace gitferry {

/// An IP address; IPv4 in its IPv4-mapped IPv6 form (RFC 4291, section 2.5.5.2), so that both spellings are
/// one.
using IpAddress = std::array<std::uint8_t, 16>;

/// nullopt where `text` is no literal address.
std::optional<IpAddress> parse_ip_address(std::string_view text);
/// nullopt for other families than IPv4 and IPv6.
std::optional<IpAddress> ip_address_of(const sockaddr* address);
std::string to_string(const IpAddress& address);

/// Which addresses we may connect to: public ones, and what the operator names.
///
/// Loopback, private, link-local, shared (RFC 6598), multicast, unspecified and reserved ranges of RFC 6890
/// are refused unless a range of `allow_cidrs` holds the address. It is asked about addresses that are about
/// to be connected to, never about names: what a name meant earlier does not count.
class AddressPolicy {
 public:
  /// Public addresses only.
  AddressPolicy() = default;
  /// `10.0.0.0/8`, `fd00::/8`, or one address. Errors: ConfigurationInvalid, naming the range.
  static Result<AddressPolicy> from(const std::vector<std::string>& allow_cidrs);
  [[nodiscard]] bool allows(const IpAddress& address) const;

 private:
  struct Range {
    IpAddress first{};
    unsigned bits = 0;
    [[nodiscard]] bool contains(const IpAddress& address) const;
  };
  static std::optional<Range> parse_range(std::string_view text);
  static const std::vector<Range>& never_public();
  std::vector<Range> allowed_;
};

/// What to tell when the policy refused `address`.
Error refused_address(std::string_view what, const IpAddress& address);

}  // namespace gitferry

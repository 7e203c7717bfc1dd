#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <sys/socket.h>

namespace gitferry {

/// An IP address; IPv4 in its IPv4-mapped IPv6 form (RFC 4291, section 2.5.5.2), so that both spellings are
/// one.
using IpAddress = std::array<std::uint8_t, 16>;

/// nullopt where `text` is no literal address.
std::optional<IpAddress> parse_ip_address(std::string_view text);
/// nullopt for other families than IPv4 and IPv6.
std::optional<IpAddress> ip_address_of(const sockaddr* address);
/// The mapped form of the four bytes of an IPv4 address.
IpAddress mapped_ipv4(const std::array<std::uint8_t, 4>& bytes);
std::string to_string(const IpAddress& address);
/// What counts as one client where clients are counted: of IPv6 the /64, which is what one subscriber has.
IpAddress subscriber_of(const IpAddress& address);

/// A block of addresses in CIDR notation (RFC 4632).
struct AddressRange {
  IpAddress first{};
  unsigned bits = 0;  ///< of the prefix, counted in the mapped form

  [[nodiscard]] bool contains(const IpAddress& address) const;
  bool operator==(const AddressRange&) const = default;
};

bool is_in(std::span<const AddressRange> ranges, const IpAddress& address);

/// `10.0.0.0/8`, `fd00::/8`, or one address. nullopt for anything else, also where bits behind the prefix are
/// set: such a range means something else to everyone who reads it.
std::optional<AddressRange> parse_address_range(std::string_view text);
/// The inverse: in the notation of the address's family, always with its bits.
std::string to_string(const AddressRange& range);

}  // namespace gitferry

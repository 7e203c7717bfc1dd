#include "agent/model/address_policy.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include <fmt/format.h>

#include "agent/base/text.h"

namespace gitferry {
namespace {

/// The well-known NAT64 prefix (RFC 6052) leads to the IPv4 address in its last four bytes: that one counts.
IpAddress unpacked(const IpAddress& address) {
  constexpr std::array<std::uint8_t, 12> nat64{0x00, 0x64, 0xFF, 0x9B};
  if (!std::equal(nat64.begin(), nat64.end(), address.begin())) return address;
  return mapped_ipv4({address[12], address[13], address[14], address[15]});
}

}  // namespace

Result<AddressPolicy> AddressPolicy::from(const std::vector<std::string>& allow_cidrs) {
  AddressPolicy policy;
  for (const auto& text : allow_cidrs) {
    const auto range = parse_address_range(text);
    if (!range) {
      return fail(ErrorCode::ConfigurationInvalid,
                  fmt::format("network.allow_cidrs: '{}' is no address range", shortened(text, 60)),
                  "write the first address of the range and its prefix length, as in 10.0.0.0/8 or fd00::/8");
    }
    policy.allowed_.push_back(*range);
  }
  return policy;
}

const std::vector<AddressRange>& AddressPolicy::never_public() {
  // IANA's special-purpose registries (RFC 6890), the old IPv4-compatible and site-local forms, and the
  // tunnels (Teredo, 6to4) that could carry any IPv4 address.
  static const auto ranges = [] {
    std::vector<AddressRange> all;
    for (const auto* text :
         {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
          "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4", "::/96",
          "64:ff9b:1::/48", "2001::/32", "2002::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"}) {
      all.push_back(*parse_address_range(text));
    }
    return all;
  }();
  return ranges;
}

bool AddressPolicy::allows(const IpAddress& address) const {
  const auto meant = unpacked(address);
  return is_in(allowed_, meant) || !is_in(never_public(), meant);
}

Error refused_address(std::string_view what, const IpAddress& address) {
  return {ErrorCode::AddressRefused,
          fmt::format("{}: its address {} is private or reserved and was not connected to", what,
                      to_string(address)),
          "name its range in network.allow_cidrs if that host is meant",
          {}};
}

}  // namespace gitferry

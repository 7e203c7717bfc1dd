#include "agent/git/address_policy.h"

#include <algorithm>
#include <cstring>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include "agent/base/text.h"

namespace gitferry {
namespace {

constexpr unsigned kMappedBits = 96;

IpAddress mapped(const in_addr& v4) {
  IpAddress address{};
  address[10] = address[11] = 0xFF;
  std::memcpy(address.data() + 12, &v4, 4);
  return address;
}

bool is_mapped(const IpAddress& address) {
  return std::all_of(address.begin(), address.begin() + 10, [](auto byte) { return byte == 0; }) &&
         address[10] == 0xFF && address[11] == 0xFF;
}

/// The well-known NAT64 prefix (RFC 6052) leads to the IPv4 address in its last four bytes: that one counts.
IpAddress unpacked(const IpAddress& address) {
  constexpr std::array<std::uint8_t, 12> nat64{0x00, 0x64, 0xFF, 0x9B};
  if (!std::equal(nat64.begin(), nat64.end(), address.begin())) return address;
  in_addr v4{};
  std::memcpy(&v4, address.data() + 12, 4);
  return mapped(v4);
}

}  // namespace

std::optional<IpAddress> parse_ip_address(std::string_view text) {
  const std::string owned(text);
  in_addr v4{};
  if (::inet_pton(AF_INET, owned.c_str(), &v4) == 1) return mapped(v4);
  IpAddress v6{};
  if (::inet_pton(AF_INET6, owned.c_str(), v6.data()) == 1) return v6;
  return std::nullopt;
}

std::optional<IpAddress> ip_address_of(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof v4);
    return mapped(v4.sin_addr);
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, address, sizeof v6);
    IpAddress out{};
    std::memcpy(out.data(), &v6.sin6_addr, out.size());
    return out;
  }
  return std::nullopt;
}

std::string to_string(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool is_v4 = is_mapped(address);
  const auto* bytes = is_v4 ? address.data() + 12 : address.data();
  ::inet_ntop(is_v4 ? AF_INET : AF_INET6, bytes, text.data(), text.size());
  return text.data();
}

bool AddressPolicy::Range::contains(const IpAddress& address) const {
  const unsigned whole = bits / 8;
  if (!std::equal(first.begin(), first.begin() + whole, address.begin())) return false;
  if (bits % 8 == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xFFU << (8 - bits % 8));
  return ((first[whole] ^ address[whole]) & mask) == 0;
}

std::optional<AddressPolicy::Range> AddressPolicy::parse_range(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = parse_ip_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  const bool is_v4 = text.substr(0, slash).find(':') == std::string_view::npos;
  const std::int64_t most = is_v4 ? 32 : 128;
  std::int64_t bits = most;
  if (slash != std::string_view::npos) {
    const auto number = parse_number(text.substr(slash + 1));
    if (!number || *number > most) return std::nullopt;
    bits = *number;
  }
  Range range{*address, static_cast<unsigned>(bits) + (is_v4 ? kMappedBits : 0)};
  for (unsigned bit = range.bits; bit < 128; ++bit) {
    if ((range.first[bit / 8] >> (7 - bit % 8) & 1U) != 0) return std::nullopt;
  }
  return range;
}

Result<AddressPolicy> AddressPolicy::from(const std::vector<std::string>& allow_cidrs) {
  AddressPolicy policy;
  for (const auto& text : allow_cidrs) {
    const auto range = parse_range(text);
    if (!range) {
      return fail(ErrorCode::ConfigurationInvalid,
                  fmt::format("network.allow_cidrs: '{}' is no address range", shortened(text, 60)),
                  "write the first address of the range and its prefix length, as in 10.0.0.0/8 or fd00::/8");
    }
    policy.allowed_.push_back(*range);
  }
  return policy;
}

const std::vector<AddressPolicy::Range>& AddressPolicy::never_public() {
  // IANA's special-purpose registries (RFC 6890), the old IPv4-compatible and site-local forms, and the
  // tunnels (Teredo, 6to4) that could carry any IPv4 address.
  static const auto ranges = [] {
    std::vector<Range> all;
    for (const auto* text :
         {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
          "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4", "::/96",
          "64:ff9b:1::/48", "2001::/32", "2002::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"}) {
      all.push_back(*parse_range(text));
    }
    return all;
  }();
  return ranges;
}

bool AddressPolicy::allows(const IpAddress& address) const {
  const auto meant = unpacked(address);
  const auto holds = [&](const Range& range) { return range.contains(meant); };
  return std::any_of(allowed_.begin(), allowed_.end(), holds) ||
         std::none_of(never_public().begin(), never_public().end(), holds);
}

Error refused_address(std::string_view what, const IpAddress& address) {
  return {ErrorCode::AddressRefused,
          fmt::format("{}: its address {} is private or reserved and was not connected to", what,
                      to_string(address)),
          "name its range in network.allow_cidrs if that host is meant",
          {}};
}

}  // namespace gitferry

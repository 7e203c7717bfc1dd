#include "agent/base/ip_address.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "agent/base/text.h"

namespace gitferry {
namespace {

constexpr unsigned kMappedBits = 96;
constexpr std::size_t kIpv4At = 12;  ///< where an IPv4 address stands in its mapped form

bool is_mapped(const IpAddress& address) {
  return std::all_of(address.begin(), address.begin() + 10, [](auto byte) { return byte == 0; }) &&
         address[10] == 0xFF && address[11] == 0xFF;
}

IpAddress mapped(const in_addr& v4) {
  std::array<std::uint8_t, 4> bytes{};
  std::memcpy(bytes.data(), &v4, bytes.size());
  return mapped_ipv4(bytes);
}

}  // namespace

IpAddress mapped_ipv4(const std::array<std::uint8_t, 4>& bytes) {
  IpAddress address{};
  address[10] = address[11] = 0xFF;
  std::copy(bytes.begin(), bytes.end(), address.begin() + kIpv4At);
  return address;
}

std::optional<IpAddress> parse_ip_address(std::string_view text) {
  const std::string owned(text);
  if (owned.find('\0') != std::string::npos) return std::nullopt;  // the functions below would stop there
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
  const auto* bytes = is_v4 ? address.data() + kIpv4At : address.data();
  ::inet_ntop(is_v4 ? AF_INET : AF_INET6, bytes, text.data(), text.size());
  return text.data();
}

IpAddress subscriber_of(const IpAddress& address) {
  constexpr std::size_t kSubscriberBytes = 8;
  auto subscriber = address;
  if (!is_mapped(address))
    std::fill(subscriber.begin() + kSubscriberBytes, subscriber.end(), std::uint8_t{0});
  return subscriber;
}

bool AddressRange::contains(const IpAddress& address) const {
  const unsigned whole = bits / 8;
  if (!std::equal(first.begin(), first.begin() + whole, address.begin())) return false;
  if (bits % 8 == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xFFU << (8 - bits % 8));
  return ((first[whole] ^ address[whole]) & mask) == 0;
}

bool is_in(std::span<const AddressRange> ranges, const IpAddress& address) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const AddressRange& range) { return range.contains(address); });
}

std::optional<AddressRange> parse_address_range(std::string_view text) {
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
  const AddressRange range{*address, static_cast<unsigned>(bits) + (is_v4 ? kMappedBits : 0)};
  for (unsigned bit = range.bits; bit < 128; ++bit) {
    if ((range.first[bit / 8] >> (7 - bit % 8) & 1U) != 0) return std::nullopt;
  }
  return range;
}

std::string to_string(const AddressRange& range) {
  const bool is_v4 = range.bits >= kMappedBits && is_mapped(range.first);
  return to_string(range.first) + "/" + std::to_string(range.bits - (is_v4 ? kMappedBits : 0));
}

}  // namespace gitferry

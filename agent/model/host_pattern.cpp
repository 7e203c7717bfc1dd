#include "agent/model/host_pattern.h"

#include <cstdint>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "agent/base/text.h"

namespace gitferry {
namespace {

std::string_view without_last_dot(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  return host;
}

bool is_name(std::string_view text) {
  return !text.empty() && !text.starts_with('-') && text.find("..") == std::string_view::npos &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-_") == std::string_view::npos;
}

}  // namespace

std::optional<IpAddress> written_address(std::string_view host) {
  const auto name = to_lower(without_last_dot(host));
  if (const auto address = parse_ip_address(name)) return address;
  if (name == "localhost" || name.ends_with(".localhost")) return mapped_ipv4({127, 0, 0, 1});
  in_addr numeric{};
  if (::inet_aton(name.c_str(), &numeric) == 0) return std::nullopt;
  const auto bytes = ntohl(numeric.s_addr);
  const auto byte = [&](unsigned shift) { return static_cast<std::uint8_t>(bytes >> shift & 0xFFU); };
  return mapped_ipv4({byte(24), byte(16), byte(8), byte(0)});
}

std::optional<HostPattern> HostPattern::parse(std::string_view text) {
  HostPattern pattern;
  pattern.range_ = parse_address_range(text);
  if (pattern.range_) return pattern;
  pattern.name_ = to_lower(without_last_dot(text));
  const std::string_view name = pattern.name_;
  if (!is_name(name.starts_with('.') ? name.substr(1) : name)) return std::nullopt;
  return pattern;
}

bool HostPattern::fits(std::string_view host) const {
  if (range_) {
    const auto address = written_address(host);
    return address && range_->contains(*address);
  }
  const auto name = to_lower(without_last_dot(host));
  return name_.starts_with('.') ? name.size() > name_.size() && name.ends_with(name_) : name == name_;
}

}  // namespace gitferry

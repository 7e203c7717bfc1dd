#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/base/ip_address.h"

namespace gitferry {

/// The address that the host of a URL is by itself, without asking anyone: a literal in any of the forms that
/// resolvers take (`127.1`, `0x7f000001`, `2130706433`), or a name that always means this machine
/// (`localhost`, RFC 6761). nullopt for other names.
std::optional<IpAddress> written_address(std::string_view host);

/// Hosts as an operator names them: one host, `.suffix` for all below a domain, or a range of addresses,
/// which fits hosts that are written as addresses. Case and a '.' at a name's end do not count.
class HostPattern {
 public:
  /// nullopt where `text` is none of the three.
  static std::optional<HostPattern> parse(std::string_view text);
  /// `host` as RemoteUrl has it.
  [[nodiscard]] bool fits(std::string_view host) const;

 private:
  std::optional<AddressRange> range_;
  std::string name_;  ///< with its '.' at the beginning where it is a suffix
};

}  // namespace gitferry

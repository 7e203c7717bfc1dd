#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/base/ip_address.h"
#include "agent/base/result.h"

namespace gitferry {

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
  static const std::vector<AddressRange>& never_public();
  std::vector<AddressRange> allowed_;
};

/// What to tell when the policy refused `address`.
Error refused_address(std::string_view what, const IpAddress& address);

}  // namespace gitferry

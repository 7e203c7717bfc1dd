#include "agent/model/allowed_addresses.h"

#include <fmt/format.h>

namespace gitferry {

Result<ParsedAddress> parse_allowed_url(std::string_view text, const AllowedAddresses& allowed) {
  auto parsed = parse_remote_url(text, allowed.schemes);
  if (!parsed) return parsed;
  const auto& url = parsed->url;
  if (url.scheme == Scheme::File && !allowed.directories.allows(url.path))
    return fail(
        ErrorCode::AddressRefused,
        "the repository address was refused: the path is in no directory of network.local_directories",
        "name the directory there if that path is meant");
  const auto literal = parse_ip_address(url.host);
  if (!literal || allowed.networks.allows(*literal)) return parsed;
  return fail(ErrorCode::AddressRefused,
              fmt::format("the host {} is a private or reserved address", url.host),
              "name its range in network.allow_cidrs if that host is meant");
}

}  // namespace gitferry

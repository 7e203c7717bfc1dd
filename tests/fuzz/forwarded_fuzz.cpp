#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "agent/base/text.h"
#include "api/forwarded.h"
#include "tests/fuzz/require.h"

namespace {

using namespace gitferry;
using fuzz::require;

void check_spelling(std::string_view text) {
  if (const auto address = parse_ip_address(text)) {
    require(text.find('\0') == std::string_view::npos && parse_ip_address(to_string(*address)) == *address);
  }
  if (const auto range = parse_address_range(text)) {
    require(range->contains(range->first) && parse_address_range(to_string(*range)) == *range);
  }
}

}  // namespace

/// Each line is one X-Forwarded-For of a request; the first byte says whether a trusted proxy sent it. What
/// the client itself could have written, at the left of it all, must not change whose request it is.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto proxies =
      std::array{parse_address_range("10.0.0.0/8").value(), parse_address_range("fd00::/8").value()};
  const auto is_proxy = [&](const IpAddress& address) {
    return proxies[0].contains(address) || proxies[1].contains(address);
  };
  const auto peer = parse_ip_address(data[0] % 2 == 0 ? "10.0.0.1" : "198.51.100.7").value();

  api::Request request;
  for (const auto line : split(fuzz::text_of(data + 1, size - 1), '\n')) {
    request.headers.push_back({"x-forwarded-for", std::string(trim(line))});
    check_spelling(line);
  }
  const auto client = api::client_address(peer, request, proxies);
  check_spelling(to_string(client));
  if (!is_proxy(peer)) require(client == peer);
  require(api::client_address(peer, request, {}) == peer);
  if (is_proxy(client)) return 0;

  auto longer = request;
  if (!longer.headers.empty()) longer.headers.front().value.insert(0, "192.0.2.66, ");
  longer.headers.insert(longer.headers.begin(), {"x-forwarded-for", "192.0.2.67"});
  require(api::client_address(peer, longer, proxies) == client);
  return 0;
}

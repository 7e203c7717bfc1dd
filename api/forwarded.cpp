#include "api/forwarded.h"

#include <optional>
#include <string_view>

#include "agent/base/text.h"

namespace gitferry::api {
namespace {

/// More proxies than that are not in a row; whoever writes more entries wants us to look for long.
constexpr std::size_t kMostEntries = 32;

/// Without the port and the brackets that some proxies write: `192.0.2.1:443`, `[2001:db8::1]:443`.
std::string_view bare_address(std::string_view entry) {
  const auto colon = entry.find(':');
  if (entry.starts_with('[')) {
    const auto end = entry.find(']');
    if (end == std::string_view::npos) return {};
    const auto rest = entry.substr(end + 1);
    if (!rest.empty() && (!rest.starts_with(':') || !parse_number(rest.substr(1)))) return {};
    return entry.substr(1, end - 1);
  }
  const bool has_port =
      colon != std::string_view::npos && entry.find(':', colon + 1) == std::string_view::npos;
  if (has_port && !parse_number(entry.substr(colon + 1))) return {};
  return has_port ? entry.substr(0, colon) : entry;
}

/// Walks the entries of all lines from the right, as if they were one line (RFC 9110, section 5.2).
class EntriesFromTheRight {
 public:
  explicit EntriesFromTheRight(const Request& request) : headers_(request.headers) {}

  /// nullopt after the left-most one.
  std::optional<std::string_view> next() {
    while (!is_in_line_ && left_ > 0) {
      const auto& header = headers_[--left_];
      if (header.name != "x-forwarded-for") continue;
      line_ = header.value;
      is_in_line_ = true;
    }
    if (!is_in_line_) return std::nullopt;
    const auto comma = line_.rfind(',');
    is_in_line_ = comma != std::string_view::npos;
    const auto entry = trim(is_in_line_ ? line_.substr(comma + 1) : line_);
    if (is_in_line_) line_ = line_.substr(0, comma);
    return entry;
  }

 private:
  std::span<const Header> headers_;
  std::size_t left_ = headers_.size();  ///< headers not yet looked at
  std::string_view line_;
  bool is_in_line_ = false;
};

}  // namespace

IpAddress client_address(const IpAddress& peer, const Request& request,
                         std::span<const AddressRange> trusted_proxies) {
  auto known = peer;
  EntriesFromTheRight entries(request);
  for (std::size_t i = 0; i < kMostEntries && is_in(trusted_proxies, known); ++i) {
    const auto entry = entries.next();
    const auto address = entry ? parse_ip_address(bare_address(*entry)) : std::nullopt;
    if (!address) break;
    known = *address;
  }
  return known;
}

}  // namespace gitferry::api

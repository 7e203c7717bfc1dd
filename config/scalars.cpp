#include "config/scalars.h"

#include <array>
#include <limits>

#include <arpa/inet.h>

#include "agent/base/text.h"
#include "agent/model/remote_url.h"

namespace gitferry::config {
namespace {

struct Unit {
  std::string_view suffix;
  std::int64_t milliseconds;
};
// Largest first for printing; `ms` before `m` and `s`, because parsing compares the end.
constexpr std::array kUnits{Unit{"ms", 1}, Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"m", 60'000},
                            Unit{"s", 1000}};

/// 32 or 128: the bits of an address's family; 0 where it is no address.
int address_bits(std::string_view text) {
  std::array<unsigned char, 16> raw{};
  const std::string address(text);
  if (::inet_pton(AF_INET, address.c_str(), raw.data()) == 1) return 32;
  if (::inet_pton(AF_INET6, address.c_str(), raw.data()) == 1) return 128;
  return 0;
}

}  // namespace

std::optional<bool> parse_flag(std::string_view text) {
  const std::string lower = to_lower(text);
  if (lower == "true" || lower == "yes" || lower == "on") return true;
  if (lower == "false" || lower == "no" || lower == "off") return false;
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  for (const auto& unit : kUnits) {
    if (!text.ends_with(unit.suffix)) continue;
    const auto count = parse_number(text.substr(0, text.size() - unit.suffix.size()));
    if (!count || *count > std::numeric_limits<std::int64_t>::max() / unit.milliseconds) return std::nullopt;
    return std::chrono::milliseconds{*count * unit.milliseconds};
  }
  return std::nullopt;
}

std::string duration_text(std::chrono::milliseconds duration) {
  const std::int64_t count = duration.count();
  for (const auto& unit : kUnits)
    if (unit.milliseconds > 1 && count > 0 && count % unit.milliseconds == 0)
      return std::to_string(count / unit.milliseconds) + std::string(unit.suffix);
  return std::to_string(count) + "ms";
}

std::optional<WallTime> parse_time(std::string_view text) {
  constexpr std::size_t kWithoutFraction = std::string_view("2027-01-31T00:00:00Z").size();
  std::string whole(text);
  if (whole.size() == kWithoutFraction) whole.insert(whole.size() - 1, ".000");
  const auto epoch_ms = parse_rfc3339(whole);
  if (!epoch_ms) return std::nullopt;
  return from_epoch_ms(*epoch_ms);
}

std::string time_text(WallTime time) {
  std::string text = rfc3339(to_epoch_ms(time));
  constexpr std::string_view kNoFraction = ".000Z";
  if (text.ends_with(kNoFraction)) text.replace(text.size() - kNoFraction.size(), kNoFraction.size(), "Z");
  return text;
}

std::optional<ListenAddress> parse_listen(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_number(text.substr(colon + 1));
  if (!port || *port > std::numeric_limits<std::uint16_t>::max()) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool in_brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (in_brackets) host = host.substr(1, host.size() - 2);
  if (host.empty() || in_brackets != (address_bits(host) == 128)) return std::nullopt;
  if (host.find_first_of(" \t/@[]") != std::string_view::npos) return std::nullopt;
  return ListenAddress{std::string(host), static_cast<std::uint16_t>(*port)};
}

std::string listen_text(std::string_view host, std::uint16_t port) {
  const bool is_ipv6 = host.find(':') != std::string_view::npos;
  return (is_ipv6 ? "[" + std::string(host) + "]" : std::string(host)) + ":" + std::to_string(port);
}

bool is_loopback(std::string_view host) {
  if (equals_ignoring_case(host, "localhost") || host == "::1") return true;
  return address_bits(host) == 32 && host.starts_with("127.");
}

std::optional<std::string> parse_public_url(std::string_view text) {
  // Its rules are those of a repository's address, which must have a path.
  const auto whole = std::string(text) + (text.ends_with('/') ? "x" : "/x");
  const auto parsed = parse_remote_url(whole, {Scheme::Https, Scheme::Http});
  if (!parsed || !parsed->username.empty() || !parsed->password.empty()) return std::nullopt;
  if (whole.find('@') < whole.find('/', whole.find("://") + 3)) return std::nullopt;
  auto url = parsed->url.str();
  url.resize(url.size() - 1);
  while (url.ends_with('/')) url.pop_back();
  return url;
}

}  // namespace gitferry::config

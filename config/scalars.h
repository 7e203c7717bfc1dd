#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/base/clock.h"

namespace gitferry::config {

/// Small notations of the configuration. nullopt: the text is not in the notation.

/// true/false, yes/no, on/off in any case.
std::optional<bool> parse_flag(std::string_view text);

/// `500ms`, `10s`, `5m`, `2h`, `7d`: digits and one unit.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
/// The inverse, with the largest unit that divides it.
std::string duration_text(std::chrono::milliseconds duration);

/// A time in UTC (RFC 3339), `2027-01-31T00:00:00Z`, with or without milliseconds.
std::optional<WallTime> parse_time(std::string_view text);
/// The inverse.
std::string time_text(WallTime time);

struct ListenAddress {
  std::string host;  ///< IPv6 without brackets
  std::uint16_t port = 0;
};
/// `host:port`, `[::1]:port`; port 0 lets the system choose.
std::optional<ListenAddress> parse_listen(std::string_view text);
std::string listen_text(std::string_view host, std::uint16_t port);

/// An address that others are told: http or https, a host, and a path where there is one; without user info,
/// query and fragment. Without '/' at its end, scheme and host in lower case.
std::optional<std::string> parse_public_url(std::string_view text);

/// 127.0.0.0/8, ::1 and `localhost`.
bool is_loopback(std::string_view host);

}  // namespace gitferry::config

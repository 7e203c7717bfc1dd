#include "config/server.h"

#include <algorithm>
#include <array>
#include <string>

#include "agent/base/ip_address.h"
#include "config/scalars.h"

namespace gitferry::config {
namespace {

constexpr MapReader::Range kConnections{1, 100'000};
constexpr MapReader::Range kPerSecond{0, 1'000'000};
constexpr MapReader::Range kBurst{1, 10'000'000};

/// What the files hold is not looked at: a certificate that cannot be read must not keep a reload from taking
/// up the rest.
void read_tls(const MapReader& map, Server& server) {
  if (map.require("cert_file", "cert_file: /etc/gitferry/tls.pem"))
    server.certificate_file = map.text("cert_file").value_or("");
  if (map.require("key_file", "key_file: /etc/gitferry/tls.key"))
    server.key_file = map.text("key_file").value_or("");
}

void read_rate(const MapReader& limits, std::string_view key, RateLimit& rate) {
  const YamlNode* node = limits.find(key);
  if (node == nullptr) return;
  const MapReader map(*node, limits.named(key), section::kRate, limits.report());
  rate.per_second = map.number("per_second", kPerSecond).value_or(rate.per_second);
  rate.burst = map.number("burst", kBurst).value_or(rate.burst);
}

void read_limits(const MapReader& map, Limits& limits) {
  limits.connections = map.number("connections", kConnections).value_or(limits.connections);
  limits.connections_per_address =
      map.number("connections_per_address", kConnections).value_or(limits.connections_per_address);
  read_rate(map, "requests", limits.address);
  read_rate(map, "deliveries", limits.hook);
}

void read_proxies(const MapReader& map, Server& server) {
  constexpr std::array<std::string_view, 2> kThisMachine{"127.0.0.0/8", "::1/128"};
  server.behind_proxy = map.flag("behind_proxy").value_or(false);
  server.trusted_proxies = map.address_ranges("trusted_proxies");
  const bool is_none_named = map.list("trusted_proxies").empty();
  if (!server.behind_proxy && !is_none_named)
    map.error(map.at("trusted_proxies"),
              "server.trusted_proxies without behind_proxy: nobody's X-Forwarded-For is read",
              "say behind_proxy: true, or remove it");
  if (!server.behind_proxy || !is_none_named) return;
  for (const auto text : kThisMachine) {
    if (const auto range = parse_address_range(text)) server.trusted_proxies.push_back(*range);
  }
}

/// Neither is an error: only whoever knows the network can say whether it is meant so.
void warn_of_proxies(const MapReader& map, const Server& server) {
  const bool is_none_named = map.list("trusted_proxies").empty();
  if (server.behind_proxy && is_none_named && !is_loopback(server.listen_host))
    map.warn(
        map.at("behind_proxy"),
        "no trusted_proxies: all that comes through a proxy on another machine counts as one client, and "
        "shares its limits",
        "name the proxy's address: trusted_proxies: [192.0.2.1]");
  const bool is_anybody = std::any_of(
      server.trusted_proxies.begin(), server.trusted_proxies.end(),
      [](const AddressRange& range) { return range.bits == 0 || to_string(range) == "0.0.0.0/0"; });
  if (is_anybody)
    map.warn(map.at("trusted_proxies"),
             "everybody is trusted to say who he is: limits and allow_cidrs hold back nobody",
             "name the proxies alone");
}

void read_public_url(const MapReader& map, Server& server) {
  const auto text = map.text("public_url");
  if (!text) return;
  const auto url = parse_public_url(*text);
  if (url)
    server.public_url = *url;
  else
    map.error(map.at("public_url"),
              "server.public_url must be http:// or https:// with a host, without user, query and fragment",
              "for example: https://ferry.example.org");
}

void read_listen(const MapReader& map, Server& server) {
  const auto text = map.text("listen");
  if (!text) return;
  const auto address = parse_listen(*text);
  if (!address) {
    map.error(map.at("listen"), "server.listen must be host:port", "for example: 127.0.0.1:8080");
    return;
  }
  server.listen_host = address->host;
  server.listen_port = address->port;
  if (!is_loopback(address->host) && !server.behind_proxy && map.find("tls") == nullptr)
    map.error(
        map.at("listen"), "'" + address->host + "' can be reached from other machines, without TLS",
        "give server.tls a certificate, or put a proxy that speaks TLS in front and say behind_proxy: true, "
        "or listen on 127.0.0.1");
}

void read_public_badges(const MapReader& map, Server& server) {
  for (const auto& node : map.list("public_badges")) {
    if (auto pattern = scalar_text(node, "a pattern of repository names", map.report()))
      server.public_badges.push_back(std::move(*pattern));
  }
}

}  // namespace

void read_server(const MapReader& map, Server& server) {
  read_proxies(map, server);
  if (const YamlNode* node = map.find("tls"))
    read_tls({*node, "server.tls", section::kTls, map.report()}, server);
  read_listen(map, server);
  warn_of_proxies(map, server);
  read_public_url(map, server);
  read_public_badges(map, server);
  if (const YamlNode* node = map.find("limits"))
    read_limits({*node, "server.limits", section::kLimits, map.report()}, server.limits);
}

}  // namespace gitferry::config

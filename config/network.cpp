#include "config/network.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "agent/base/text.h"
#include "agent/model/host_pattern.h"
#include "agent/model/local_directories.h"
#include "config/named_files.h"

namespace gitferry::config {
namespace {

void read_schemes(const MapReader& map, Network& network) {
  std::set<Scheme> schemes;
  bool all_known = true;
  for (const auto& node : map.list("allow_schemes")) {
    const auto word = scalar_text(node, "a scheme", map.report());
    const auto scheme = word ? scheme_from(*word) : std::nullopt;
    all_known = all_known && scheme;
    if (scheme) {
      schemes.insert(*scheme);
    } else if (word) {
      const std::string near = nearest(*word, {"https", "ssh", "http", "file"});
      map.error(node.at, "network.allow_schemes knows https, ssh, http and file",
                near.empty() ? "" : "did you mean '" + near + "'?");
    }
  }
  // A wrong word is one error, not another one for every address.
  if (!all_known) schemes = {Scheme::Https, Scheme::Ssh, Scheme::Http, Scheme::File};
  if (map.find("allow_schemes") != nullptr) network.allow_schemes = std::move(schemes);
}

void read_ranges(const MapReader& map, Network& network) {
  for (const auto& node : map.list("allow_cidrs")) {
    const auto range = scalar_text(node, "an address range", map.report());
    if (!range) continue;
    if (parse_address_range(*range))
      network.allow_cidrs.push_back(*range);
    else
      map.error(node.at, "network.allow_cidrs takes address ranges", "for example: 10.0.0.0/8 or fd00::/8");
  }
}

void read_directories(const MapReader& map, Network& network) {
  if (map.find("local_directories") == nullptr) {
    if (network.allow_schemes.contains(Scheme::File) && map.find("allow_schemes") != nullptr)
      map.warn(map.at("allow_schemes"),
               "file without local_directories: whoever binds repositories may name any on this machine",
               "name where they are: local_directories: [/srv/git]");
    return;
  }
  if (!network.allow_schemes.contains(Scheme::File))
    map.error(map.at("local_directories"),
              "network.local_directories without 'file' in network.allow_schemes: no local path is taken",
              "add 'file' there, or remove it");
  std::vector<std::string> directories;
  bool all_good = true;
  for (const auto& node : map.list("local_directories")) {
    const auto text = scalar_text(node, "a directory", map.report());
    const bool is_good = text && LocalDirectories::below({*text});
    all_good = all_good && is_good;
    if (is_good)
      directories.push_back(*text);
    else if (text)
      map.error(node.at, "network.local_directories takes absolute paths without '..'",
                "for example: /srv/git");
  }
  // As of schemes: a wrong directory is one error, not another one for every address.
  if (all_good) network.local_directories = LocalDirectories::below(directories).value_or(LocalDirectories());
}

/// `scheme://host:port`; nullopt with a report where it is none. The value is never quoted: a password may
/// stand in it by mistake.
std::optional<std::string> proxy_address(const MapReader& map, std::string_view text) {
  const auto refuse = [&](std::string message, std::string hint) {
    map.error(map.at("proxy"), std::move(message), std::move(hint));
    return std::nullopt;
  };
  constexpr std::array<std::string_view, 3> kSchemes{"http", "https", "socks5h"};
  const auto mark = text.find("://");
  const auto scheme = to_lower(text.substr(0, mark == std::string_view::npos ? 0 : mark));
  if (scheme == "socks5")
    return refuse("with socks5:// names would be resolved here, where their proxy is not known",
                  "use socks5h://, which lets the proxy resolve them");
  if (std::find(kSchemes.begin(), kSchemes.end(), scheme) == kSchemes.end())
    return refuse("network.proxy must begin with http://, https:// or socks5h://",
                  "for example: http://proxy.corp:3128");
  auto authority = text.substr(mark + 3);
  if (authority.ends_with('/')) authority.remove_suffix(1);
  if (authority.find('@') != std::string_view::npos)
    return refuse("network.proxy holds a user name or password",
                  "use proxy_username and proxy_password_file or proxy_password_env");
  const auto parsed = authority.find('/') == std::string_view::npos
                          ? parse_remote_url("http://" + std::string(authority) + "/x", {Scheme::Http})
                          : fail(ErrorCode::ConfigurationInvalid, "a path");
  if (!parsed || parsed->url.port == 0)
    return refuse("network.proxy must be a scheme, a host and a port", "for example: http://proxy.corp:3128");
  return scheme + "://" + parsed->url.host_key();
}

void read_login(const MapReader& map, const Environment& environment, Network& network) {
  network.proxy_username = map.text("proxy_username").value_or("");
  network.proxy_password = map.secret("proxy_password");
  if (network.proxy_password) check_secret(map, "proxy_password", *network.proxy_password, environment);
  const bool names_password =
      map.find("proxy_password_file") != nullptr || map.find("proxy_password_env") != nullptr;
  if (network.proxy_username.find(':') != std::string::npos)
    map.error(map.at("proxy_username"), "a user name that is shown to a proxy has no ':'");
  if (names_password && map.find("proxy_username") == nullptr)
    map.error(map.at(), "network.proxy has a password and no user name", "give it proxy_username");
  if (!names_password && map.find("proxy_username") != nullptr)
    map.error(map.at("proxy_username"), "network.proxy has a user name and no password",
              "give it proxy_password_file or proxy_password_env");
}

void read_exceptions(const MapReader& map, Network& network) {
  for (const auto& node : map.list("no_proxy")) {
    const auto text = scalar_text(node, "a host", map.report());
    if (!text) continue;
    if (HostPattern::parse(*text))
      network.no_proxy.push_back(*text);
    else
      map.error(node.at, "network.no_proxy takes hosts, ends of their names and address ranges",
                "for example: git.corp, .corp or 10.0.0.0/8");
  }
}

void read_proxy(const MapReader& map, const Environment& environment, Network& network) {
  constexpr std::array<std::string_view, 4> kOnlyWithProxy{"proxy_username", "proxy_password_file",
                                                           "proxy_password_env", "no_proxy"};
  if (map.find("proxy") == nullptr) {
    for (const auto key : kOnlyWithProxy) {
      if (map.find(key) != nullptr)
        map.error(map.at(key), map.named(key) + " without network.proxy", "name the proxy, or remove it");
    }
    return;
  }
  if (const auto text = map.text("proxy")) network.proxy = proxy_address(map, *text).value_or("");
  read_login(map, environment, network);
  read_exceptions(map, network);
}

void read_ssh_reuse(const MapReader& map, Network& network) {
  const YamlNode* node = map.find("ssh_reuse");
  if (node != nullptr && node->kind == YamlNode::Kind::Scalar && node->text == "off") {
    network.ssh_reuse = {};
    return;
  }
  constexpr MapReader::DurationRange range{std::chrono::seconds{1}, std::chrono::hours{24}};
  network.ssh_reuse = map.duration("ssh_reuse", range).value_or(network.ssh_reuse);
}

}  // namespace

AllowedAddresses Network::allowed() const {
  // Ranges that are none do not get here: the loader refuses them where they stand.
  return {allow_schemes, AddressPolicy::from(allow_cidrs).value_or(AddressPolicy()), local_directories};
}

void read_network(const MapReader& map, const Environment& environment, Network& network) {
  read_schemes(map, network);
  read_ranges(map, network);
  read_directories(map, network);
  network.ca_file = map.text("ca_file").value_or("");
  check_readable(map, "ca_file", network.ca_file,
                 "network.ca_file is a file of certificates in the form PEM");
  read_proxy(map, environment, network);
  read_ssh_reuse(map, network);
}

}  // namespace gitferry::config

#include "agent/model/remote_url.h"

#include <array>

#include <fmt/format.h>

#include "agent/base/text.h"

namespace gitferry {
namespace {

constexpr std::size_t kAddressLimit = 2048;

struct SchemeRow {
  Scheme scheme;
  std::string_view name;
  std::uint16_t default_port;
};
constexpr std::array kSchemes{SchemeRow{Scheme::Https, "https", 443}, SchemeRow{Scheme::Http, "http", 80},
                              SchemeRow{Scheme::Ssh, "ssh", 22}, SchemeRow{Scheme::File, "file", 0}};

std::uint16_t default_port(Scheme scheme) {
  for (const auto& row : kSchemes) {
    if (row.scheme == scheme) return row.default_port;
  }
  return 0;
}

bool has_forbidden_byte(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7F || c == '\\') return true;
  }
  return false;
}

/// The texts never quote the address: it may hold a password.
tl::unexpected<Error> refused(std::string_view why) {
  return fail(ErrorCode::RepositoryAddressInvalid, fmt::format("the repository address was refused: {}", why),
              "write it as https://host/path.git, ssh://git@host/path.git or git@host:path.git");
}

bool is_web(Scheme scheme) {
  return scheme == Scheme::Https || scheme == Scheme::Http;
}

/// `host` or `host:port`, with brackets around IPv6.
std::string host_and_port(const std::string& host, std::uint16_t port) {
  const std::string bare = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port == 0 ? bare : fmt::format("{}:{}", bare, port);
}

/// Names that a public service has for ssh through port 443, where a firewall lets nothing else out.
struct SecondName {
  std::string_view ssh_host;
  std::string_view host;
};
constexpr std::array kSecondNames{SecondName{"ssh.github.com", "github.com"},
                                  SecondName{"altssh.bitbucket.org", "bitbucket.org"},
                                  SecondName{"altssh.gitlab.com", "gitlab.com"}};

constexpr std::string_view kAzure = "dev.azure.com";
constexpr std::string_view kOldAzure = ".visualstudio.com";

/// Azure DevOps has three forms: `v3/organisation/project/name` at its ssh hosts, the organisation as the
/// host's first label in its old https addresses, and `organisation/project/_git/name`. All become the third.
void resolve_azure(RepositoryPlace& place) {
  if (place.host == "ssh.dev.azure.com" || place.host == "vs-ssh.visualstudio.com") {
    const auto parts = split(place.path, '/');
    if (parts.size() != 4 || parts[0] != "v3") return;
    place = {std::string(kAzure), 0, fmt::format("{}/{}/_git/{}", parts[1], parts[2], parts[3])};
  } else if (place.host.ends_with(kOldAzure)) {
    const auto organisation = place.host.substr(0, place.host.size() - kOldAzure.size());
    std::string_view path = place.path;
    constexpr std::string_view collection = "defaultcollection/";
    if (path.starts_with(collection)) path.remove_prefix(collection.size());
    place = {std::string(kAzure), 0, fmt::format("{}{}{}", organisation, path.empty() ? "" : "/", path)};
  }
}

/// `scm/key/name` of Bitbucket Data Center, wherever its instance is, is `key/name`.
std::string_view without_scm(std::string_view path) {
  const auto name = path.rfind('/');
  if (name == std::string_view::npos || name == 0) return path;
  const auto key = path.rfind('/', name - 1);
  if (key == std::string_view::npos) return path;
  const auto before = path.substr(0, key);
  return before == "scm" || before.ends_with("/scm") ? path.substr(key + 1) : path;
}

/// host[:port] or [IPv6][:port] into `url`; false where it is neither.
bool take_host(std::string_view authority, RemoteUrl& url) {
  std::string_view port;
  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    if (end == std::string_view::npos) return false;
    url.host = to_lower(authority.substr(1, end - 1));
    if (url.host.find_first_not_of("0123456789abcdef:.") != std::string::npos) return false;
    authority.remove_prefix(end + 1);
    if (!authority.empty() && authority[0] != ':') return false;
    port = authority.empty() ? authority : authority.substr(1);
    if (!authority.empty() && port.empty()) return false;
  } else {
    const auto colon = authority.find(':');
    url.host = to_lower(authority.substr(0, colon));
    if (url.host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-_") != std::string::npos)
      return false;
    if (colon != std::string_view::npos) {
      port = authority.substr(colon + 1);
      if (port.empty()) return false;
    }
  }
  if (url.host.empty() || url.host.starts_with('-')) return false;
  if (!port.empty()) {
    const auto number = parse_number(port);
    if (!number || *number < 1 || *number > 65535) return false;
    url.port = static_cast<std::uint16_t>(*number);
    if (url.port == default_port(url.scheme)) url.port = 0;
  }
  return true;
}

Result<ParsedAddress> parse_with_authority(std::string_view rest, Scheme scheme) {
  ParsedAddress parsed;
  parsed.url.scheme = scheme;
  const auto slash = rest.find('/');
  if (slash == std::string_view::npos || slash + 1 == rest.size()) return refused("it has no path");
  auto authority = rest.substr(0, slash);
  parsed.url.path = rest.substr(slash);
  if (parsed.url.path.find_first_of("?#") != std::string::npos)
    return refused("it has a query or a fragment");
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    const auto user_info = authority.substr(0, at);
    authority.remove_prefix(at + 1);
    const auto colon = user_info.find(':');
    auto user = percent_decode(user_info.substr(0, colon));
    auto password =
        percent_decode(colon == std::string_view::npos ? std::string_view{} : user_info.substr(colon + 1));
    if (!user || !password || !is_valid_utf8(*user) || has_forbidden_byte(*user) ||
        has_forbidden_byte(*password)) {
      return refused("its user info is malformed");
    }
    if (scheme == Scheme::Ssh) {
      if (!password->empty()) return refused("ssh takes no password; use a key");
      parsed.url.user = *user;
    } else {
      parsed.username = *user;
      parsed.password = Secret(*password);
    }
  }
  if (!take_host(authority, parsed.url)) return refused("its host or port is malformed");
  return parsed;
}

/// `user@host:path`, git's short form of ssh.
Result<ParsedAddress> parse_scp_like(std::string_view text) {
  ParsedAddress parsed;
  parsed.url.scheme = Scheme::Ssh;
  const auto at = text.find('@');
  if (at == 0) return refused("its user is malformed");
  if (at != std::string_view::npos) {
    parsed.url.user = text.substr(0, at);
    text.remove_prefix(at + 1);
  }
  const auto bracket = text.starts_with('[') ? text.find(']') : 0;
  const auto colon = bracket == std::string_view::npos ? bracket : text.find(':', bracket);
  if (colon == std::string_view::npos || text.substr(0, colon).find('/') != std::string_view::npos) {
    return refused("it is neither a URL nor of the form user@host:path");
  }
  if (!take_host(text.substr(0, colon), parsed.url)) return refused("its host is malformed");
  parsed.url.path = text.substr(colon + 1);
  if (parsed.url.path.starts_with(':')) return refused("'word::address' names a program, not a repository");
  // str() writes it as a URL.
  if (parsed.url.path.starts_with('/') && parsed.url.path.find_first_of("?#") != std::string::npos)
    return refused("it has a query or a fragment");
  return parsed;
}

Result<ParsedAddress> parse_any(std::string_view text) {
  if (text.starts_with('/')) {
    ParsedAddress parsed;
    parsed.url = {Scheme::File, "", "", 0, std::string(text)};
    return parsed;
  }
  const auto end = text.find("://");
  if (end == std::string_view::npos) return parse_scp_like(text);
  const auto scheme = scheme_from(to_lower(text.substr(0, end)));
  if (!scheme) return refused("its scheme is none of https, ssh, http, file");
  const auto rest = text.substr(end + 3);
  if (*scheme != Scheme::File) return parse_with_authority(rest, *scheme);
  if (!rest.starts_with('/')) return refused("file:// takes an absolute path on this machine");
  ParsedAddress parsed;
  parsed.url = {Scheme::File, "", "", 0, std::string(rest)};
  return parsed;
}

}  // namespace

std::string_view name_of(Scheme scheme) {
  for (const auto& row : kSchemes) {
    if (row.scheme == scheme) return row.name;
  }
  return "";
}

std::optional<Scheme> scheme_from(std::string_view name) {
  for (const auto& row : kSchemes) {
    if (row.name == name) return row.scheme;
  }
  return std::nullopt;
}

const std::set<Scheme>& any_scheme() {
  static const std::set<Scheme> all{Scheme::Https, Scheme::Http, Scheme::Ssh, Scheme::File};
  return all;
}

std::string RemoteUrl::host_key() const {
  return scheme == Scheme::File ? "local" : host_and_port(host, port);
}

std::string RemoteUrl::origin() const {
  return fmt::format("{}://{}", name_of(scheme), host_key());
}

std::string RemoteUrl::str() const {
  if (scheme == Scheme::File) return path;
  const std::string login = user.empty() ? "" : user + "@";
  if (scheme == Scheme::Ssh && !path.starts_with('/')) return fmt::format("{}{}:{}", login, host_key(), path);
  return fmt::format("{}://{}{}{}", name_of(scheme), login, host_key(), path);
}

RepositoryPlace RemoteUrl::place() const {
  RepositoryPlace place{host, port, plain_repository_name(path)};
  for (const auto& second : kSecondNames) {
    if (scheme != Scheme::Ssh || host != second.ssh_host) continue;
    place.host = second.host;
    place.port = 0;
  }
  resolve_azure(place);
  return place;
}

std::string RemoteUrl::full_name() const {
  const auto name = place().path;
  return std::string(is_web(scheme) ? without_scm(name) : name);
}

std::string RemoteUrl::identity() const {
  // Ports are those of the transport, not of the repository: the default one of each scheme is left out
  // already.
  const auto there = place();
  if (scheme == Scheme::File) return "local/" + there.path;
  return fmt::format("{}/{}", host_and_port(there.host, there.port),
                     is_web(scheme) ? without_scm(there.path) : there.path);
}

std::string plain_repository_name(std::string_view name) {
  while (name.starts_with('/')) name.remove_prefix(1);
  while (name.ends_with('/')) name.remove_suffix(1);
  if (name.ends_with(".git")) name.remove_suffix(4);
  return to_lower(name);
}

Result<ParsedAddress> parse_remote_url(std::string_view text, const std::set<Scheme>& allowed) {
  if (text.empty()) return refused("it is empty");
  if (text.size() > kAddressLimit) return refused("it is longer than 2048 bytes");
  if (!is_valid_utf8(text)) return refused("it is not valid UTF-8");
  if (has_forbidden_byte(text)) return refused("it contains white space, a backslash or a control character");
  auto parsed = parse_any(text);
  if (!parsed) return parsed;
  const auto& url = parsed->url;
  const auto decoded = percent_decode(url.path);
  if (!decoded || has_forbidden_byte(*decoded)) return refused("its path is malformed");
  for (const auto part : split(*decoded, '/')) {
    if (part == "..") return refused("its path contains '..'");
  }
  if (url.path.empty() || url.path == "/") return refused("it has no path");
  if (url.path.starts_with('-') || url.user.starts_with('-')) return refused("a part of it begins with '-'");
  // A ':' would be followed by a password, which str() would show (`user:password@host:path`); a '%' means
  // something in one of the two forms of ssh alone.
  if (has_forbidden_byte(url.user) || url.user.find_first_of(":/%") != std::string::npos)
    return refused("its user is malformed");
  if (!allowed.contains(url.scheme)) {
    return fail(ErrorCode::RepositoryAddressInvalid,
                fmt::format("the repository address was refused: the scheme '{}' is not allowed",
                            name_of(url.scheme)),
                fmt::format("add '{}' to network.allow_schemes if you want it", name_of(url.scheme)));
  }
  return parsed;
}

}  // namespace gitferry

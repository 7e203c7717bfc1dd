#include "config/credentials.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <unistd.h>

#include "config/named_files.h"
#include "config/scalars.h"

namespace gitferry::config {
namespace {

/// What the mapping names, whether it could be read or not.
bool names(const MapReader& map, std::string_view key) {
  return map.find(key) != nullptr;
}
bool names_password(const MapReader& map) {
  return names(map, "password_file") || names(map, "password_env");
}
bool names_certificate(const MapReader& map) {
  return names(map, "client_certificate_file") || names(map, "client_key_file");
}

/// There is nothing for git itself, only for the host's web API.
bool is_for_api_alone(const MapReader& map) {
  constexpr std::array<std::string_view, 8> kForGit{"username",     "scheme",       "password_file",
                                                    "password_env", "key_file",     "known_hosts_file",
                                                    "helper",       "use_http_path"};
  const bool has_token = names(map, "api_token_file") || names(map, "api_token_env");
  return has_token && !names_certificate(map) &&
         std::none_of(kForGit.begin(), kForGit.end(), [&](auto key) { return names(map, key); });
}

/// The scheme of a `match` that can be the beginning of an address; nullopt with a report for any other. It
/// is never quoted: a password may stand in it by mistake.
std::optional<Scheme> checked_match(const MapReader& map, std::string_view match) {
  const auto mark = match.find("://");
  const auto scheme = mark == std::string_view::npos ? std::nullopt : scheme_from(match.substr(0, mark));
  if (!scheme || *scheme == Scheme::File) {
    map.error(map.at("match"), map.where() + ".match must begin with https://, http:// or ssh://",
              "for example: https://github.com/acme/ or ssh://git@host/");
    return std::nullopt;
  }
  const auto authority = match.substr(mark + 3, match.find('/', mark + 3) - mark - 3);
  const auto at_sign = authority.rfind('@');
  const bool has_user = at_sign != std::string_view::npos;
  const bool has_password = has_user && authority.substr(0, at_sign).find(':') != std::string_view::npos;
  if ((has_user && *scheme != Scheme::Ssh) || has_password) {
    map.error(map.at("match"), map.where() + ".match holds a user name or password",
              "use username and password_file or password_env");
    return std::nullopt;
  }
  if (authority.empty() || authority.ends_with('@') ||
      match.find_first_of(" \t\r\n?#") != std::string_view::npos) {
    map.error(map.at("match"), map.where() + ".match is not the beginning of an address");
    return std::nullopt;
  }
  return scheme;
}

bool check_ssh(const MapReader& map) {
  if (names(map, "helper") || names(map, "use_http_path")) {
    map.error(map.at("match"), "helper and use_http_path are for https:// and http:// only", "use key_file");
    return false;
  }
  if (names_password(map) || names(map, "username") || names(map, "scheme")) {
    map.error(map.at("match"), "ssh takes a key, not a user name and password", "use key_file");
    return false;
  }
  if (names_certificate(map)) {
    map.error(map.at("match"), "client_certificate_file and client_key_file are for https:// only",
              "use key_file");
    return false;
  }
  return true;
}

bool check_certificate(const MapReader& map, Scheme scheme) {
  if (!names_certificate(map)) return true;
  if (scheme != Scheme::Https) {
    map.error(map.at("match"), "client_certificate_file and client_key_file are for https:// only",
              "without TLS no certificate is shown");
    return false;
  }
  const bool has_file =
      map.require("client_certificate_file", "client_certificate_file: /etc/gitferry/us.pem");
  const bool has_key = map.require("client_key_file", "client_key_file: /etc/gitferry/us.key");
  return has_file && has_key;
}

/// What can be known of a helper without running it.
bool check_helper(const MapReader& map, const CredentialRule& rule) {
  if (!names(map, "helper")) {
    if (!names(map, "use_http_path")) return true;
    map.error(map.at("use_http_path"), map.where() + ".use_http_path without helper",
              "name the helper, or remove it");
    return false;
  }
  constexpr const char* example =
      "for example: helper: [/usr/bin/git, credential-store, --file, /etc/gitferry/store]";
  if (names_password(map)) {
    map.error(map.at("helper"), map.where() + " has a helper and a password", "keep one of them");
    return false;
  }
  if (rule.helper.empty()) {
    map.error(map.at("helper"), map.where() + ".helper must be a list: a program and its arguments", example);
    return false;
  }
  if (!rule.helper.front().starts_with('/')) {
    map.error(map.at("helper"), map.where() + ".helper must begin with the absolute path of a program",
              example);
    return false;
  }
  if (::access(rule.helper.front().c_str(), X_OK) != 0) {
    map.error(map.at("helper"),
              "cannot run '" + rule.helper.front() + "': " + std::generic_category().message(errno),
              "install it, or correct the path");
    return false;
  }
  return true;
}

std::vector<std::string> read_helper(const MapReader& map) {
  std::vector<std::string> helper;
  for (const auto& node : map.list("helper")) {
    if (auto text = scalar_text(node, map.where() + ".helper", map.report()))
      helper.push_back(std::move(*text));
  }
  return helper;
}

bool check_http(const MapReader& map, const CredentialRule& rule, Scheme scheme) {
  if (names(map, "key_file") || names(map, "known_hosts_file")) {
    map.error(map.at("match"), "key_file and known_hosts_file are for ssh:// only",
              "use username and password_file or password_env");
    return false;
  }
  if (!check_certificate(map, scheme)) return false;
  const bool is_bearer = rule.scheme == "bearer";
  if (!check_helper(map, rule)) return false;
  if (names(map, "helper")) return true;
  if (!names_password(map) && (is_bearer || names(map, "username") || !names_certificate(map))) {
    map.error(map.at(), map.where() + " has no password", "give it password_file or password_env");
    return false;
  }
  if (is_bearer && names(map, "username")) {
    map.error(map.at("username"), "a bearer token goes without a user name",
              "remove it, or use scheme: basic");
    return false;
  }
  return true;
}

void read_api(const MapReader& map, const Environment& environment, CredentialRule& rule) {
  rule.api_token = map.secret("api_token");
  if (rule.api_token) check_secret(map, "api_token", *rule.api_token, environment);
  const auto url = map.text("api_url");
  if (!url) return;
  rule.api_url = parse_public_url(*url).value_or("");
  if (rule.api_url.empty())
    map.error(
        map.at("api_url"),
        map.where() + ".api_url must be http:// or https:// with a host, without user, query and fragment",
        "for example: https://gitlab.example.org/api/v4");
  if (!names(map, "api_token_file") && !names(map, "api_token_env"))
    map.error(map.at("api_url"), map.where() + ".api_url without a token",
              "give it api_token_file or api_token_env");
}

/// nullopt where something does not fit; it is reported then.
std::optional<CredentialRule> read_rule(const MapReader& map, const Environment& environment) {
  CredentialRule rule;
  if (map.require("match", "match: https://github.com/acme/")) rule.match = map.text("match").value_or("");
  rule.username = map.text("username").value_or("");
  rule.scheme = map.choice("scheme", {"basic", "bearer"}).value_or(rule.scheme);
  rule.key_file = map.text("key_file").value_or("");
  rule.known_hosts_file = map.text("known_hosts_file").value_or("");
  rule.client_certificate_file = map.text("client_certificate_file").value_or("");
  rule.client_key_file = map.text("client_key_file").value_or("");
  rule.password = map.secret("password");
  rule.helper = read_helper(map);
  rule.use_http_path = map.flag("use_http_path").value_or(false);
  if (rule.password) check_secret(map, "password", *rule.password, environment);
  check_readable(map, "client_certificate_file", rule.client_certificate_file,
                 "client_certificate_file is a file in the form PEM");
  if (!rule.client_key_file.empty()) check_secret(map, "client_key", {rule.client_key_file, ""}, environment);
  read_api(map, environment, rule);
  if (rule.match.empty()) return std::nullopt;
  const auto scheme = checked_match(map, rule.match);
  if (!scheme) return std::nullopt;
  if (is_for_api_alone(map)) return rule;
  const bool fits = *scheme == Scheme::Ssh ? check_ssh(map) : check_http(map, rule, *scheme);
  if (!fits) return std::nullopt;
  return rule;
}

}  // namespace

std::vector<CredentialRule> read_credentials(const MapReader& root, const Environment& environment) {
  std::vector<CredentialRule> rules;
  std::size_t index = 0;
  for (const auto& node : root.list("credentials")) {
    const MapReader map(node, "credentials[" + std::to_string(index++) + "]", section::kCredential,
                        root.report());
    if (auto rule = read_rule(map, environment)) rules.push_back(std::move(*rule));
  }
  return rules;
}

}  // namespace gitferry::config

#include "agent/git/credentials.h"

#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "agent/git/secret_file.h"

namespace gitferry {
namespace {

/// The address that a `match` is, with its path stripped of '/' at the end; a bare host is a prefix too.
Result<RemoteUrl> parse_prefix(std::string text) {
  // The validator wants a path; with this one every host alone becomes an address.
  constexpr std::string_view any_path = "/x";
  const auto scheme_end = text.find("://");
  const auto slash = scheme_end == std::string::npos ? scheme_end : text.find('/', scheme_end + 3);
  const bool is_bare =
      scheme_end != std::string::npos && (slash == std::string::npos || slash + 1 == text.size());
  if (is_bare) text = text.substr(0, slash).append(any_path);
  auto parsed = parse_remote_url(text, any_scheme());
  if (!parsed) return fail(std::move(parsed.error()));
  if (!parsed->username.empty() || !parsed->password.empty()) {
    return fail(ErrorCode::ConfigurationInvalid, "it holds user info", "use username and password_file");
  }
  auto url = std::move(parsed->url);
  if (is_bare) url.path.clear();
  while (url.path.ends_with('/')) url.path.pop_back();
  return url;
}

bool is_within(const RemoteUrl& url, const RemoteUrl& prefix) {
  if (url.scheme != prefix.scheme || url.host != prefix.host || url.port != prefix.port) return false;
  if (!prefix.user.empty() && prefix.user != url.user) return false;
  // scp-like paths are relative; a prefix is written with a URL's leading '/' or without.
  std::string_view path = url.path;
  std::string_view start = prefix.path;
  if (path.starts_with('/')) path.remove_prefix(1);
  if (start.starts_with('/')) start.remove_prefix(1);
  if (start.empty()) return true;
  return path.starts_with(start) && (path.size() == start.size() || path[start.size()] == '/');
}

/// Its files are read by libcurl when it connects, which could not say which of them is wrong.
Status check_client_certificate(const Credential& credential) {
  if (credential.client_certificate_file.empty()) return {};
  const auto certificate = open_regular_file(
      "credentials", fmt::format("the client certificate '{}'", credential.client_certificate_file),
      credential.client_certificate_file, FileAccess::Any);
  if (!certificate) return fail(certificate.error());
  const auto key = open_regular_file(
      "credentials", fmt::format("the client certificate's key '{}'", credential.client_key_file),
      credential.client_key_file, FileAccess::OwnerOnly);
  if (!key) return fail(key.error());
  return {};
}

/// The longer path wins; of two equal ones, that which names the login.
std::pair<std::size_t, bool> specificity(const RemoteUrl& prefix) {
  return {prefix.path.size(), !prefix.user.empty()};
}

/// The address over https of a repository that is reached over ssh. The second names that hosts have for ssh
/// alone are resolved; a port of ssh says nothing of https.
std::optional<RemoteUrl> https_form(const RemoteUrl& url) {
  if (url.scheme != Scheme::Ssh) return std::nullopt;
  RemoteUrl https = url;
  https.scheme = Scheme::Https;
  https.user.clear();
  https.host = url.place().host;
  https.port = 0;
  return https;
}

}  // namespace

bool CredentialRule::is_for_api_alone() const {
  const bool has_password = !password_file.empty() || !password_env.empty() || !username.empty();
  const bool has_key = !key_file.empty() || !known_hosts_file.empty() || !client_certificate_file.empty();
  return has_api_token() && !has_password && !has_key && helper.empty();
}

Result<Credentials> Credentials::from(const std::vector<CredentialRule>& rules, HelperAccess helpers) {
  Credentials credentials;
  credentials.helpers_ = std::move(helpers);
  for (const auto& rule : rules) {
    auto prefix = parse_prefix(rule.match);
    if (!prefix) {
      return fail(ErrorCode::ConfigurationInvalid,
                  fmt::format("credentials: the match of entry {} is no address prefix: {}",
                              credentials.entries_.size() + 1, prefix.error().message),
                  "write it as https://host/owner/ or ssh://git@host/");
    }
    credentials.entries_.push_back({std::move(*prefix), rule});
  }
  return credentials;
}

Result<std::optional<Credential>> Credentials::find(const RemoteUrl& url) const {
  const Entry* best = nullptr;
  for (const auto& entry : entries_) {
    if (entry.rule.is_for_api_alone() || !is_within(url, entry.prefix)) continue;
    if (best == nullptr || specificity(entry.prefix) > specificity(best->prefix)) best = &entry;
  }
  if (best == nullptr) return std::nullopt;
  const auto& rule = best->rule;
  Credential credential{rule.username,         {},          rule.key_file,
                        rule.known_hosts_file, rule.scheme, rule.client_certificate_file,
                        rule.client_key_file};
  if (!rule.password_file.empty() || !rule.password_env.empty()) {
    auto secret = read_secret("credentials", {rule.password_file, rule.password_env});
    if (!secret) return fail(std::move(secret.error()));
    credential.password = std::move(*secret);
  }
  if (!rule.helper.empty() && helpers_.memory) {
    auto found = helpers_.memory->find(helper_question(rule.helper, url, rule.use_http_path, rule.username),
                                       helpers_.limit);
    if (!found) return fail(std::move(found.error()));
    if (!found->first.username.empty()) credential.username = std::move(found->first.username);
    credential.password = std::move(found->first.password);
    credential.origin = std::move(found->second);
  }
  if (auto checked = check_client_certificate(credential); !checked) return fail(std::move(checked.error()));
  return credential;
}

Result<std::optional<ApiAccess>> Credentials::find_api(const RemoteUrl& url) const {
  const auto https = https_form(url);
  const Entry* best = nullptr;
  for (const auto& entry : entries_) {
    const bool fits = is_within(url, entry.prefix) || (https && is_within(*https, entry.prefix));
    if (!entry.rule.has_api_token() || !fits) continue;
    const auto rank = [&](const Entry& of) {
      return std::pair(specificity(of.prefix), of.prefix.scheme == url.scheme);
    };
    if (best == nullptr || rank(entry) > rank(*best)) best = &entry;
  }
  if (best == nullptr) return std::nullopt;
  auto token = read_secret("credentials", {best->rule.api_token_file, best->rule.api_token_env});
  if (!token) return fail(std::move(token.error()));
  return ApiAccess{std::move(*token), best->rule.api_url};
}

}  // namespace gitferry

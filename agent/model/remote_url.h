#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "agent/base/result.h"
#include "agent/base/secret.h"

namespace gitferry {

enum class Scheme { Https, Http, Ssh, File };

std::string_view name_of(Scheme scheme);
std::optional<Scheme> scheme_from(std::string_view name);

/// A repository as its host knows it.
struct RepositoryPlace {
  std::string host;        ///< lower case; empty for files
  std::uint16_t port = 0;  ///< as RemoteUrl::port
  std::string path;        ///< lower case, without `.git` and slashes at the ends

  bool operator==(const RepositoryPlace&) const = default;
};

/// The address of a git repository, checked and without user info that is secret.
///
/// Invariant: no part holds a control character, white space or NUL, raw or percent-encoded, and neither
/// host, user nor path begins with '-'. str() can be logged and shown.
struct RemoteUrl {
  Scheme scheme = Scheme::Https;
  std::string user;        ///< ssh only: the login; empty otherwise
  std::string host;        ///< lower case; empty for File. IPv6 without brackets
  std::uint16_t port = 0;  ///< 0: the scheme's own
  /// As written, with its leading '/' except for scp-like relative paths (`git@host:acme/x.git` →
  /// `acme/x.git`).
  std::string path;

  /// The address as a person writes it, never with a password.
  [[nodiscard]] std::string str() const;
  /// `host` or `host:port`, with brackets around IPv6; `local` for files. Limits per host count by it.
  [[nodiscard]] std::string host_key() const;
  /// `https://host:port`: the scheme as well, for what must not go from one to another. `file://local` for
  /// files.
  [[nodiscard]] std::string origin() const;
  /// Where the repository is, whatever the transport: the second names that hosts have for ssh
  /// (`ssh.github.com:443`) and the old addresses of Azure DevOps are resolved.
  [[nodiscard]] RepositoryPlace place() const;
  /// For "is it the same repository?": host and path without default port, `.git`, slashes at the ends and
  /// case. The scheme is left out: https and ssh name the same repository.
  [[nodiscard]] std::string identity() const;
  /// The path's form in payloads (`acme/robot`): lower case, without `.git`, slashes at the ends and the
  /// `scm` that Bitbucket Data Center has in its http addresses alone.
  [[nodiscard]] std::string full_name() const;

  bool operator==(const RemoteUrl&) const = default;
};

/// What parse_remote_url() split off an address: user info belongs in the credentials, not in an address.
struct ParsedAddress {
  RemoteUrl url;
  std::string username;  ///< of http(s) user info; empty if none
  Secret password;
};

/// The one validator of repository addresses, for every door (YAML, REST, database, sync, payload).
///
/// Takes `https://`, `http://`, `ssh://`, scp-like `user@host:path`, `file:///path` and absolute paths;
/// refuses schemes outside `allowed` with an error that names the setting, and everything else that is not an
/// address.
Result<ParsedAddress> parse_remote_url(std::string_view text, const std::set<Scheme>& allowed);

/// A repository's name as RepositoryPlace has it: lower case, without `.git` and slashes at the ends.
std::string plain_repository_name(std::string_view name);

/// All four schemes: for addresses that are compared but never connected to (payloads).
const std::set<Scheme>& any_scheme();

}  // namespace gitferry

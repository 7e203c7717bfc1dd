#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/git/credential.h"
#include "agent/model/remote_url.h"

namespace gitferry {

/// Which credential is shown where. At most one of `password_file` and `password_env` is set.
struct CredentialRule {
  std::string match;  ///< address prefix, as in "https://github.com/acme/" or "ssh://git@gitlab.corp/"
  std::string username;
  std::string password_file;
  std::string password_env;
  std::string key_file;
  std::string known_hosts_file;
  HttpScheme scheme = HttpScheme::Basic;
  std::string client_certificate_file;  ///< with client_key_file, or neither
  std::string client_key_file;
};

/// Finds the credential of an address: that of the longest `match` which is a prefix of it at a '/'.
///
/// Scheme, host and port must be equal, and the login where the rule names one: a secret never goes to a
/// place that its rule does not name. Secrets are read at each lookup, so that a rotated file is taken up.
///
/// Threading: find() from any thread.
class Credentials {
 public:
  Credentials() = default;
  /// Errors: ConfigurationInvalid where a `match` is no address prefix; the text names the entry by its
  /// number.
  static Result<Credentials> from(const std::vector<CredentialRule>& rules);
  /// nullopt where no rule matches. Errors: AuthenticationFailed where the secret, the client certificate or
  /// its key cannot be read, naming the file or the variable, never what is in it.
  [[nodiscard]] Result<std::optional<Credential>> find(const RemoteUrl& url) const;

 private:
  struct Entry {
    RemoteUrl prefix;  ///< its path without '/' at the end
    CredentialRule rule;
  };
  std::vector<Entry> entries_;
};

}  // namespace gitferry

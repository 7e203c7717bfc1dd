#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/git/credential.h"
#include "agent/git/credential_helper.h"
#include "agent/model/remote_url.h"

namespace gitferry {

/// Which credential is shown where. At most one of `password_file`, `password_env` and `helper` is set, and
/// of `api_token_file` and `api_token_env`.
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
  std::vector<std::string> helper =
      {};                           ///< of git's credential protocol, http(s) only: program and arguments
  bool use_http_path = false;       ///< the helper is told the repository's path as well
  std::string api_token_file = {};  ///< of the host's web API
  std::string api_token_env = {};
  std::string api_url = {};  ///< where that API is; empty: where hosts of its kind have it

  [[nodiscard]] bool has_api_token() const { return !api_token_file.empty() || !api_token_env.empty(); }
  /// Nothing in it is for git itself.
  [[nodiscard]] bool is_for_api_alone() const;
};

/// What proves us to a host's web API.
struct ApiAccess {
  Secret token;
  std::string url;  ///< of the API, as configured; empty: where hosts of its kind have it
};

/// By what the helpers are asked.
struct HelperAccess {
  std::shared_ptr<HelperMemory> memory;  ///< null: rules with a helper have no credential
  std::chrono::milliseconds limit{10'000};
};

/// Finds the credential of an address: that of the longest `match` which is a prefix of it at a '/'.
///
/// Scheme, host and port must be equal, and the login where the rule names one: a secret never goes to a
/// place that its rule does not name. Secrets are read at each lookup, so that a rotated file is taken up;
/// what a helper answered is kept as HelperMemory says.
///
/// Threading: find() from any thread.
class Credentials {
 public:
  Credentials() = default;
  /// Errors: ConfigurationInvalid where a `match` is no address prefix; the text names the entry by its
  /// number.
  static Result<Credentials> from(const std::vector<CredentialRule>& rules, HelperAccess helpers = {});
  /// nullopt where no rule matches. Errors: AuthenticationFailed where the secret, the client certificate or
  /// its key cannot be read, naming the file or the variable, never what is in it; those of ask_helper().
  /// Blocking: where a helper is asked.
  [[nodiscard]] Result<std::optional<Credential>> find(const RemoteUrl& url) const;
  /// The same for the web API of the repository's host, of the rules that have a token for it. That API is
  /// reached over https, so a rule for https is one for addresses of ssh, too; of equally long ones that of
  /// the address's own scheme counts. nullopt where no rule fits. Errors: AuthenticationFailed, as find().
  [[nodiscard]] Result<std::optional<ApiAccess>> find_api(const RemoteUrl& url) const;

 private:
  struct Entry {
    RemoteUrl prefix;  ///< its path without '/' at the end
    CredentialRule rule;
  };
  std::vector<Entry> entries_;
  HelperAccess helpers_;
};

}  // namespace gitferry

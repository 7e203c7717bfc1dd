#pragma once

#include <memory>
#include <string>

#include "agent/base/secret.h"
#include "agent/model/remote_url.h"

namespace gitferry {

/// How a password is shown over http(s).
enum class HttpScheme { Basic, Bearer };

/// Whoever gave a secret, and wants to know what became of it.
class SecretOrigin {
 public:
  virtual ~SecretOrigin() = default;
  /// A host did not take it. From any thread; returns at once, and may be called again.
  virtual void refused() = 0;
};

/// What proves us to a git host. Over http user name and password, or a bearer token, with or without a
/// client certificate; over ssh a key.
struct Credential {
  std::string username;
  Secret password;               ///< or the bearer token
  std::string key_file;          ///< ssh: private key; empty: what ssh itself finds
  std::string known_hosts_file;  ///< ssh: empty: what ssh itself uses
  HttpScheme scheme = HttpScheme::Basic;
  std::string client_certificate_file = {};   ///< https: PEM, with the chain where there is one; empty: none
  std::string client_key_file = {};           ///< https: PEM without a passphrase
  std::shared_ptr<SecretOrigin> origin = {};  ///< is told where a host refuses the password; may be null
};

}  // namespace gitferry

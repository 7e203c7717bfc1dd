#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/git/secret_file.h"
#include "agent/model/address_policy.h"
#include "agent/model/host_pattern.h"
#include "agent/model/remote_url.h"

namespace gitferry {

/// The proxy as the configuration has it.
struct ProxyRule {
  std::string url;       ///< `http://host:port`, or https or socks5h, without user info; empty: no proxy
  std::string username;  ///< empty: the proxy asks for none
  SecretPlace password;  ///< where there is a user name
  std::vector<std::string> no_proxy;  ///< as HostPattern
};

/// The proxy of one connection, with the secret of the moment.
struct ProxyAccess {
  std::string url;
  std::string username;
  Secret password;

  [[nodiscard]] bool is_tls() const { return url.starts_with("https://"); }
};

/// Which hosts are reached through a proxy.
///
/// The proxy's own address is trusted as configured, and it is the proxy that resolves the host's name. So
/// what a name means is out of our hands; a host that is written as an address has to be allowed all the
/// same.
///
/// Threading: immutable.
class HttpProxy {
 public:
  /// None: every host is reached directly.
  HttpProxy() = default;
  /// Errors: ConfigurationInvalid, naming the entry of no_proxy.
  static Result<HttpProxy> from(const ProxyRule& rule);
  /// nullopt: directly, where the policy is asked at each connect. Reads the password at each call.
  /// Errors: AddressRefused; AuthenticationFailed where the password cannot be read.
  [[nodiscard]] Result<std::optional<ProxyAccess>> access_for(const RemoteUrl& url,
                                                              const AddressPolicy& policy) const;

 private:
  ProxyRule rule_;
  std::vector<HostPattern> direct_;
};

}  // namespace gitferry

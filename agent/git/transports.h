#pragma once

#include <memory>
#include <string>

#include "agent/git/http_proxy.h"
#include "agent/git/ssh_masters.h"
#include "agent/git/transport.h"
#include "agent/model/address_policy.h"
#include "agent/model/local_directories.h"

namespace gitferry {

struct TransportOptions {
  AddressPolicy addresses;      ///< what http and ssh may connect to
  std::string ca_file;          ///< PEM of authorities for https besides the system's; empty: none
  std::string ssh_config_file;  ///< empty: what ssh itself reads
  HttpProxy proxy = {};         ///< of http(s); ssh has proxies of its own (ProxyJump, ProxyCommand)
  /// ssh connections that outlive their run; they end with the last transport that has them. nullptr: none.
  std::shared_ptr<SshMasters> ssh_masters = nullptr;
  LocalDirectories directories = {};  ///< where repositories on this machine may be
};

/// The transport for every scheme: http(s) through libcurl, ssh through the OpenSSH client, files through git
/// itself. Its errors name the host they come from (Error::host). One a worker; its connections must not
/// outlive it.
std::unique_ptr<Transport> make_transport(const TransportOptions& options);

}  // namespace gitferry

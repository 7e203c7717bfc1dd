#pragma once

#include <string>

#include "agent/base/secret.h"
#include "agent/model/remote_url.h"

namespace gitferry {

/// What proves us to a git host. Either user name and password (http), or a key (ssh).
struct Credential {
  std::string username;
  Secret password;
  std::string key_file;          ///< ssh: private key; empty: what ssh itself finds
  std::string known_hosts_file;  ///< ssh: empty: what ssh itself uses
};

}  // namespace gitferry

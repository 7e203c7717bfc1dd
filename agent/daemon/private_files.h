#pragma once

#include <string>

#include "agent/base/result.h"
#include "agent/base/secret.h"

namespace gitferry::daemon {

/// Makes `path` (0700) where it is missing, and refuses one that is not a directory of ours or that others
/// may write to: the default lies in a directory where every user of the machine may put something first.
Status ensure_private_directory(const std::string& path);

/// The management token in `directory`/admin-token: read where it is there, else made from 32 random bytes
/// (0600). For a configuration without tokens.
struct AdminToken {
  Secret secret;
  std::string path;
  bool is_new = false;
};
Result<AdminToken> ensure_admin_token(const std::string& directory);

}  // namespace gitferry::daemon

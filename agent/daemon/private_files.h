#pragma once

#include <string>

#include "agent/base/result.h"
#include "agent/base/secret.h"

namespace gitferry::daemon {

/// Makes `path` (0700) where it is missing, and refuses one that is not a directory of ours or that others
/// may write to: the default lies in a directory where every user of the machine may put something first.
Status ensure_private_directory(const std::string& path);

/// A secret of the agent's own in a file: 32 random bytes as hexadecimal digits.
struct MadeSecret {
  Secret secret;
  std::string path;
  bool is_new = false;
};
/// Reads it where it is there, else makes it (0600), with the directories above it.
Result<MadeSecret> ensure_made_secret(const std::string& path);

/// Puts a secret into a new file (0600), with the directories above it. Nothing is replaced: a file that is
/// there already must hold the same.
Status write_private_file(const std::string& path, const Secret& secret);

/// The management token in `directory`/admin-token, for a configuration without tokens.
Result<MadeSecret> ensure_admin_token(const std::string& directory);

/// The 32 bytes that a key file stands for; an empty Secret where there is no file. ConfigurationInvalid for
/// one that cannot be read or holds anything but 64 hexadecimal digits.
Result<Secret> read_sealing_key(const std::string& path);
/// The same, but makes the file where it is missing.
Result<Secret> ensure_sealing_key(const std::string& path);

}  // namespace gitferry::daemon

#pragma once

#include <string>
#include <string_view>

#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/base/unique_fd.h"

namespace gitferry {

/// Where a secret is: one of the two.
struct SecretPlace {
  std::string file;
  std::string variable;
};

enum class FileAccess {
  Any,
  OwnerOnly,  ///< neither the group nor others may read or change it
};

/// Opens a file for reading, without ever waiting for one that is a pipe. `where` is the part of the
/// configuration, and `source` what the file is called in the error.
///
/// Errors: AuthenticationFailed for what is missing, no regular file, or open to others against `access`.
Result<UniqueFd> open_regular_file(std::string_view where, std::string_view source, const std::string& path,
                                   FileAccess access);

/// Reads a secret anew, so that a rotated one is taken up; one line end at the end is not part of it.
///
/// Errors: AuthenticationFailed where it is missing, empty, of several lines, over 64 KiB, or in a file that
/// others may read; the text names `where` and the file or the variable, never what is in it.
Result<Secret> read_secret(std::string_view where, const SecretPlace& place);

}  // namespace gitferry

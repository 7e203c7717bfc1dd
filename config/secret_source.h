#pragma once

#include <functional>
#include <optional>
#include <string>

#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "config/config.h"

namespace gitferry::config {

/// Looks an environment variable up; nullopt where it is not set. Tests bring their own.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// The process's environment. Not to be called while another thread changes it; nothing here does.
Environment process_environment();

/// What a source is called in messages: `the environment variable HOOK`.
std::string name_of(const SecretSource& source);

/// Reads a secret anew, so that a rotated one is taken up. One line end at the end is not part of it.
///
/// Errors: ConfigurationInvalid for a source that is missing, empty, over 64 KiB, not a file, or a file that
/// the
///         group or others may read. The text names the source, never what is in it.
Result<Secret> read_secret(const SecretSource& source, const Environment& environment);

}  // namespace gitferry::config

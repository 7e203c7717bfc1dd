#pragma once

#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/model/binding.h"
#include "config/config.h"

namespace gitferry::daemon {

/// What is in force: the bindings of the file, overlaid by what the API changed of them, for commands that
/// run beside an agent or without one. The file's bindings alone where there is no database. Changes nothing.
///
/// Errors: the key file's, those of reading the database.
Result<BindingSnapshot> effective_bindings(const config::Config& config);

/// The key that addresses and tokens in the database are encrypted with: read, or made for a database that
/// holds nothing encrypted yet. Where it does and the key file is gone, that is an error: a new key would not
/// open it.
Result<Secret> sealing_key_of(const config::Config& config);

}  // namespace gitferry::daemon

#pragma once

#include <string>

#include "config/config.h"

namespace gitferry::config {

/// The configuration in force, defaults written out, in the form that load_text() takes. Secrets are shown as
/// where they come from, and nothing else of them.
std::string to_yaml(const Config& config);

/// The same as JSON, with `overridden_by` besides: the environment variables that replaced values of the
/// file.
std::string to_json(const Config& config);

}  // namespace gitferry::config

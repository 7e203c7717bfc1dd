#pragma once

#include <string>

#include "config/config.h"

namespace gitferry::config {

/// The configuration in force, defaults written out, in the form that load_text() takes. Secrets are shown as
/// where they come from, and nothing else of them.
///
/// `in_force` are the bindings to show: the file's with the overrides of the API. Comments say where each
/// comes from, what the file says instead, and what of the file is unbound. A binding that cannot be used is
/// shown as a comment as a whole.
std::string to_yaml(const Config& config, const BindingSnapshot& in_force);

/// The same as JSON. What are comments in YAML are fields here: `origin`, `file` (the file's values),
/// `problem` and `unbound_branches` of a repository; `origin` and `file` of a branch; `unbound`; and
/// `overridden_by`: the environment variables that replaced values of the file.
std::string to_json(const Config& config, const BindingSnapshot& in_force);

}  // namespace gitferry::config

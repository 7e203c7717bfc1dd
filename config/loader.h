#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "config/config.h"
#include "config/diagnostic.h"
#include "config/secret_source.h"

namespace gitferry::config {

/// A whole and valid configuration, or everything that is wrong with it; never an empty list.
using Loaded = tl::expected<Config, std::vector<Diagnostic>>;

/// Reads and checks a configuration file: keys, types, values, addresses, and that every secret can be read.
/// Relative paths in it are relative to the working directory. Touches nothing and asks no host.
///
/// Blocking: for the files it names.
Loaded load_file(const std::string& path, const Environment& environment);

/// The same for text; `name` is what errors call the file.
Loaded load_text(std::string_view text, const std::string& name, const Environment& environment);

}  // namespace gitferry::config

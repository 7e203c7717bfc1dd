#pragma once

#include <string>
#include <string_view>

#include "config/config.h"
#include "config/map_reader.h"
#include "config/secret_source.h"

namespace gitferry::config {

/// Reports a secret that cannot be read, at `<stem>_file` or `<stem>_env`.
void check_secret(const MapReader& map, const std::string& stem, const SecretSource& source,
                  const Environment& environment);

/// Reports a file that cannot be read, with this hint; what is in it is looked at when it is used.
void check_readable(const MapReader& map, std::string_view key, const std::string& path,
                    const std::string& hint);

}  // namespace gitferry::config

#pragma once

#include "config/config.h"
#include "config/map_reader.h"
#include "config/secret_source.h"

namespace gitferry::config {

/// Reads `repos` into config.bindings. Addresses are checked against config.network, which must be read
/// before.
void read_repositories(const MapReader& root, const Environment& environment, Config& config, Report& report);

}  // namespace gitferry::config

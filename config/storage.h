#pragma once

#include "config/config.h"
#include "config/map_reader.h"
#include "config/secret_source.h"

namespace gitferry::config {

/// Reads of `storage` where the database is: all but how much history it keeps.
void read_database(const MapReader& map, const Environment& environment, Config& config);

}  // namespace gitferry::config

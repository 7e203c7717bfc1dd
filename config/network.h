#pragma once

#include "config/config.h"
#include "config/map_reader.h"
#include "config/secret_source.h"

namespace gitferry::config {

/// Reads `network`: what may be connected to, whom to trust, and by which proxy.
void read_network(const MapReader& map, const Environment& environment, Network& network);

}  // namespace gitferry::config

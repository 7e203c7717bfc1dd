#pragma once

#include "config/config.h"
#include "config/map_reader.h"

namespace gitferry::config {

/// Reads `server`: where to listen, how it is protected, and what it takes. Certificate and key must be files
/// that can be read; what is in them is looked at when the listener starts.
void read_server(const MapReader& map, Server& server);

}  // namespace gitferry::config

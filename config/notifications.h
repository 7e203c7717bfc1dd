#pragma once

#include "config/config.h"
#include "config/map_reader.h"
#include "config/secret_source.h"

namespace gitferry::config {

/// Reads `notifications` into config.notifications. After `network`, which says whether http:// is allowed.
void read_notifications(const MapReader& map, const Environment& environment, Config& config);

}  // namespace gitferry::config

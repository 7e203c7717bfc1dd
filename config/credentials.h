#pragma once

#include <vector>

#include "config/config.h"
#include "config/map_reader.h"
#include "config/secret_source.h"

namespace gitferry::config {

/// Reads `credentials`: what is shown to which hosts. Every secret and certificate must be readable.
std::vector<CredentialRule> read_credentials(const MapReader& root, const Environment& environment);

}  // namespace gitferry::config

#pragma once

#include <string>

#include "config/config.h"

namespace gitferry::daemon {

/// How `serve` writes its log: as the command line says, or else the configuration.
struct LogSettings {
  std::string level;   ///< of --log-level; empty: the configuration's
  std::string format;  ///< of --log-format; empty: the configuration's

  /// From now on, for the whole process. Ends what `gitferry log-level` set.
  void apply(const config::Log& configured) const;
};

}  // namespace gitferry::daemon

#pragma once

#include "agent/base/result.h"
#include "agent/notify/notifier.h"
#include "config/config.h"

namespace gitferry::daemon {

/// Whom to tell, and how to reach them. ConfigurationInvalid for an address range that is none.
Result<NotifyOptions> notify_options(const config::Config& config);

}  // namespace gitferry::daemon

#pragma once

#include <cstdint>
#include <string>

#include "agent/sync/progress_meter.h"
#include "api/client.h"

namespace gitferry::daemon {

/// `345 B`, `1.5 KiB`, `2.0 MiB`, `1.2 GiB`.
std::string size_text(std::int64_t bytes);

/// `sending 41 % (410 of 1000 objects), 12.3 MiB, 3.1 MiB/s, 20 s left, with 9 other branches`, as far as it
/// is known.
std::string progress_text(const api::ProgressLine& progress);

/// What this process measured, as an agent would have told it.
api::ProgressLine progress_line(const ProgressView& view);

}  // namespace gitferry::daemon

#pragma once

#include <string>
#include <vector>

#include "agent/sync/sync_service.h"
#include "api/http_message.h"

namespace gitferry::api {

struct SyncAnswerOptions {
  bool dry_run = false;
  /// More is to come than the outcomes show: the hosts are listed after the call has returned.
  bool goes_on = false;
};

/// The answer to a sync of several branches: its code is that of the first that failed, else 10021 where any
/// is pending, else 0. `runs` shows what failed first, then what is pending; `summary` counts them all, also
/// where there are too many to show.
Response sync_answer(const Request& request, const std::vector<SyncOutcome>& outcomes,
                     const SyncAnswerOptions& options);

/// One of the `runs`, as JSON, for a sync without an agent.
std::string outcome_text(const SyncOutcome& outcome);

}  // namespace gitferry::api

#pragma once

#include <optional>
#include <string>

#include <json/value.h>

#include "agent/store/store.h"
#include "agent/sync/binding_status.h"
#include "agent/sync/sync_service.h"

namespace gitferry::api {

/// What the API shows of the store's rows and of a sync's outcome. Unknown values are null, never empty
/// strings, except in the fields of the API document.

/// The document's fields (times as `YYYY-MM-DD HH:MM:SS` in UTC+8) and ours (RFC 3339, UTC).
/// The words of a run's outcome in a history: `pushed`, `nothing`, `failed`, `running`, `interrupted`.
Json::Value run_mark_json(const RunMark& run);
Json::Value run_json(const RunRow& run);
/// What became of each ref of a delivery, which the store keeps as text: always an array.
Json::Value refs_json(const std::string& text);
Json::Value delivery_json(const DeliveryRow& delivery);
Json::Value lane_json(const LaneRow& lane);
/// How far a transfer is; null for none.
Json::Value progress_json(const std::optional<ProgressView>& progress);
/// The lane of a branch, also where it was never marked, how the branch stands, and how far the transfer is
/// that it is in.
/// `waits_for`: the host that does not answer and that the branch's run waits for; empty: none.
Json::Value status_json(const BranchStatus& branch, const std::optional<ProgressView>& progress,
                        const std::string& waits_for);
Json::Value audit_json(const AuditRow& change);
Json::Value outcome_json(const SyncOutcome& outcome);

}  // namespace gitferry::api

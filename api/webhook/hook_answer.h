#pragma once

#include <chrono>
#include <string_view>
#include <vector>

#include "agent/sync/sync_service.h"
#include "api/http_message.h"

namespace gitferry::api::webhook {

/// What hosts get to read. Their people see it in the list of recent deliveries.

/// `{"status": "refused", "reason": ...}`. `detail` may quote what was sent.
Response refused(int status, std::string_view reason, std::string_view detail = {});
/// 429 or 503: the host may send it again.
Response refused_for_now(int status, std::string_view reason, std::chrono::seconds retry_after);
/// 200: proven or not, there is nothing to do and nothing is kept.
Response ignored_unseen(std::string_view reason);
/// 202 where something was marked, else 200. One outcome is told flat; several as a list, with the status of
/// all.
Response delivered(const std::vector<DeliveryOutcome>& outcomes);

}  // namespace gitferry::api::webhook

#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "agent/base/clock.h"
#include "agent/sync/sync_service.h"
#include "api/api_context.h"
#include "api/http_message.h"
#include "api/webhook/provider.h"

namespace gitferry::api::webhook {

/// What both kinds of hook do with a delivery. Every one of these writes its line to the log; no header's
/// value is in it but the event's and the delivery's id.

/// One more delivery of which nothing is recorded; `outcome` of namespace unrecorded.
void count(const Provider& provider, std::string_view outcome);

/// Everything of a delivery but what it says and whom it is for.
IncomingDelivery incoming(const Provider& provider, const Request& request, std::string hook,
                          WallTime received_at);

/// What a proven delivery says. Where many large ones come at once they are read one after the other.
Result<PushEvent> parse_in_turn(const Provider& provider, const Request& request);

/// The one answer for whatever was wrong with the proof or the name. It names neither.
Response unproven(ApiContext& context, const Provider& provider, const Request& request);

/// Records it, marks its lanes, and answers. Where that is not possible: 503, and its targets are compared
/// out of turn as soon as there is time.
Response take_delivery(ApiContext& context, const IncomingDelivery& delivery);

/// Records a proven delivery that is refused, which is the audit of it, and answers with `status`.
Response refuse_delivery(ApiContext& context, IncomingDelivery delivery, int status, std::string_view reason,
                         std::string_view detail = {});

/// 429 for a hook that sends more than it may: nothing is recorded, but its targets are compared out of turn.
Response postpone_delivery(ApiContext& context, const IncomingDelivery& delivery,
                           std::chrono::seconds retry_after);

}  // namespace gitferry::api::webhook

#include "api/webhook/hook_delivery.h"

#include <utility>

#include "agent/base/crash_point.h"
#include "agent/base/crypto.h"
#include "agent/base/log.h"
#include "agent/base/metrics.h"
#include "agent/base/text.h"
#include "api/envelope.h"
#include "api/log_throttle.h"
#include "api/webhook/hook_answer.h"
#include "api/webhook/parse_turn.h"

namespace gitferry::api::webhook {
namespace {

constexpr std::size_t kShownLength = 200;  ///< of what a host named

void count_and_log(log::Level level, const IncomingDelivery& delivery, const DeliveryOutcome& outcome,
                   std::string_view detail = {}) {
  metrics().deliveries.add({delivery.event.provider, name_of(outcome.verdict)});
  log::write(level, "webhook",
             {{"verdict", name_of(outcome.verdict)},
              {"reason", outcome.reason},
              {"detail", detail},
              {"provider", delivery.event.provider},
              {"hook", delivery.hook},
              {"repo", outcome.repository},
              {"event", shortened(delivery.event.event, kShownLength)},
              {"named", shortened(delivery.event.repository.full_name, kShownLength)},
              {"refs", outcome.refs.size()},
              {"host_delivery", shortened(delivery.event.delivery_id, kShownLength)},
              {"delivery_id", outcome.delivery_id},
              {"address", delivery.source_address},
              {"request_id", delivery.request_id}});
}

void tell_of_missed(ApiContext& context, const IncomingDelivery& delivery) {
  for (const auto& target : delivery.targets) context.sync.reconcile_soon(target.repository, Claim::Proven);
}

}  // namespace

void count(const Provider& provider, std::string_view outcome) {
  metrics().deliveries.add({provider.name, outcome});
}

IncomingDelivery incoming(const Provider& provider, const Request& request, std::string hook,
                          WallTime received_at) {
  IncomingDelivery delivery;
  delivery.event.provider = provider.name;
  delivery.hook = std::move(hook);
  delivery.request_id = request.id;
  delivery.source_address = request.client_address;
  delivery.body_sha256 = to_hex(sha256(request.body));
  delivery.body_bytes = static_cast<std::int64_t>(request.body.size());
  delivery.received_at = received_at;
  return delivery;
}

Result<PushEvent> parse_in_turn(const Provider& provider, const Request& request) {
  static ParseTurns turns;
  const ParseTurns::Turn turn(turns, request.body.size());
  return provider.parse(provider, request);
}

Response unproven(ApiContext& context, const Provider& provider, const Request& request) {
  if (const auto wait = context.guard->count_refused_webhook(request.client_address)) {
    count(provider, unrecorded::kRateLimited);
    return refused_for_now(429, "rate_limited", *wait);
  }
  count(provider, unrecorded::kUnauthenticated);
  static LogThrottle throttle;
  // The name in the path is not logged: it is whatever somebody put into the address.
  if (const auto held_back = throttle.pass(std::chrono::steady_clock::now())) {
    const auto* sender = likely_sender(request);
    log::warn("webhook refused", {{"reason", "unauthenticated"},
                                  {"provider", provider.name},
                                  {"looks_like", sender == nullptr ? std::string_view() : sender->name},
                                  {"address", request.client_address},
                                  {"request_id", request.id},
                                  {"not_logged", *held_back}});
  }
  return refused(401, "unauthenticated");
}

Response take_delivery(ApiContext& context, const IncomingDelivery& delivery) {
  const auto outcomes = context.sync.deliver(delivery);
  if (!outcomes) {
    log::error(
        "delivery not stored",
        {{"hook", delivery.hook}, {"request_id", delivery.request_id}, {"reason", outcomes.error().text()}});
    metrics().deliveries.add({delivery.event.provider, unrecorded::kUnavailable});
    tell_of_missed(context, delivery);
    return refused_for_now(503, "unavailable", kRetrySoon);
  }
  for (const auto& outcome : *outcomes) count_and_log(log::Level::Info, delivery, outcome);
  crash_point(CrashPoint::BeforeReply);
  return delivered(*outcomes);
}

Response refuse_delivery(ApiContext& context, IncomingDelivery delivery, int status, std::string_view reason,
                         std::string_view detail) {
  delivery.refusal = reason;
  delivery.event.signed_id.clear();  // what is refused is the first of nothing
  const auto outcomes = context.sync.deliver(delivery);
  // What it was refused for does not depend on whether that could be written down.
  if (!outcomes) {
    metrics().deliveries.add({delivery.event.provider, name_of(Verdict::Refused)});
    log::error("refused delivery not stored", {{"hook", delivery.hook},
                                               {"refused_for", reason},
                                               {"request_id", delivery.request_id},
                                               {"reason", outcomes.error().text()}});
  } else {
    for (const auto& outcome : *outcomes) count_and_log(log::Level::Warn, delivery, outcome, detail);
  }
  return refused(status, reason, detail);
}

Response postpone_delivery(ApiContext& context, const IncomingDelivery& delivery,
                           std::chrono::seconds retry_after) {
  metrics().deliveries.add({delivery.event.provider, unrecorded::kRateLimited});
  static LogThrottle throttle;
  if (const auto held_back = throttle.pass(std::chrono::steady_clock::now())) {
    log::warn("webhook refused", {{"reason", "rate_limited"},
                                  {"hook", delivery.hook},
                                  {"address", delivery.source_address},
                                  {"request_id", delivery.request_id},
                                  {"not_logged", *held_back}});
  }
  tell_of_missed(context, delivery);
  return refused_for_now(429, "rate_limited", retry_after);
}

}  // namespace gitferry::api::webhook

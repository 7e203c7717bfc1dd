#include "agent/sync/delivery_record.h"

#include <cstddef>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "agent/base/text.h"

namespace gitferry {
namespace {

/// Of the full name that the payload has: a sender may make it a megabyte long, and the row is kept for
/// weeks.
constexpr std::size_t kNameLimit = 512;

std::string refs_json(const std::vector<RefVerdict>& refs) {
  std::string array = "[";
  for (const auto& ref : refs) {
    const auto verdict = ref.reason.empty() ? Verdict::Accepted : Verdict::Ignored;
    array += fmt::format("{}{{\"ref\":{},\"verdict\":{},\"reason\":{}{}}}", array.size() > 1 ? "," : "",
                         json_string(ref.ref), json_string(name_of(verdict)), json_string(ref.reason),
                         ref.deleted ? ",\"deleted\":true" : "");
  }
  return array + "]";
}

}  // namespace

DeliveryRecord record_of(const IncomingDelivery& delivery, const HookTarget* target,
                         const DeliveryOutcome& outcome) {
  DeliveryRecord record;
  record.provider = delivery.event.provider;
  record.hook = delivery.hook;
  record.request_id = delivery.request_id;
  record.named_repository = shortened(delivery.event.repository.full_name, kNameLimit);
  record.signed_id = delivery.event.signed_id;
  if (target != nullptr) {
    record.repository = target->repository;
    record.side = target->side;
  }
  record.replay_of = delivery.replay_of;
  record.event = delivery.event.event;
  record.provider_delivery_id = delivery.event.delivery_id;
  record.source_address = delivery.source_address;
  record.body_sha256 = delivery.body_sha256;
  record.body_bytes = delivery.body_bytes;
  record.received_at_ms = to_epoch_ms(delivery.received_at);
  record.verdict = outcome.verdict;
  record.reason = outcome.reason;
  record.refs = refs_json(outcome.refs);
  return record;
}

}  // namespace gitferry

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/store/hook_history.h"
#include "agent/store/sql.h"
#include "agent/store/store.h"

namespace gitferry {

/// SQL of the tables `delivery` and `delivery_lane`. Functions that write belong on the writer's thread,
/// within its transaction; all throw what the connection throws.

/// Stores one, marks its lanes, or makes it a duplicate: record_deliveries() for one of the rows of a call.
/// `first_id`: of the first row of that call, unset for that row itself; what came with it is no earlier one.
Receipt store_delivery(SqlConnection& connection, const NewDelivery& delivery,
                       std::optional<std::int64_t> first_id, std::int64_t now_ms);
/// Deletes what `keep` does not cover at `now_ms`.
void prune_deliveries(SqlConnection& connection, const Retention& keep, std::int64_t now_ms);

/// As name_of() wrote it.
Verdict verdict_from(const std::string& name);

std::optional<DeliveryRow> find_delivery(SqlConnection& connection, std::int64_t id);
/// As peek_last_arrival().
std::optional<HookArrival> find_last_arrival(SqlConnection& connection, const std::string& provider,
                                             const std::string& repository, Side side);
/// As peek_last_organisation_arrival() (hook_history.h).
std::optional<HookArrival> find_last_organisation_arrival(SqlConnection& connection,
                                                          const std::string& provider,
                                                          const std::string& name, const std::string& owner);
Listing<DeliveryRow> list_deliveries(SqlConnection& connection, const DeliveryFilter& filter,
                                     const Page& page);

}  // namespace gitferry

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "agent/store/database.h"
#include "agent/store/store.h"

namespace gitferry {

/// SQL of the tables `delivery` and `delivery_lane`. Functions that write belong on the writer's thread,
/// within its transaction; all throw SQLite::Exception.

std::int64_t insert_delivery(SqlConnection& connection, const DeliveryRecord& delivery);
void link_delivery(SqlConnection& connection, std::int64_t delivery_id, std::int64_t lane_id);
/// Deletes what `keep` does not cover at `now_ms`.
void prune_deliveries(SqlConnection& connection, const Retention& keep, std::int64_t now_ms);

std::optional<DeliveryRow> find_delivery(SqlConnection& connection, std::int64_t id);
Listing<DeliveryRow> list_deliveries(SqlConnection& connection, const DeliveryFilter& filter,
                                     const Page& page);

}  // namespace gitferry

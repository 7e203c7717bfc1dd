#include "agent/store/deliveries.h"

#include <array>
#include <string>

#include "agent/store/paging.h"
#include "agent/store/retention.h"

namespace gitferry {
namespace {

const std::string kSelect =
    "SELECT id, provider, repository, side, replay_of, event, provider_delivery_id, source_address, verdict, "
    "reason, refs, body_sha256, body_bytes, received_at_ms FROM delivery ";

/// What one combination of filters asks: a condition per filter that is set, so that each has its index.
struct Listings {
  explicit Listings(const std::string& condition)
      : count("SELECT count(*) FROM delivery " + condition),
        // Ids grow with the time of arrival and are unique, so a page is stable where times are equal.
        oldest_first(kSelect + condition + " ORDER BY id LIMIT ?3 OFFSET ?4"),
        newest_first(kSelect + condition + " ORDER BY id DESC LIMIT ?3 OFFSET ?4") {}
  std::string count;
  std::string oldest_first;
  std::string newest_first;
};

const Listings& listings_for(const DeliveryFilter& filter) {
  static const std::array<Listings, 4> all{Listings(""), Listings("WHERE repository = ?1"),
                                           Listings("WHERE verdict = ?2"),
                                           Listings("WHERE repository = ?1 AND verdict = ?2")};
  return all.at((filter.repository.empty() ? 0U : 1U) + (filter.verdict ? 2U : 0U));
}

void bind_filter(Query& query, const DeliveryFilter& filter) {
  if (!filter.repository.empty()) query.bind_from(1, filter.repository);
  if (filter.verdict) query.bind_from(2, name_of(*filter.verdict));
}

Verdict verdict_from(const std::string& name) {
  for (const auto verdict : {Verdict::Accepted, Verdict::Duplicate, Verdict::Refused}) {
    if (name == name_of(verdict)) return verdict;
  }
  return Verdict::Ignored;
}

DeliveryRow row_of(const Query& query) {
  DeliveryRow row;
  int column = 0;
  row.id = query.integer(column++);
  auto& record = row.record;
  record.provider = query.text(column++);
  record.repository = query.text(column++);
  if (const int side = column++; !query.is_null(side)) {
    record.side = query.text(side) == name_of(Side::Internal) ? Side::Internal : Side::External;
  }
  record.replay_of = query.optional_integer(column++);
  record.event = query.text(column++);
  record.provider_delivery_id = query.text(column++);
  record.source_address = query.text(column++);
  record.verdict = verdict_from(query.text(column++));
  record.reason = query.text(column++);
  record.refs = query.text(column++);
  record.body_sha256 = query.text(column++);
  record.body_bytes = query.integer(column++);
  record.received_at_ms = query.integer(column++);
  return row;
}

std::vector<DeliveryLane> lanes_of(SqlConnection& connection, std::int64_t delivery_id) {
  auto query = connection.query("SELECT lane_id FROM delivery_lane WHERE delivery_id = ?1 ORDER BY lane_id");
  query.bind(delivery_id);
  std::vector<DeliveryLane> lanes;
  while (query.next()) lanes.push_back({query.integer(0)});
  return lanes;
}

}  // namespace

std::int64_t insert_delivery(SqlConnection& connection, const DeliveryRecord& delivery) {
  std::optional<std::string_view> side;
  if (delivery.side) side = name_of(*delivery.side);
  connection
      .query(R"sql(
    INSERT INTO delivery (provider, repository, event, provider_delivery_id, source_address, verdict, reason, refs,
      body_sha256, body_bytes, received_at_ms, side, replay_of)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13))sql")
      .bind(delivery.provider, delivery.repository, delivery.event, delivery.provider_delivery_id,
            delivery.source_address, name_of(delivery.verdict), delivery.reason, delivery.refs,
            delivery.body_sha256, delivery.body_bytes, delivery.received_at_ms, side, delivery.replay_of)
      .run();
  return connection.last_insert_id();
}

void link_delivery(SqlConnection& connection, std::int64_t delivery_id, std::int64_t lane_id) {
  // One delivery may mark a lane twice.
  connection.query("INSERT OR IGNORE INTO delivery_lane (delivery_id, lane_id) VALUES (?1, ?2)")
      .bind(delivery_id, lane_id)
      .run();
}

void prune_deliveries(SqlConnection& connection, const Retention& keep, std::int64_t now_ms) {
  connection.query("DELETE FROM delivery WHERE " GITFERRY_NOT_KEPT("delivery", "received_at_ms"))
      .bind(keep.count, oldest_kept_ms(keep, now_ms))
      .run();
}

std::optional<DeliveryRow> find_delivery(SqlConnection& connection, std::int64_t id) {
  const ReadTransaction snapshot(connection);
  std::optional<DeliveryRow> row;
  {
    static const std::string sql = kSelect + "WHERE id = ?1";
    auto query = connection.query(sql.c_str());
    if (query.bind(id).next()) row = row_of(query);
  }
  if (row) row->lanes = lanes_of(connection, id);
  return row;
}

Listing<DeliveryRow> list_deliveries(SqlConnection& connection, const DeliveryFilter& filter,
                                     const Page& page) {
  const ReadTransaction snapshot(connection);
  const auto& listings = listings_for(filter);
  Listing<DeliveryRow> listing;
  {
    auto query = connection.query(listings.count.c_str());
    bind_filter(query, filter);
    query.next();
    listing.total = query.integer(0);
  }
  {
    auto query =
        connection.query(page.ascending ? listings.oldest_first.c_str() : listings.newest_first.c_str());
    bind_filter(query, filter);
    query.bind_from(3, page_limit(page), page_offset(page));
    while (query.next()) listing.rows.push_back(row_of(query));
  }
  for (auto& row : listing.rows) row.lanes = lanes_of(connection, row.id);
  return listing;
}

}  // namespace gitferry

#include "agent/store/deliveries.h"

#include "agent/store/paging.h"

namespace gitferry {
namespace {

DeliveryRow row_of(const Query& query) {
  DeliveryRow row;
  int column = 0;
  row.id = query.integer(column++);
  auto& record = row.record;
  record.provider = query.text(column++);
  record.repository = query.text(column++);
  record.event = query.text(column++);
  record.provider_delivery_id = query.text(column++);
  record.source_address = query.text(column++);
  record.verdict = query.text(column++) == name_of(Verdict::Accepted) ? Verdict::Accepted : Verdict::Ignored;
  record.reason = query.text(column++);
  record.refs = query.text(column++);
  record.body_sha256 = query.text(column++);
  record.body_bytes = query.integer(column++);
  record.received_at_ms = query.integer(column++);
  return row;
}

std::vector<std::int64_t> lanes_of(SqlConnection& connection, std::int64_t delivery_id) {
  auto query = connection.query("SELECT lane_id FROM delivery_lane WHERE delivery_id = ?1 ORDER BY lane_id");
  query.bind(delivery_id);
  std::vector<std::int64_t> ids;
  while (query.next()) ids.push_back(query.integer(0));
  return ids;
}

std::int64_t count(SqlConnection& connection, const std::string& repository) {
  auto query = connection.query(repository.empty() ? "SELECT count(*) FROM delivery"
                                                   : "SELECT count(*) FROM delivery WHERE repository = ?1");
  if (!repository.empty()) query.bind(repository);
  query.next();
  return query.integer(0);
}

}  // namespace

std::int64_t insert_delivery(SqlConnection& connection, const DeliveryRecord& delivery) {
  connection
      .query(R"sql(
    INSERT INTO delivery (provider, repository, event, provider_delivery_id, source_address, verdict, reason, refs,
      body_sha256, body_bytes, received_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11))sql")
      .bind(delivery.provider, delivery.repository, delivery.event, delivery.provider_delivery_id,
            delivery.source_address, name_of(delivery.verdict), delivery.reason, delivery.refs,
            delivery.body_sha256, delivery.body_bytes, delivery.received_at_ms)
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
  // Ids have no gaps, so that the oldest to keep need not be counted out; and they grow with the time, so
  // that the search for the oldest one young enough ends at the first.
  connection
      .query(R"sql(
    DELETE FROM delivery WHERE id <= (SELECT max(id) FROM delivery) - ?1 OR id < coalesce(
      (SELECT id FROM delivery WHERE received_at_ms >= ?2 ORDER BY id LIMIT 1), (SELECT max(id) + 1 FROM delivery)))sql")
      .bind(keep.count, oldest_kept_ms(keep, now_ms))
      .run();
}

Listing<DeliveryRow> list_deliveries(SqlConnection& connection, const std::string& repository,
                                     const Page& page) {
  const ReadTransaction snapshot(connection);
  Listing<DeliveryRow> listing;
  listing.total = count(connection, repository);
  {
    // Ids grow with the time of arrival and are unique, so a page is stable where times are equal.
    auto query = connection.query(page.ascending ? R"sql(
       SELECT id, provider, repository, event, provider_delivery_id, source_address, verdict, reason, refs,
        body_sha256, body_bytes, received_at_ms FROM delivery WHERE ?1 = '' OR repository = ?1 ORDER BY id LIMIT ?2 OFFSET ?3)sql"
                                                 : R"sql(
       SELECT id, provider, repository, event, provider_delivery_id, source_address, verdict, reason, refs,
        body_sha256, body_bytes, received_at_ms FROM delivery WHERE ?1 = '' OR repository = ?1 ORDER BY id DESC LIMIT ?2 OFFSET ?3)sql");
    query.bind(repository, page_limit(page), page_offset(page));
    while (query.next()) listing.rows.push_back(row_of(query));
  }
  for (auto& row : listing.rows) row.lane_ids = lanes_of(connection, row.id);
  return listing;
}

}  // namespace gitferry

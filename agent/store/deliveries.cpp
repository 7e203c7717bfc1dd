#include "agent/store/deliveries.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/crash_point.h"
#include "agent/base/text.h"
#include "agent/store/lanes.h"
#include "agent/store/paging.h"
#include "agent/store/retention.h"
#include "agent/store/runs.h"

namespace gitferry {
namespace {

const std::string kSelect =
    "SELECT id, provider, hook, request_id, repository, named_repository, side, event, provider_delivery_id, "
    "signed_id, source_address, verdict, reason, refs, body_sha256, body_bytes, received_at_ms, replay_of, "
    "duplicate_of, same_body_as FROM delivery ";

// The run that a row of delivery_lane shows; DeliveryLane says which that is. Along one lane, later runs
// begin from a requested_seq that is not older, so each search ends at its first row.
#define GITFERRY_COVERING_RUN(is_settled, order)                                                          \
  "(SELECT id FROM run WHERE run.lane_id = marked.lane_id AND run.direction = marked.direction "          \
  "AND run.is_settled = " is_settled " AND run.requested_seq >= marked.seq ORDER BY requested_seq " order \
  ", id " order " LIMIT 1)"
#define GITFERRY_SETTLING_RUN GITFERRY_COVERING_RUN("1", "ASC")
#define GITFERRY_LATEST_RUN GITFERRY_COVERING_RUN("0", "DESC")

constexpr const char* kLanesOf =
    "SELECT shown.lane_id, lane.repository, lane.internal_ref, lane.external_ref, run.id, run.state, "
    "run.code_status, run.error, run.plan FROM ("
    "SELECT lane_id, coalesce(" GITFERRY_SETTLING_RUN ", " GITFERRY_LATEST_RUN
    ") AS run_id FROM delivery_lane AS marked WHERE marked.delivery_id = ?1) AS shown "
    "JOIN lane ON lane.id = shown.lane_id "
    "LEFT JOIN run ON run.id = shown.run_id ORDER BY shown.lane_id";

// Whether there is nothing to do for a mark that an earlier delivery gave a lane too. Where no settling run
// is kept, the lane tells: it was dropped with an error, or is in sync.
constexpr const char* kIsServed =
    "SELECT CASE WHEN settled.id IS NOT NULL THEN settled.error = '' "
    "WHEN marked.seq > lane.done_seq THEN lane.quarantined = 0 "
    "ELSE lane.last_error = '' END "
    "FROM delivery_lane AS marked JOIN lane ON lane.id = marked.lane_id "
    "LEFT JOIN run AS settled ON settled.id = " GITFERRY_SETTLING_RUN
    " WHERE marked.delivery_id = ?1 AND marked.direction = ?2 "
    "AND lane.repository = ?3 AND lane.internal_ref = ?4 AND lane.external_ref = ?5";
#undef GITFERRY_LATEST_RUN
#undef GITFERRY_SETTLING_RUN
#undef GITFERRY_COVERING_RUN

constexpr const char* kFound =
    "({position}(lower(repository), ?5) > 0 OR {position}(lower(named_repository), ?5) > 0 "
    "OR {position}(lower(provider_delivery_id), ?5) > 0 OR CAST(id AS TEXT) = ?5 OR lower(request_id) = ?5 "
    "OR EXISTS (SELECT 1 FROM {named_refs} AS named WHERE {position}(lower(named.ref), ?5) > 0)) ";

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
  static const std::string found = std::string("AND ") + kFound;
  static const std::array<Listings, 8> all{Listings(""),
                                           Listings("WHERE repository = ?1 "),
                                           Listings("WHERE verdict = ?2 "),
                                           Listings("WHERE repository = ?1 AND verdict = ?2 "),
                                           Listings("WHERE true " + found),
                                           Listings("WHERE repository = ?1 " + found),
                                           Listings("WHERE verdict = ?2 " + found),
                                           Listings("WHERE repository = ?1 AND verdict = ?2 " + found)};
  return all.at((filter.repository.empty() ? 0U : 1U) + (filter.verdict ? 2U : 0U) +
                (filter.search.empty() ? 0U : 4U));
}

void bind_filter(Query& query, const DeliveryFilter& filter) {
  if (!filter.repository.empty()) query.bind_from(1, filter.repository);
  if (filter.verdict) query.bind_from(2, name_of(*filter.verdict));
  if (!filter.search.empty()) query.bind_from(5, to_lower(filter.search));
}

DeliveryRow row_of(const Query& query) {
  DeliveryRow row;
  int column = 0;
  row.id = query.integer(column++);
  auto& record = row.record;
  record.provider = query.text(column++);
  record.hook = query.text(column++);
  record.request_id = query.text(column++);
  record.repository = query.text(column++);
  record.named_repository = query.text(column++);
  if (const int side = column++; !query.is_null(side)) {
    record.side = query.text(side) == name_of(Side::Internal) ? Side::Internal : Side::External;
  }
  record.event = query.text(column++);
  record.provider_delivery_id = query.text(column++);
  record.signed_id = query.text(column++);
  record.source_address = query.text(column++);
  record.verdict = verdict_from(query.text(column++));
  record.reason = query.text(column++);
  record.refs = query.text(column++);
  record.body_sha256 = query.text(column++);
  record.body_bytes = query.integer(column++);
  record.received_at_ms = query.integer(column++);
  record.replay_of = query.optional_integer(column++);
  row.duplicate_of = query.optional_integer(column++);
  row.same_body_as = query.optional_integer(column++);
  return row;
}

std::vector<DeliveryLane> lanes_of(SqlConnection& connection, std::int64_t delivery_id) {
  auto query = connection.query(kLanesOf);
  query.bind(delivery_id);
  std::vector<DeliveryLane> lanes;
  while (query.next()) {
    DeliveryLane lane;
    int column = 0;
    lane.lane_id = query.integer(column++);
    lane.key.repository = query.text(column++);
    lane.key.internal_ref = query.text(column++);
    lane.key.external_ref = query.text(column++);
    lane.run_id = query.optional_integer(column++);
    if (lane.run_id) {
      lane.run_state = run_state_from(query.text(column++));
      lane.run_code_status = static_cast<int>(query.integer(column++));
      lane.run_error = query.text(column++);
      lane.run_plan = query.text(column++);
    }
    lanes.push_back(lane);
  }
  return lanes;
}

bool is_served(SqlConnection& connection, std::int64_t earlier_id, const LaneMark& mark) {
  auto query = connection.query(kIsServed);
  query.bind(earlier_id, static_cast<int>(mark.direction), mark.key.repository, mark.key.internal_ref,
             mark.key.external_ref);
  return query.next() && query.integer(0) != 0;
}

/// The accepted delivery of the same signed id that served all marks of this one.
std::optional<std::int64_t> duplicated_by(SqlConnection& connection, const NewDelivery& delivery) {
  const auto& record = delivery.record;
  if (record.signed_id.empty() || record.verdict != Verdict::Accepted) return std::nullopt;
  std::int64_t earlier_id = 0;
  {
    // The latest: an older one that was followed by another had failed.
    auto query = connection.query(
        "SELECT id FROM delivery WHERE hook = ?1 AND signed_id = ?2 AND repository = ?3 "
        "AND signed_id <> '' AND verdict = 'accepted' ORDER BY id DESC LIMIT 1");
    if (!query.bind(record.hook, record.signed_id, record.repository).next()) return std::nullopt;
    earlier_id = query.integer(0);
  }
  const auto serves = [&](const LaneMark& mark) { return is_served(connection, earlier_id, mark); };
  if (!std::all_of(delivery.marks.begin(), delivery.marks.end(), serves)) return std::nullopt;
  return earlier_id;
}

/// The latest delivery before `first_id` that the same hook brought with the same body.
std::optional<std::int64_t> with_same_body(SqlConnection& connection, const DeliveryRecord& record,
                                           std::int64_t first_id) {
  if (record.body_sha256.empty()) return std::nullopt;
  // The empty text keeps SQLite from putting ?2 into the index's own expression, which it would not find
  // then.
  auto query = connection.query(
      "SELECT id FROM delivery WHERE substr(body_sha256, 1, 12) = substr(?2, 1, 12) AND hook = ?1 "
      "AND body_sha256 || '' = ?2 AND body_sha256 <> '' AND id < ?3 ORDER BY id DESC LIMIT 1");
  if (!query.bind(record.hook, record.body_sha256, first_id).next()) return std::nullopt;
  return query.integer(0);
}

/// What the store itself finds out about a delivery.
struct Kinship {
  std::optional<std::int64_t> duplicate_of;
  std::optional<std::int64_t> same_body_as;
};

std::int64_t insert_delivery(SqlConnection& connection, const DeliveryRecord& record,
                             const Kinship& kinship) {
  std::optional<std::string_view> side;
  if (record.side) side = name_of(*record.side);
  const bool is_duplicate = kinship.duplicate_of.has_value();
  return connection
      .query(R"sql(
    INSERT INTO delivery (provider, hook, request_id, repository, named_repository, side, event,
      provider_delivery_id, signed_id, source_address, verdict, reason, refs, body_sha256, body_bytes,
      received_at_ms, replay_of, duplicate_of, same_body_as)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19))sql")
      .bind(record.provider, record.hook, record.request_id, record.repository, record.named_repository, side,
            record.event, record.provider_delivery_id, record.signed_id, record.source_address,
            name_of(is_duplicate ? Verdict::Duplicate : record.verdict),
            is_duplicate ? kDuplicateReason : std::string_view(record.reason), record.refs,
            record.body_sha256, record.body_bytes, record.received_at_ms, record.replay_of,
            kinship.duplicate_of, kinship.same_body_as)
      .insert();
}

void link_delivery(SqlConnection& connection, std::int64_t delivery_id, Direction direction,
                   const Receipt::Marked& marked) {
  // One delivery may mark a lane twice; its directions are the same then, and the later mark counts.
  connection
      .query(
          "INSERT INTO delivery_lane (delivery_id, lane_id, direction, seq) VALUES (?1, ?2, ?3, ?4) "
          "ON CONFLICT (delivery_id, lane_id) DO UPDATE SET direction = ?3, seq = ?4")
      .bind(delivery_id, marked.lane_id, static_cast<int>(direction), marked.seq)
      .run();
}

std::optional<HookArrival> arrival_in(Query& query) {
  if (!query.next()) return std::nullopt;
  return HookArrival{query.integer(0), query.text(1), verdict_from(query.text(2)), query.text(3)};
}

}  // namespace

Verdict verdict_from(const std::string& name) {
  for (const auto verdict : {Verdict::Accepted, Verdict::Duplicate, Verdict::Refused}) {
    if (name == name_of(verdict)) return verdict;
  }
  return Verdict::Ignored;
}

Receipt store_delivery(SqlConnection& connection, const NewDelivery& delivery,
                       std::optional<std::int64_t> first_id, std::int64_t now_ms) {
  Kinship kinship;
  kinship.duplicate_of = duplicated_by(connection, delivery);
  kinship.same_body_as = with_same_body(connection, delivery.record, first_id.value_or(INT64_MAX));
  Receipt receipt;
  receipt.delivery_id = insert_delivery(connection, delivery.record, kinship);
  crash_point(CrashPoint::DeliveryInserted);
  receipt.duplicate_of = kinship.duplicate_of;
  if (receipt.duplicate_of) return receipt;
  const MarkCause cause{Trigger::Webhook, receipt.delivery_id, now_ms};
  for (const auto& mark : delivery.marks) {
    receipt.marked.push_back(mark_lane(connection, mark, cause));
    link_delivery(connection, receipt.delivery_id, mark.direction, receipt.marked.back());
  }
  crash_point(CrashPoint::LanesMarked);
  return receipt;
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

std::optional<HookArrival> find_last_arrival(SqlConnection& connection, const std::string& provider,
                                             const std::string& repository, Side side) {
  auto query = connection.query(
      "SELECT received_at_ms, event, verdict, reason FROM delivery WHERE repository = ?1 AND hook = ?2 "
      "AND side = ?3 AND replay_of IS NULL ORDER BY id DESC LIMIT 1");
  query.bind(repository, provider + "/" + repository, name_of(side));
  return arrival_in(query);
}

std::optional<HookArrival> find_last_organisation_arrival(SqlConnection& connection,
                                                          const std::string& provider,
                                                          const std::string& name, const std::string& owner) {
  auto query = connection.query(
      "SELECT received_at_ms, event, verdict, reason FROM delivery WHERE hook = ?1 AND replay_of IS NULL "
      "AND (?2 = '' OR substr(lower(named_repository), 1, length(?2) + 1) = ?2 || '/') "
      "ORDER BY id DESC LIMIT 1");
  query.bind(provider + ":" + name, owner);
  return arrival_in(query);
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

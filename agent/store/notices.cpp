#include "agent/store/notices.h"

#include <map>

namespace gitferry {
namespace {

#define GITFERRY_LANE_HEALTH                                                                             \
  "SELECT id, repository, internal_ref, external_ref, requested_seq > done_seq, quarantined, "           \
  "attempts, marked_at_ms, last_run_at_ms, last_success_at_ms, last_error, last_code_status, last_text " \
  "FROM lane "

LaneHealth health_of(const Query& query) {
  LaneHealth lane;
  int column = 0;
  lane.lane_id = query.integer(column++);
  lane.key.repository = query.text(column++);
  lane.key.internal_ref = query.text(column++);
  lane.key.external_ref = query.text(column++);
  lane.is_pending = query.integer(column++) != 0;
  lane.quarantined = query.integer(column++) != 0;
  lane.attempts = static_cast<int>(query.integer(column++));
  lane.marked_at_ms = query.integer(column++);
  lane.last_run_at_ms = query.integer(column++);
  lane.last_success_at_ms = query.integer(column++);
  lane.last_error = query.text(column++);
  lane.last_code_status = static_cast<int>(query.integer(column++));
  lane.last_text = query.text(column++);
  return lane;
}

NoticeSubject::Kind kind_from(const std::string& name) {
  for (const auto kind : {NoticeSubject::Kind::Host, NoticeSubject::Kind::Hook}) {
    if (name == name_of(kind)) return kind;
  }
  return NoticeSubject::Kind::Lane;
}

NoticeEvent event_from(const std::string& name) {
  return notice_event_from(name).value_or(NoticeEvent::Failed);
}

std::optional<Side> side_from(const std::string& name) {
  for (const auto side : {Side::Internal, Side::External}) {
    if (name == name_of(side)) return side;
  }
  return std::nullopt;
}

Notice notice_of(const Query& query) {
  Notice notice;
  int column = 0;
  notice.subject.kind = kind_from(query.text(column++));
  notice.subject.name = query.text(column++);
  notice.event = event_from(query.text(column++));
  notice.key.repository = query.text(column++);
  notice.key.internal_ref = query.text(column++);
  notice.key.external_ref = query.text(column++);
  notice.host = query.text(column++);
  notice.side = side_from(query.text(column++));
  notice.error = query.text(column++);
  notice.code_status = static_cast<int>(query.integer(column++));
  notice.text = query.text(column++);
  notice.attempts = static_cast<int>(query.integer(column++));
  notice.branches = query.integer(column++);
  notice.since_ms = query.integer(column++);
  notice.at_ms = query.integer(column++);
  return notice;
}

/// The events of one subject that say that it is in a bad way, and wait for the channel.
bool take_back(SqlConnection& connection, const Telling::Copy& copy) {
  auto query = connection.query(R"sql(
    DELETE FROM notice WHERE channel = ?1 AND message IS NULL AND kind = ?2 AND name = ?3 RETURNING id)sql");
  query.bind(copy.channel, name_of(copy.notice.subject.kind), copy.notice.subject.name);
  bool has_any = false;
  while (query.next()) has_any = true;
  return has_any;
}

void insert_notice(SqlConnection& connection, const std::string& channel, const Notice& notice) {
  connection
      .query(R"sql(
    INSERT INTO notice (channel, kind, name, event, repository, internal_ref, external_ref, host, side, error,
      code_status, text, attempts, branches, since_ms, at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16))sql")
      .bind(channel, name_of(notice.subject.kind), notice.subject.name, name_of(notice.event),
            notice.key.repository, notice.key.internal_ref, notice.key.external_ref, notice.host,
            notice.side ? name_of(*notice.side) : std::string_view(), notice.error, notice.code_status,
            notice.text, notice.attempts, notice.branches, notice.since_ms, notice.at_ms)
      .run();
}

}  // namespace

void give_up_oldest(SqlConnection& connection, const std::string& channel) {
  auto query = connection.query(R"sql(
    DELETE FROM notice WHERE id IN (
      SELECT id FROM notice WHERE channel = ?1 AND message IS NULL ORDER BY id DESC LIMIT 9223372036854775807 OFFSET ?2)
    RETURNING id)sql");
  query.bind(channel, kMostWaitingNotices);
  std::int64_t count = 0;
  while (query.next()) ++count;
  if (count == 0) return;
  connection
      .query(R"sql(
    INSERT INTO notice_channel (name, given_up) VALUES (?1, ?2)
    ON CONFLICT (name) DO UPDATE SET given_up = notice_channel.given_up + ?2)sql")
      .bind(channel, count)
      .run();
}

std::vector<LaneHealth> lanes_in_trouble(SqlConnection& connection) {
  std::map<std::int64_t, LaneHealth> by_id;
  const auto take = [&](Query& query) {
    while (query.next()) {
      auto lane = health_of(query);
      by_id.emplace(lane.lane_id, std::move(lane));
    }
  };
  // Named, because the planner knows nothing of how few there are.
  auto bad = connection.query(GITFERRY_LANE_HEALTH
                              "{INDEXED BY lane_in_trouble} WHERE last_error <> '' OR quarantined <> 0");
  take(bad);
  auto told = connection.query(GITFERRY_LANE_HEALTH
                               "WHERE id IN (SELECT CAST(name AS BIGINT) FROM told WHERE kind = 'lane')");
  take(told);
  std::vector<LaneHealth> lanes;
  lanes.reserve(by_id.size());
  for (auto& [unused, lane] : by_id) lanes.push_back(std::move(lane));
  return lanes;
}

std::vector<Told> all_told(SqlConnection& connection) {
  auto query = connection.query("SELECT kind, name, event, since_ms, told_at_ms FROM told");
  std::vector<Told> all;
  while (query.next()) {
    all.push_back({{kind_from(query.text(0)), query.text(1)},
                   event_from(query.text(2)),
                   query.integer(3),
                   query.integer(4)});
  }
  return all;
}

std::vector<MissedPushes> find_missed_pushes(SqlConnection& connection, std::int64_t since_ms) {
  // A run goes from the side that was pushed to. Runs of one comparison begin together.
  auto query = connection.query(R"sql(
    SELECT found.repository, found.side, count(DISTINCT found.started_at_ms / 60000), min(found.started_at_ms),
      max(found.started_at_ms), max(found.heard_at_ms)
    FROM (
      SELECT lane.repository, sided.side, run.started_at_ms,
        coalesce((SELECT received_at_ms FROM delivery WHERE delivery.repository = lane.repository
                    AND delivery.side = sided.side ORDER BY delivery.id DESC LIMIT 1), 0) AS heard_at_ms
      FROM run JOIN lane ON lane.id = run.lane_id
        JOIN (SELECT 1 AS direction, 'internal' AS side UNION ALL SELECT 2, 'external') AS sided
          ON sided.direction = coalesce(run.went, run.direction)
      WHERE run.trigger = 'reconcile' AND run.error = '' AND run.finished_at_ms > ?1
        AND run.plan NOT IN ('', 'nothing') ) AS found
    WHERE found.started_at_ms > found.heard_at_ms
    GROUP BY found.repository, found.side)sql");
  query.bind(since_ms);
  std::vector<MissedPushes> all;
  while (query.next()) {
    all.push_back({query.text(0), side_from(query.text(1)).value_or(Side::Internal), query.integer(2),
                   query.integer(3), query.integer(4), query.integer(5)});
  }
  return all;
}

void put_told(SqlConnection& connection, const Told& told) {
  connection
      .query(R"sql(
    INSERT INTO told (kind, name, event, since_ms, told_at_ms) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (kind, name) DO UPDATE SET event = ?3, since_ms = ?4, told_at_ms = ?5)sql")
      .bind(name_of(told.subject.kind), told.subject.name, name_of(told.event), told.since_ms,
            told.told_at_ms)
      .run();
}

void forget_told(SqlConnection& connection, const NoticeSubject& subject) {
  connection.query("DELETE FROM told WHERE kind = ?1 AND name = ?2")
      .bind(name_of(subject.kind), subject.name)
      .run();
}

void queue_notice(SqlConnection& connection, const Telling::Copy& copy) {
  if (is_good(copy.notice.event) && take_back(connection, copy)) return;
  insert_notice(connection, copy.channel, copy.notice);
}

std::vector<Notice> notices_of(SqlConnection& connection, const std::string& message) {
  auto query = connection.query(R"sql(
    SELECT kind, name, event, repository, internal_ref, external_ref, host, side, error, code_status, text,
      attempts, branches, since_ms, at_ms FROM notice WHERE message = ?1 ORDER BY id)sql");
  query.bind(message);
  std::vector<Notice> notices;
  while (query.next()) notices.push_back(notice_of(query));
  return notices;
}

}  // namespace gitferry

#include "agent/store/lanes.h"

#include <string>
#include <unordered_map>

#include <fmt/format.h>

#include "agent/base/crash_point.h"
#include "agent/base/error.h"
#include "agent/store/binding_ids.h"
#include "agent/store/json_array.h"

namespace gitferry {
namespace {

constexpr int kScanSize = 64;
// From about here on one pass over the index is cheaper than a search for each.
constexpr std::size_t kManyRepositories = 1000;

#define GITFERRY_DIRECTIONS(to_outer, to_inter) \
  "(CASE WHEN " to_outer                        \
  " > done_seq THEN 1 ELSE 0 END"               \
  " + CASE WHEN " to_inter " > done_seq THEN 2 ELSE 0 END)"
#define GITFERRY_REQUESTED_DIRECTIONS GITFERRY_DIRECTIONS("to_outer_seq", "to_inter_seq")
#define GITFERRY_FORCED_DIRECTIONS GITFERRY_DIRECTIONS("force_to_outer_seq", "force_to_inter_seq")
// Written so that the partial indexes of what is pending can be used.
#define GITFERRY_IS_PENDING "requested_seq > done_seq AND quarantined = 0 "
#define GITFERRY_IS_DUE(now, furthest) \
  "{larger}(next_attempt_at_ms, hold_until_ms) NOT BETWEEN " now " + 1 AND " now " + " furthest " "
#define GITFERRY_SELECT_LANE(last_text)                                                              \
  "SELECT id, branch_id, repository, internal_ref, external_ref, requested_seq, "                    \
  "done_seq, " GITFERRY_REQUESTED_DIRECTIONS ", " GITFERRY_FORCED_DIRECTIONS                         \
  ", trigger, delivery_id, marked_at_ms, attempts, next_attempt_at_ms, hold_until_ms, crash_count, " \
  "quarantined, last_plan, source_tip, target_tip, last_code_status, last_error, " last_text         \
  ", last_run_at_ms, last_success_at_ms, last_direction, put_to_outer, put_to_inter, common_tip, "   \
  "forgotten_run_id, ahead, behind FROM lane "

const std::string kSelect = GITFERRY_SELECT_LANE("last_text");

LaneRow row_of(const Query& query) {
  LaneRow row;
  int column = 0;
  row.id = query.integer(column++);
  row.branch_id = query.integer(column++);
  row.key.repository = query.text(column++);
  row.key.internal_ref = query.text(column++);
  row.key.external_ref = query.text(column++);
  row.requested_seq = query.integer(column++);
  row.done_seq = query.integer(column++);
  row.requested_directions = static_cast<unsigned>(query.integer(column++));
  row.forced_directions = static_cast<unsigned>(query.integer(column++));
  row.trigger = trigger_from(query.text(column++));
  row.delivery_id = query.optional_integer(column++);
  row.marked_at_ms = query.integer(column++);
  row.attempts = static_cast<int>(query.integer(column++));
  row.next_attempt_at_ms = query.integer(column++);
  row.hold_until_ms = query.integer(column++);
  row.crash_count = static_cast<int>(query.integer(column++));
  row.quarantined = query.integer(column++) != 0;
  row.last_plan = query.text(column++);
  row.source_tip = query.text(column++);
  row.target_tip = query.text(column++);
  row.last_code_status = static_cast<int>(query.integer(column++));
  row.last_error = query.text(column++);
  row.last_text = query.text(column++);
  row.last_run_at_ms = query.integer(column++);
  row.last_success_at_ms = query.integer(column++);
  if (const auto direction = query.integer(column++); direction != 0) {
    row.last_direction = static_cast<Direction>(direction);
  }
  row.put_to_outer = query.text(column++);
  row.put_to_inter = query.text(column++);
  row.common_tip = query.text(column++);
  row.forgotten_run_id = query.integer(column++);
  row.ahead = query.optional_integer(column++);
  row.behind = query.optional_integer(column++);
  return row;
}

std::vector<LaneRow> rows_of(Query& query) {
  std::vector<LaneRow> rows;
  while (query.next()) rows.push_back(row_of(query));
  return rows;
}

std::int64_t lane_of(SqlConnection& connection, const LaneKey& key, std::int64_t now_ms) {
  {
    auto query = connection.query(
        "SELECT id FROM lane WHERE repository = ?1 AND internal_ref = ?2 AND external_ref = ?3");
    if (query.bind(key.repository, key.internal_ref, key.external_ref).next()) return query.integer(0);
  }
  const auto branch = allot_branch_id(connection, key, now_ms).id;
  return connection
      .query("INSERT INTO lane (branch_id, repository, internal_ref, external_ref) VALUES (?1, ?2, ?3, ?4)")
      .bind(branch, key.repository, key.internal_ref, key.external_ref)
      .insert();
}

std::vector<std::int64_t> count_by_search(SqlConnection& connection,
                                          std::span<const std::string> repositories) {
  std::vector<std::int64_t> counts;
  for (const auto& repository : repositories) {
    auto query = connection.query("SELECT count(*) FROM lane WHERE repository = ?1");
    query.bind(repository).next();
    counts.push_back(query.integer(0));
  }
  return counts;
}

std::vector<std::int64_t> count_by_scan(SqlConnection& connection,
                                        std::span<const std::string> repositories) {
  std::unordered_map<std::string, std::int64_t> all;
  auto query = connection.query("SELECT repository, count(*) FROM lane GROUP BY repository");
  while (query.next()) all.emplace(query.text(0), query.integer(1));
  std::vector<std::int64_t> counts;
  for (const auto& repository : repositories) {
    const auto found = all.find(repository);
    counts.push_back(found == all.end() ? 0 : found->second);
  }
  return counts;
}

bool was_forgotten_since(SqlConnection& connection, std::int64_t lane_id, std::int64_t run_id) {
  auto query = connection.query("SELECT forgotten_run_id >= ?2 FROM lane WHERE id = ?1");
  return query.bind(lane_id, run_id).next() && query.integer(0) != 0;
}

void note_put_tip(SqlConnection& connection, const RunEnd& end) {
  const auto put = tip_put_by(end.report);
  // What is gone from both sides is nothing that gitferry put there any more, whoever deleted it.
  const bool is_gone = !end.report.error && !end.report.dry_run && !end.report.source_tip;
  if (is_gone) {
    connection.query("UPDATE lane SET put_to_outer = '', put_to_inter = '' WHERE id = ?1")
        .bind(end.lane_id)
        .run();
  }
  if (!put) return;
  connection
      .query(R"sql(
    UPDATE lane SET put_to_outer = CASE WHEN coalesce(run.went, run.direction) = 1 THEN ?3 ELSE put_to_outer END,
      put_to_inter = CASE WHEN coalesce(run.went, run.direction) = 2 THEN ?3 ELSE put_to_inter END
    FROM run WHERE lane.id = ?1 AND run.id = ?2)sql")
      .bind(end.lane_id, end.run_id, hex_of(put))
      .run();
}

bool may_still_force(SqlConnection& connection, std::int64_t lane_id, Direction direction) {
  auto query = connection.query(
      "SELECT CASE ?2 WHEN 1 THEN force_to_outer_seq ELSE force_to_inter_seq END > done_seq FROM lane "
      "WHERE id = ?1");
  return query.bind(lane_id, static_cast<int>(direction)).next() && query.integer(0) != 0;
}

/// Whether nothing that a run of `lane` would go by was forgotten since the row was read.
bool still_holds(SqlConnection& connection, const LaneRow& lane, Direction direction) {
  if (lane.put_tip(direction).empty() && lane.common_tip.empty()) return true;
  auto query = connection.query("SELECT forgotten_run_id = ?2 FROM lane WHERE id = ?1");
  return query.bind(lane.id, lane.forgotten_run_id).next() && query.integer(0) != 0;
}

/// What both sides have after a run that succeeded; unset where the run does not tell.
std::optional<std::string> common_tip_after(const RunReport& report) {
  if (report.error || report.dry_run) return std::nullopt;
  if (report.plan == Plan::Delete || !report.source_tip) return std::string();
  return report.source_tip == report.target_tip_after ? std::optional(report.source_tip->hex())
                                                      : std::nullopt;
}

std::string target_tip_after(const RunReport& report) {
  if (report.plan == Plan::Delete && !report.error) return {};
  return hex_of(report.target_tip_after ? report.target_tip_after : report.target_tip_before);
}

}  // namespace

Trigger trigger_from(const std::string& name) {
  for (const auto trigger : {Trigger::Manual, Trigger::Boot, Trigger::Configuration, Trigger::Reconcile}) {
    if (name == name_of(trigger)) return trigger;
  }
  return Trigger::Webhook;
}

Receipt::Marked mark_lane(SqlConnection& connection, const LaneMark& mark, const MarkCause& cause) {
  const auto id = lane_of(connection, mark.key, cause.now_ms);
  auto query = connection.query(R"sql(
    UPDATE lane SET
      marked_at_ms = CASE WHEN requested_seq > done_seq THEN marked_at_ms ELSE ?5 END,
      folded_at_ms = coalesce(folded_at_ms, ?5),
      requested_seq = requested_seq + 1,
      to_outer_seq = CASE ?2 WHEN 1 THEN requested_seq + 1 ELSE to_outer_seq END,
      to_inter_seq = CASE ?2 WHEN 2 THEN requested_seq + 1 ELSE to_inter_seq END,
      force_to_outer_seq = CASE WHEN ?7 = 1 AND ?2 = 1 THEN requested_seq + 1 ELSE force_to_outer_seq END,
      force_to_inter_seq = CASE WHEN ?7 = 1 AND ?2 = 2 THEN requested_seq + 1 ELSE force_to_inter_seq END,
      trigger = ?3, delivery_id = ?4, next_attempt_at_ms = ?5,
      crash_count = CASE WHEN ?6 = 1 THEN 0 ELSE crash_count END,
      quarantined = CASE WHEN ?6 = 1 THEN 0 ELSE quarantined END
    WHERE id = ?1 RETURNING requested_seq)sql");
  query.bind(id, static_cast<int>(mark.direction), name_of(cause.trigger), cause.delivery_id, cause.now_ms,
             cause.trigger == Trigger::Manual, mark.force);
  query.next();
  const auto seq = query.integer(0);
  query.next();  // steps to the end: only then is the statement's work complete
  return {id, seq};
}

Status may_begin(SqlConnection& connection, const LaneRow& lane, Direction direction) {
  if (lane.is_forced(direction) && !may_still_force(connection, lane.id, direction)) {
    return fail(ErrorCode::Unavailable,
                fmt::format("open a run of '{}': leave to force it was taken back, for its addresses changed",
                            lane.key.repository));
  }
  if (!still_holds(connection, lane, direction)) {
    return fail(
        ErrorCode::Unavailable,
        fmt::format("open a run of '{}': what was last put there is forgotten, for its addresses changed",
                    lane.key.repository));
  }
  return {};
}

void note_run_began(SqlConnection& connection, const LaneRow& lane, Direction direction) {
  // Leave to force that came after `lane` was read is not this run's: the run does not know of it.
  connection
      .query(R"sql(
    UPDATE lane SET folded_at_ms = CASE WHEN requested_seq > ?2 THEN folded_at_ms END,
      force_to_outer_seq = CASE WHEN ?3 = 1 AND force_to_outer_seq <= ?2 THEN 0 ELSE force_to_outer_seq END,
      force_to_inter_seq = CASE WHEN ?3 = 2 AND force_to_inter_seq <= ?2 THEN 0 ELSE force_to_inter_seq END
    WHERE id = ?1)sql")
      .bind(lane.id, lane.requested_seq, static_cast<int>(direction))
      .run();
}

void forget_lanes(SqlConnection& connection, const std::string& repository) {
  connection
      .query(R"sql(
    UPDATE lane SET last_plan = '', source_tip = '', target_tip = '', last_code_status = 0, last_error = '',
      last_text = '', last_run_at_ms = 0, last_success_at_ms = 0, attempts = 0, next_attempt_at_ms = 0,
      hold_until_ms = 0, crash_count = 0, quarantined = 0, force_to_outer_seq = 0, force_to_inter_seq = 0,
      put_to_outer = '', put_to_inter = '', common_tip = '', ahead = NULL, behind = NULL,
      forgotten_run_id = coalesce((SELECT max(id) FROM run), 0)
    WHERE repository = ?1)sql")
      .bind(repository)
      .run();
}

void note_run_ended(SqlConnection& connection, const RunEnd& end) {
  if (was_forgotten_since(connection, end.lane_id, end.run_id)) return;
  const auto& report = end.report;
  const auto* error = report.error ? &info(report.error->code) : nullptr;
  // What was replaced or refused; after a success both sides are equal.
  const auto apart = [&](std::uint64_t Divergence::*count) -> std::optional<std::int64_t> {
    if (!report.error || !report.divergence) return std::nullopt;
    return static_cast<std::int64_t>((*report.divergence).*count);
  };
  connection
      .query(R"sql(
    UPDATE lane SET last_plan = ?2, source_tip = ?3, target_tip = ?4, last_code_status = ?5, last_error = ?6,
      last_text = ?7, last_run_at_ms = ?8,
      last_success_at_ms = CASE WHEN ?6 = '' THEN ?8 ELSE last_success_at_ms END, crash_count = 0,
      last_direction = coalesce((SELECT coalesce(went, direction) FROM run WHERE id = ?9), last_direction),
      common_tip = coalesce(?10, common_tip), ahead = ?11, behind = ?12
    WHERE id = ?1)sql")
      .bind(end.lane_id, name_of(report.plan), hex_of(report.source_tip), target_tip_after(report),
            error ? error->code_status : 0, error ? error->name : std::string_view(), end.text,
            end.finished_at_ms, end.run_id, common_tip_after(report), apart(&Divergence::ahead),
            apart(&Divergence::behind))
      .run();
  note_put_tip(connection, end);
  if (end.more_follows) return;
  if (!end.done_seq) {
    // A mark made while the run went on asked for a run at once, as one made after it does.
    connection
        .query(R"sql(
    UPDATE lane SET attempts = attempts + ?2, hold_until_ms = ?4,
      next_attempt_at_ms = CASE WHEN folded_at_ms IS NULL THEN ?3 ELSE next_attempt_at_ms END
    WHERE id = ?1)sql")
        .bind(end.lane_id, end.counts_as_attempt, end.next_attempt_at_ms, end.hold_until_ms)
        .run();
    crash_point(CrashPoint::BackoffWritten);
    return;
  }
  connection
      .query(R"sql(
    UPDATE lane SET done_seq = {larger}(done_seq, ?2), attempts = 0, hold_until_ms = ?3,
      marked_at_ms = CASE WHEN requested_seq > ?2 THEN coalesce(folded_at_ms, marked_at_ms) ELSE marked_at_ms END,
      folded_at_ms = CASE WHEN requested_seq > ?2 THEN folded_at_ms END
    WHERE id = ?1)sql")
      .bind(end.lane_id, *end.done_seq, end.hold_until_ms)
      .run();
  crash_point(CrashPoint::DoneSeqWritten);
}

void drop_request(SqlConnection& connection, std::int64_t lane_id, std::int64_t done_seq,
                  const Error& reason) {
  const auto& row = info(reason.code);
  connection
      .query(R"sql(
    UPDATE lane SET done_seq = {larger}(done_seq, {smaller}(?2, requested_seq)), attempts = 0, last_code_status = ?3,
      last_error = ?4, last_text = ?5,
      folded_at_ms = CASE WHEN requested_seq > ?2 THEN folded_at_ms END
    WHERE id = ?1)sql")
      .bind(lane_id, done_seq, row.code_status, row.name, reason.text())
      .run();
}

std::vector<LaneKey> count_crashes(SqlConnection& connection) {
  auto query = connection.query(R"sql(
    UPDATE lane SET crash_count = crash_count + 1,
      quarantined = CASE WHEN crash_count + 1 >= ?1 THEN 1 ELSE 0 END
    WHERE id IN (SELECT lane_id FROM run WHERE state = 'running' AND {is_left_over})
    RETURNING quarantined, repository, internal_ref, external_ref)sql");
  query.bind(kCrashLimit);
  std::vector<LaneKey> quarantined;
  while (query.next()) {
    if (query.integer(0) != 0) quarantined.push_back({query.text(1), query.text(2), query.text(3)});
  }
  return quarantined;
}

void make_pending_due(SqlConnection& connection) {
  connection.execute(
      "UPDATE lane SET next_attempt_at_ms = 0 WHERE requested_seq > done_seq AND quarantined = 0");
}

void make_pending_due_of(SqlConnection& connection, std::span<const std::string> repositories) {
  connection
      .query(
          "UPDATE lane SET next_attempt_at_ms = 0 WHERE requested_seq > done_seq AND quarantined = 0 "
          "AND repository IN {texts(}?1{)}")
      .bind(json_array(repositories))
      .run();
}

std::optional<LaneRow> find_lane(SqlConnection& connection, std::int64_t id) {
  static const std::string sql = kSelect + "WHERE id = ?1";
  auto query = connection.query(sql.c_str());
  if (!query.bind(id).next()) return std::nullopt;
  return row_of(query);
}

std::optional<LaneRow> find_lane(SqlConnection& connection, const LaneKey& key) {
  static const std::string sql =
      kSelect + "WHERE repository = ?1 AND internal_ref = ?2 AND external_ref = ?3";
  auto query = connection.query(sql.c_str());
  if (!query.bind(key.repository, key.internal_ref, key.external_ref).next()) return std::nullopt;
  return row_of(query);
}

std::vector<LaneRow> lanes_of_repositories(SqlConnection& connection,
                                           std::span<const std::string> repositories) {
  static const std::string sql = kSelect +
                                 "WHERE repository IN {texts(}?1{)} "
                                 "ORDER BY repository, internal_ref, external_ref";
  auto query = connection.query(sql.c_str());
  query.bind(json_array(repositories));
  return rows_of(query);
}

std::vector<std::int64_t> count_lanes(SqlConnection& connection, std::span<const std::string> repositories) {
  return repositories.size() > kManyRepositories ? count_by_scan(connection, repositories)
                                                 : count_by_search(connection, repositories);
}

std::vector<std::int64_t> count_tag_lanes(SqlConnection& connection,
                                          std::span<const std::string> repositories) {
  std::vector<std::int64_t> counts;
  for (const auto& repository : repositories) {
    // '0' is what comes after '/'.
    auto query = connection.query(
        "SELECT count(*) FROM lane WHERE repository = ?1 AND internal_ref >= 'refs/tags/' "
        "AND internal_ref < 'refs/tags0'");
    query.bind(repository).next();
    counts.push_back(query.integer(0));
  }
  return counts;
}

std::vector<LaneRow> all_lanes(SqlConnection& connection) {
  static const std::string sql = kSelect + "ORDER BY repository, internal_ref, external_ref";
  auto query = connection.query(sql.c_str());
  return rows_of(query);
}

std::vector<LaneRow> find_lanes_behind(SqlConnection& connection, const LaneKey& key, std::size_t limit) {
  auto query = connection.query(GITFERRY_SELECT_LANE(
      "''") "WHERE (repository, internal_ref, external_ref) > (?1, ?2, ?3) "
            "ORDER BY repository, internal_ref, external_ref LIMIT ?4");
  query.bind(key.repository, key.internal_ref, key.external_ref, limit);
  return rows_of(query);
}

std::vector<LaneRow> due_lanes(SqlConnection& connection, std::int64_t now_ms, const ScanPosition& position) {
  static const std::string sql = kSelect + "WHERE " GITFERRY_IS_PENDING "AND " GITFERRY_IS_DUE("?1", "?2") +
                                 "AND {is_free} AND (marked_at_ms, repository, branch_id) > (?3, ?4, ?5) "
                                 "ORDER BY marked_at_ms, repository, branch_id LIMIT ?6";
  auto query = connection.query(sql.c_str());
  query.bind(now_ms, kFurthestAttemptMs, position.marked_at_ms, position.repository, position.branch_id,
             kScanSize);
  return rows_of(query);
}

std::vector<std::int64_t> due_lanes_of(SqlConnection& connection, const LaneGroup& group, std::int64_t now_ms,
                                       std::size_t limit) {
  auto query = connection.query("SELECT id FROM lane WHERE " GITFERRY_IS_PENDING "AND " GITFERRY_IS_DUE(
      "?1", "?2") "AND {is_free} AND repository = ?3 AND " GITFERRY_REQUESTED_DIRECTIONS
                  " = ?4 AND " GITFERRY_FORCED_DIRECTIONS
                  " = ?5 AND crash_count = ?6 AND attempts BETWEEN ?7 AND ?8 AND marked_at_ms > ?9 "
                  "ORDER BY marked_at_ms, id LIMIT ?10");
  query.bind(now_ms, kFurthestAttemptMs, group.repository, group.requested_directions,
             group.forced_directions, group.crash_count, group.attempts_min, group.attempts_max,
             group.marked_after_ms, limit);
  std::vector<std::int64_t> ids;
  while (query.next()) ids.push_back(query.integer(0));
  return ids;
}

std::vector<LaneRow> find_lanes_to_run(SqlConnection& connection, std::span<const std::int64_t> ids) {
  auto query = connection.query(GITFERRY_SELECT_LANE("''") "WHERE id IN {numbers(}?1{)}");
  query.bind(json_array(ids));
  return rows_of(query);
}

std::optional<std::int64_t> next_due(SqlConnection& connection, std::int64_t now_ms) {
  auto query = connection.query(R"sql(
    SELECT min({larger}(next_attempt_at_ms, hold_until_ms)) FROM lane
    WHERE requested_seq > done_seq AND quarantined = 0
      AND {larger}(next_attempt_at_ms, hold_until_ms) BETWEEN ?1 + 1 AND ?1 + ?2)sql");
  query.bind(now_ms, kFurthestAttemptMs).next();
  return query.optional_integer(0);
}

}  // namespace gitferry
